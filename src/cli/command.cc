#include "cli/command.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/concat.h"
#include "base/error.h"
#include "base/text_writer.h"
#include "compile/matrix.h"

namespace brim {

namespace {

std::string context_problem(const std::string& text) {
  const bool number =
      !text.empty() && text.size() <= 8 && text.find_first_not_of("0123456789") == std::string::npos;
  return text == "max" || (number && std::stoul(text) > 0) ? "" : "must be 'max' or a number of tokens";
}

}  // namespace

namespace {

// One value per --set, so that what follows is not taken for another one.
CLI::Option* add_set(CLI::App& command, std::vector<std::string>& set) {
  return command
      .add_option("--set", set,
                  "Change a value of the board file, as axi.fabric_latency_ns=400; may be given again")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

const std::map<std::string, EmbeddingFormat> kEmbeddings = {
    {"fp16", EmbeddingFormat::kFp16}, {"q8", EmbeddingFormat::kQ8}, {"q4", EmbeddingFormat::kQ4}};

std::string embedding_problem(const std::string& text) {
  const std::string format = text.ends_with(",card") ? text.substr(0, text.size() - 5) : text;
  return text == "card" || kEmbeddings.contains(format) ? ""
                                                        : "must be fp16, q8 or q4, or card, or fp16,card ...";
}

}  // namespace

void PlacementOptions::add_to(CLI::App& command) {
  command.add_option("--board", board, "Board name, or a JSON file that describes one")
      ->capture_default_str();
  add_set(command, set);
  command
      .add_option_function<std::string>(
          "--context",
          [this](const std::string& text) {
            context = text == "max" ? std::nullopt : std::optional(static_cast<uint32_t>(std::stoul(text)));
          },
          "Tokens the KV cache has room for, or 'max': all that fit, up to the trained context")
      ->default_str("max")
      ->check(context_problem, "TOKENS|max");
  command
      .add_option_function<std::string>(
          "--eight-bit", [this](const std::string& names) { eight_bit = roles_of_matrices(names); },
          "Matrices to hold in eight bits instead of four, as lm_head,down: any of qkv, o, gate_up, down, "
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
      });
  command
      .add_option_function<std::string>(
          "--embedding",
          [this](const std::string& text) {
            const bool on_card = text.ends_with("card");
            const std::string format = on_card && text.size() > 4 ? text.substr(0, text.size() - 5) : text;
            embedding_on_card = on_card;
            if (!on_card || text.size() > 4) embedding = kEmbeddings.at(format);
          },
          "How the embedding table is stored: fp16, q8 or q4; card, or fp16,card and so on: on the card, "
          "from "
          "which the rows of a pass's tokens are read before it, so that a longer context fits")
      ->check(embedding_problem, "fp16|q8|q4[,card]")
      ->default_str("q8");
  command
      .add_option("--kv", kv,
                  "Bits of the KV cache: 8, 4, k8v4 (keys 8, values 4), or auto: 4 where 8 do not hold the "
                  "context")
      ->check(CLI::IsMember({"8", "4", "k8v4", "auto"}))
      ->capture_default_str();
  command.add_flag("!--no-kv-rotation", kv_rotation,
                   "Keep 4-bit keys and values as they are, and do not spread outliers by a rotation first");
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

void add_target_options(CLI::App& command, Target& target) {
  auto* name = command
                   .add_option("--target", target.name,
                               "What runs the program: cpu (the fastest kernels this processor has), one of "
                               "reference, avx512, avx2, neon, or rtl (the accelerator's RTL on the board's "
                               "memory, simulated)")
                   ->check(CLI::IsMember({"cpu", "reference", "avx512", "avx2", "neon", "rtl"}))
                   ->capture_default_str();
  const auto with_rtl_only = [&target](const CLI::Option* option) {
    if (option->count() > 0 && !target.is_rtl())
      throw CLI::ValidationError(option->get_name(), "goes with --target rtl only");
  };
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
  command.parse_complete_callback([=] {
    with_rtl_only(rtl_tokens);
    with_rtl_only(board);
    with_rtl_only(set);
  });
  command.add_option("-t,--threads", target.threads, "Threads (default: one per physical core)")
      ->check(CLI::Range(1, 1024));
  command.add_flag("--pin", target.pin, "Tie each thread to a CPU");
  command
      .add_option_function<std::string>(
          "--load",
          [&target](const std::string& value) { target.load = value == "copy" ? Load::kCopy : Load::kMap; },
          "map: use the file as the system caches it, which starts at once. copy: read it into huge pages "
          "first, "
          "which takes as much memory again")
      ->check(CLI::IsMember({"map", "copy"}))
      ->default_str("map");
  command
      .add_option_function<std::string>(
          "--check", [&target](const std::string& value) { target.check_stream = value == "stream"; },
          "stream: compare the checksums of weights as they are used, which costs some speed; none: trust "
          "memory and file. The reference and the RTL always compare them")
      ->check(CLI::IsMember({"none", "stream"}))
      ->default_str("none");
  command
      .add_option("--tokens-per-pass", target.tokens_per_pass,
                  "Prompt tokens per pass over the weights (default: 64, reference: 8)")
      ->check(CLI::Range(1, 1024));
}

void add_spec_options(CLI::App& command, SpecOptions& options) {
  command
      .add_option_function<std::string>(
          "--spec-type", [&options](const std::string& name) { options.type = *spec_type_named(name); },
          "What drafts tokens that a pass verifies together; the text is the same. ngram: what followed the "
          "last tokens before. auto: whatever there is")
      ->check(CLI::IsMember(std::vector<std::string>(kSpecTypes.begin(), kSpecTypes.end())))
      ->default_str(std::string(name_of(options.type)));
  command.add_option("--spec-draft-n-max", options.max_drafts, "Most tokens to draft for a pass")
      ->check(CLI::Range(uint32_t{1}, Speculation::kMostDrafts))
      ->capture_default_str();
}

void add_sampler_options(CLI::App& command, SamplerOptions& options) {
  for (const SamplerOption& option : kSamplerOptions) {
    const auto number = [](double value) {
      char room[32];
      return std::string(TextWriter(room).add_decimal(value).text());
    };
    const std::string range = option.number != nullptr
                                  ? "a whole number"
                                  : concat(option.count != nullptr ? "a whole number" : "a number", " from ",
                                           number(option.least), " to ", number(option.most));
    command
        .add_option_function<std::string>(
            concat("--", option.name),
            [&option, &options](const std::string& text) { set_option(option, text, options); },
            std::string(option.help))
        ->check(
            [&option, range](const std::string& text) {
              SamplerOptions any;
              return set_option(option, text, any) ? std::string() : concat("'", text, "' is not ", range);
            },
            option.decimal != nullptr ? "X" : "N")
        ->default_str(number(value_of(option, options)));
  }
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
  if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error("cannot write to standard output");
}

std::vector<uint32_t> parse_ids(const std::string& list) {
  std::vector<uint32_t> ids;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) {
    uint32_t id = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), id);
    if (error != std::errc() || end != part.data() + part.size()) {
      throw Error("'" + part + "' is no token id; give ids as 1,2,3");
    }
    ids.push_back(id);
  }
  if (ids.empty()) throw Error("no token ids; give them as 1,2,3");
  return ids;
}

}  // namespace brim
