#include "cli/command.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/concat.h"
#include "base/error.h"
#include "base/text_writer.h"
#include "compile/matrix.h"
#include "tokenizer/build.h"
#include "tokenizer/printable.h"

namespace brim {

namespace {

std::string context_problem(const std::string& text) {
  const bool number =
      !text.empty() && text.size() <= 8 && text.find_first_not_of("0123456789") == std::string::npos;
  return text == "max" || (number && std::stoul(text) > 0) ? "" : "must be 'max' or a number of tokens";
}

}  // namespace

// One value per --set, so that what follows is not taken for another one.
CLI::Option* add_set(CLI::App& command, std::vector<std::string>& set) {
  return command
      .add_option("--set", set,
                  "Change a value of the board file, as axi.fabric_latency_ns=400; may be given again")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

namespace {

const std::map<std::string, EmbeddingFormat> kEmbeddings = {
    {"fp16", EmbeddingFormat::kFp16}, {"q8", EmbeddingFormat::kQ8}, {"q4", EmbeddingFormat::kQ4}};

std::string embedding_problem(const std::string& text) {
  const std::string format = text.ends_with(",card") ? text.substr(0, text.size() - 5) : text;
  return text == "card" || kEmbeddings.contains(format) ? ""
                                                        : "must be fp16, q8 or q4, or card, or fp16,card ...";
}

}  // namespace

void PlacementOptions::add_to(CLI::App& command) {
  board_ = command.add_option("--board", board, "Board name, or a JSON file that describes one")
               ->capture_default_str();
  add_set(command, set);
  decided_.push_back(
      command
          .add_option_function<std::string>(
              "--context",
              [this](const std::string& text) {
                context =
                    text == "max" ? std::nullopt : std::optional(static_cast<uint32_t>(std::stoul(text)));
              },
              "Tokens the KV cache has room for, or 'max': all that fit, up to the trained context")
          ->default_str("max")
          ->check(context_problem, "TOKENS|max"));
  decided_.push_back(command
                         .add_option_function<std::string>(
                             "--eight-bit",
                             [this](const std::string& names) { eight_bit = roles_of_matrices(names); },
                             "Matrices to hold in eight bits instead of four, as lm_head,down: any of qkv, "
                             "o, gate_up, down, "
                             "lm_head, "
                             "router (which always is), all. They take twice the memory and time")
                         ->type_name("NAME,...")
                         ->check([](const std::string& names) {
                           try {
                             roles_of_matrices(names);
                             return std::string();
                           } catch (const Error& error) {
                             return std::string(error.what());
                           }
                         }));
  decided_.push_back(
      command
          .add_option_function<std::string>(
              "--embedding",
              [this](const std::string& text) {
                const bool on_card = text.ends_with("card");
                const std::string format =
                    on_card && text.size() > 4 ? text.substr(0, text.size() - 5) : text;
                embedding_on_card = on_card;
                if (!on_card || text.size() > 4) embedding = kEmbeddings.at(format);
              },
              "How the embedding table is stored: fp16, q8 or q4; card, or fp16,card and so on: on the card, "
              "from "
              "which the rows of a pass's tokens are read before it, so that a longer context fits")
          ->check(embedding_problem, "fp16|q8|q4[,card]")
          ->default_str("q8"));
  decided_.push_back(
      command
          .add_option(
              "--kv", kv,
              "Bits of the KV cache: 8, 4, k8v4 (keys 8, values 4), or auto: 4 where 8 do not hold the "
              "context")
          ->check(CLI::IsMember({"8", "4", "k8v4", "auto"}))
          ->capture_default_str());
  decided_.push_back(command.add_flag(
      "!--no-kv-rotation", kv_rotation,
      "Keep 4-bit keys and values as they are, and do not spread outliers by a rotation first"));
  decided_.push_back(
      command.add_option("--tokenizer", tokenizer,
                         "tokenizer.json, SentencePiece .model or llama2.c .bin (default: the model's own)"));
}

void PlacementOptions::refuse_beside_image(const std::string& image) const {
  for (const CLI::Option* option : decided_) {
    if (option->count() > 0)
      throw CLI::ValidationError(option->get_name(), image + " is an image, which was packed with its own");
  }
}

std::vector<uint8_t> find_tokenizer(const std::string& given, const std::string& model,
                                    const TensorSource& source) {
  const bool is_folder = std::filesystem::is_directory(model);
  const uint32_t vocabulary = source.description().vocabulary;
  if (!given.empty()) return build_tokenizer(given, is_folder ? model : "", vocabulary);
  if (const auto embedded = source.embedded_tokenizer()) return build_tokenizer_from_arrays(*embedded);
  if (!is_folder) return {};
  for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
    if (std::filesystem::exists(std::filesystem::path(model) / name))
      return build_tokenizer(model, {}, vocabulary);
  }
  return {};
}

nlohmann::json or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

void print_json(const nlohmann::json& json) {
  std::cout << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

PlanOptions PlacementOptions::plan(uint64_t tokenizer_bytes) const {
  const KvCache four{.key_bits = 4, .value_bits = 4, .rotated = kv_rotation};
  PlanOptions options{.embedding = embedding,
                      .embedding_on_card = embedding_on_card,
                      .context = context,
                      .tokenizer_bytes = tokenizer_bytes};
  if (kv == "4") options.kv_cache = four;
  if (kv == "k8v4") options.kv_cache = {.key_bits = 8, .value_bits = 4, .rotated = false};
  if (kv == "auto") options.smaller_kv_cache = four;
  return options;
}

namespace {

CLI::Option* add_target(CLI::App& command, Target& target, std::vector<std::string> more,
                        const std::string& what_more) {
  std::vector<std::string> names = {"cpu", "reference", "amx", "avx512", "avx2", "neon"};
  names.insert(names.end(), more.begin(), more.end());
  return command
      .add_option("--target", target.name,
                  "What runs the program: cpu (the fastest kernels this processor has), one of reference, "
                  "amx, avx512, avx2, neon" +
                      what_more)
      ->check(CLI::IsMember(names))
      ->capture_default_str();
}

// What sizes kernels on this machine; `add_size(option)` is told of each.
template <typename Added>
void add_sizes(CLI::App& command, Target& target, const Added& added) {
  added(command.add_option("-t,--threads", target.threads, "Threads (default: one per physical core)")
            ->check(CLI::Range(1, 1024)));
  added(command.add_flag("--pin", target.pin, "Tie each thread to a CPU"));
  added(command
            .add_option_function<std::string>(
                "--weights",
                [&target](const std::string& value) {
                  target.load = value == "copy" ? Load::kCopy : Load::kMap;
                },
                "map: use the file as the system caches it, which starts at once. copy: read it into huge "
                "pages first, which takes as much memory again")
            ->check(CLI::IsMember({"map", "copy"}))
            ->default_str("map"));
  added(command
            .add_option_function<std::string>(
                "--check", [&target](const std::string& value) { target.check_stream = value == "stream"; },
                "stream: compare the checksums of weights as they are used, which costs some speed; none: "
                "trust memory and file. The reference and the RTL always compare them")
            ->check(CLI::IsMember({"none", "stream"}))
            ->default_str("none"));
}

void add_tokens_per_pass(CLI::App& command, Target& target) {
  command
      .add_option("--tokens-per-pass", target.tokens_per_pass,
                  "Prompt tokens per pass over the weights (default: 64, reference: 8)")
      ->check(CLI::Range(1, 1024));
}

}  // namespace

void add_interpreter_options(CLI::App& command, Target& target) {
  add_target(command, target, {}, "");
  add_sizes(command, target, [](const CLI::Option*) {});
  add_tokens_per_pass(command, target);
}

void add_target_options(CLI::App& command, Target& target) {
  auto* name = add_target(command, target, {"rtl"},
                          ", or rtl (the accelerator's RTL on the board's memory, simulated)");
  const CLI::Option* rtl_tokens =
      command
          .add_option("--rtl-tokens", target.rtl_tokens,
                      "Tokens per pass that the RTL is built for (default: the smallest one built that fits)")
          ->check(CLI::IsMember({1, 4, 8}))
          ->needs(name);
  const CLI::Option* board =
      command
          .add_option(
              "--board", target.board,
              "Board, by name or JSON file, whose memory the RTL is simulated on (default: the image's)")
          ->needs(name);
  const CLI::Option* set = add_set(command, target.set);
  std::vector<const CLI::Option*> sizes;
  add_sizes(command, target, [&](const CLI::Option* option) { sizes.push_back(option); });
  add_tokens_per_pass(command, target);
  command.parse_complete_callback([=, &target] {
    for (const CLI::Option* option : {rtl_tokens, board, set}) {
      if (option->count() > 0 && !target.is_rtl())
        throw CLI::ValidationError(option->get_name(), "goes with --target rtl only");
    }
    for (const CLI::Option* option : sizes) {
      if (option->count() > 0 && target.is_rtl())
        print_note(option->get_name() + " has no effect with --target rtl");
    }
  });
}

void add_spec_options(CLI::App& command, SpecOptions& options) {
  command
      .add_option_function<std::string>(
          "--spec-type", [&options](const std::string& name) { options.type = *spec_type_named(name); },
          "What drafts tokens that a pass verifies together; the text is the same. ngram: what followed the "
          "last tokens before. draft: the image's draft model. auto: whatever there is")
      ->check(CLI::IsMember(std::vector<std::string>(kSpecTypes.begin(), kSpecTypes.end())))
      ->default_str(std::string(name_of(options.type)));
  command.add_option("--spec-draft-n-max", options.max_drafts, "Most tokens to draft for a pass")
      ->check(CLI::Range(uint32_t{1}, Speculation::kMostDrafts))
      ->capture_default_str();
  command
      .add_option("--spec-draft-n-min", options.min_drafts,
                  "Fewest tokens to draft, also where it does not pay; 0: as many as pay")
      ->check(CLI::Range(uint32_t{0}, Speculation::kMostDrafts))
      ->capture_default_str();
}

void add_sampler_options(CLI::App& command, SamplerOptions& options) {
  const auto written = [](const auto& write) {
    char room[256];
    TextWriter text(room);
    write(text);
    return std::string(text.text());
  };
  for (const SamplerOption& option : kSamplerOptions) {
    const std::string name = concat("--", option.name);
    const std::string help(option.help);
    if (option.flag != nullptr) {
      command.add_flag(name, options.*option.flag, help);
      continue;
    }
    // Where it is a list, each of its values is checked with those before it.
    CLI::Option* const added = command.add_option_function<std::vector<std::string>>(
        name,
        [&option, &options, name, written](const std::vector<std::string>& values) {
          for (const std::string& value : values) {
            if (!value.empty() && set_option(option, value, options)) continue;
            throw CLI::ValidationError(name, concat("'", value, "' is not ", written([&](TextWriter& text) {
                                                      write_expected(option, text);
                                                    })));
          }
        },
        help);
    added->type_name(std::string(option.argument));
    added->allow_extra_args(false);
    if (option.is_list()) {
      added->take_all();
      continue;
    }
    added->expected(1);
    added->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    added->default_str(written([&](TextWriter& text) { write_value(option, options, text); }));
  }
}

void add_grammar_options(CLI::App& command, GrammarOptions& options) {
  CLI::Option* const all[] = {
      command.add_option("--grammar", options.gbnf,
                         "The answer follows this grammar, in GBNF (docs/grammar.md)"),
      command.add_option("--grammar-file", options.gbnf_file, "The answer follows the grammar in this file"),
      command.add_option("--json-schema", options.schema,
                         "The answer is JSON that this schema accepts; {} for any JSON"),
      command.add_option("--json-schema-file", options.schema_file,
                         "The answer is JSON that the schema in this file accepts")};
  for (CLI::Option* const one : all) {
    for (CLI::Option* const other : all) {
      if (one != other) one->excludes(other);
    }
  }
}

std::optional<GrammarState> GrammarOptions::compile(const Tokenizer& tokenizer) const {
  std::shared_ptr<const Grammar> grammar;
  if (gbnf) grammar = compile_gbnf(*gbnf);
  if (schema) grammar = compile_json_schema(std::string_view(*schema));
  const auto from_file = [&](const std::optional<std::string>& path, const auto& compile_text) {
    if (!path) return;
    const std::string text = read_text(*path);
    try {
      grammar = compile_text(text);
    } catch (const Error& error) {
      throw Error(concat(*path, ": ", error.what()));
    }
  };
  from_file(gbnf_file, [](std::string_view text) { return compile_gbnf(text); });
  from_file(schema_file, [](std::string_view text) { return compile_json_schema(text); });
  if (grammar == nullptr) return std::nullopt;
  return GrammarState(std::move(grammar), std::make_shared<const TokenTrie>(tokenizer));
}

Progress progress_bar(const std::string& what) {
  using Clock = std::chrono::steady_clock;
  if (isatty(STDERR_FILENO) == 0) return {};
  const auto start = Clock::now();
  return [=, shown = -1, first = uint64_t{0}](uint64_t done, uint64_t total) mutable {
    if (shown < 0 && first == 0)
      first = done;  // an earlier run's part, perhaps, which took no time of this one
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const int percent = total == 0 ? 100 : static_cast<int>(done * 100 / total);
    if (percent == shown || (seconds < 1.0 && shown < 0)) return;
    shown = percent;
    constexpr int kWidth = 40;
    const std::string bar(static_cast<size_t>(percent * kWidth / 100), '#');
    std::fprintf(stderr, "\r%s [%-*s] %3d%% %4.0f s", what.c_str(), kWidth, bar.c_str(), percent, seconds);
    if (done > first) {
      std::fprintf(stderr, ", %.0f s left ",
                   seconds * static_cast<double>(total - done) / static_cast<double>(done - first));
    }
    if (done == total) std::fputc('\n', stderr);
    std::fflush(stderr);
  };
}

std::string read_text(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || (file.peek(), file.bad())) throw Error("cannot read " + path + ": " + std::strerror(errno));
  if (!file.eof()) text << file.rdbuf();
  return text.str();
}

void finish_output() {
  std::cout.flush();
  if (std::cout && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  pollfd file = {STDOUT_FILENO, POLLOUT, 0};
  if (poll(&file, 1, 0) == 1 && (file.revents & POLLERR) != 0) throw ReaderGone();
  throw Error("cannot write to standard output");
}

void print_note(const std::string& text) { std::fprintf(stderr, "note: %s\n", printable(text).c_str()); }

std::vector<uint32_t> parse_list(const std::string& list, const std::string& what) {
  std::vector<uint32_t> ids;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) {
    uint32_t id = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), id);
    if (error != std::errc() || end != part.data() + part.size()) {
      throw Error("'" + part + "' is no " + what + "; give " + what + "s as 1,2,3");
    }
    ids.push_back(id);
  }
  if (ids.empty()) throw Error("no " + what + "s; give them as 1,2,3");
  return ids;
}

}  // namespace brim
