#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/concat.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/command.h"
#include "engine/read_bandwidth.h"
#include "engine/token_bytes.h"
#include "runtime/passes.h"
#include "runtime/sampler.h"
#include "runtime/session.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string positions;
  uint32_t prompt_tokens = 128;
  uint32_t rounds = 21;
  Target target;
  SpecOptions spec{.type = SpecType::kNone};
  SamplerOptions sampler;
  uint32_t text_tokens = 128;
  uint32_t parallel = 1;
  bool json = false;
};

// Results of one measurement in all rounds.
class Samples {
 public:
  void add(double value) { values_.insert(std::ranges::upper_bound(values_, value), value); }
  double median() const { return values_[values_.size() / 2]; }
  double least() const { return values_.front(); }
  double most() const { return values_.back(); }

 private:
  std::vector<double> values_;  // ascending
};

struct Decode {
  uint32_t position;
  uint64_t bytes;  // token_bytes
  Samples tokens_per_second;
  Samples read_bandwidth;  // measured before each decode
  Samples together;        // token/s of all texts of --parallel
  Samples ratio;           // to one, of a round
  double share() const {
    return tokens_per_second.median() * static_cast<double>(bytes) / read_bandwidth.median();
  }
};

template <typename Work>
double seconds(const Work& work) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Two positions by default: an empty context, and a long one.
std::vector<uint32_t> positions(const Options& options, uint32_t context) {
  constexpr uint32_t kLong = 1023;
  if (options.positions.empty()) return {0, std::min(kLong, context - 1)};
  std::vector<uint32_t> result = parse_list(options.positions, "position");
  for (const uint32_t position : result) {
    if (position < context) continue;
    throw Error("position " + std::to_string(position) + " is outside the image's context of " +
                std::to_string(context) + " tokens");
  }
  return result;
}

// A whole prompt at position 0, in passes as wide as the executor's.
void run_prompt(Executor& executor, uint32_t count) {
  std::vector<uint32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i) ids[i] = (i * 7919 + 1) % executor.vocabulary();
  run_passes(executor, ids, 0, count - 1, [](size_t, std::span<const float>) {});
}

// A text decoded with drafts and without, in turn.
struct TextBench {
  Samples plain, drafted;      // token/s
  Samples ratio;               // of the two of a round
  double tokens_per_pass = 0;  // of the last round
};

TextBench bench_text(Executor& executor, const Text& text, const Options& options) {
  TextBench result;
  const std::vector<uint32_t> prompt = text.encode_prompt("", false);
  for (uint32_t round = 0; round < options.rounds; ++round) {
    double rates[2];
    for (const bool drafted : {false, true}) {
      HostSpeculation speculation(executor, executor.draft(), options.spec);
      Session session(executor, text.tokenizer());
      if (drafted) session.speculate(speculation.get());
      HostSampler sampler(options.sampler, text.tokenizer());
      session.add(prompt);
      const Generation text_of = session.generate(sampler, {.max_tokens = options.text_tokens});
      if (text_of.passes == 0)
        throw Error("the text ends before anything can be measured; give another --seed");
      const auto tokens = static_cast<double>(text_of.tokens.size() - 1);
      rates[drafted ? 1 : 0] = tokens / text_of.decode_seconds;
      if (drafted) result.tokens_per_pass = tokens / static_cast<double>(text_of.passes);
    }
    result.plain.add(rates[0]);
    result.drafted.add(rates[1]);
    result.ratio.add(rates[1] / rates[0]);
  }
  return result;
}

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// "5.26 (5.20 - 5.31)", in so many units.
std::string spread(const Samples& samples, double unit) {
  return concat(fixed(samples.median() / unit, 2), " (", fixed(samples.least() / unit, 2), " - ",
                fixed(samples.most() / unit, 2), ")");
}

// Columns as wide as what stands in them; the first row is their names.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      std::printf("| %-*s ", static_cast<int>(widths[i]), row[i].c_str());
    std::printf("|\n");
    if (&row != &rows.front()) continue;
    for (const size_t width : widths) std::printf("|%s", std::string(width + 2, '-').c_str());
    std::printf("|\n");
  }
}

void bench(const Options& options) {
  if (!options.sampler.stop.empty()) throw Error("--stop is of no use here: the text has a fixed length");
  const MappedImage image(options.image);
  const Program program = image.program();
  ReadBandwidth bandwidth(options.target.thread_count(), options.target.pin);
  Target target = options.target;
  target.caches = options.parallel;
  const auto executor = make_interpreter(image, target);
  executor->fill_cache();
  const uint32_t prompt_tokens = std::min(options.prompt_tokens, executor->context());

  std::vector<Decode> decodes;
  for (const uint32_t position : positions(options, executor->context())) {
    decodes.push_back({position, token_bytes(program, position), {}, {}, {}, {}});
  }
  uint32_t token = 1 % executor->vocabulary();
  const auto decode = [&](uint32_t position) {
    token = argmax(executor->run({.tokens = {&token, 1}, .position = position, .first_logits = 0}));
  };

  // One token of each of several texts, in a pass.
  const std::vector<uint32_t> tokens(options.parallel, token);
  const auto decode_together = [&](uint32_t position) {
    std::vector<Place> places;
    for (uint32_t cache = 0; cache < options.parallel; ++cache) places.push_back({cache, position});
    executor->run({.tokens = tokens, .first_logits = 0, .places = places});
  };

  const Progress progress = progress_bar("measuring");
  decode(0);  // the first pass brings the image into memory
  for (uint32_t round = 0; round < options.rounds; ++round) {
    for (Decode& result : decodes) {
      result.read_bandwidth.add(bandwidth.measure());
      const double one = 1.0 / seconds([&] { decode(result.position); });
      result.tokens_per_second.add(one);
      if (options.parallel == 1) continue;
      const double all = options.parallel / seconds([&] { decode_together(result.position); });
      result.together.add(all);
      result.ratio.add(all / one);
    }
    if (progress) progress(round + 1, options.rounds);
  }
  Samples prompt;
  const uint32_t prompt_rounds = prompt_tokens == 0 ? 0 : std::min(options.rounds, 3u);
  for (uint32_t round = 0; round < prompt_rounds; ++round) {
    prompt.add(prompt_tokens / seconds([&] { run_prompt(*executor, prompt_tokens); }));
  }

  std::optional<TextBench> text;
  if (options.spec.type == SpecType::kDraft && !image.header().has_draft())
    throw Error(options.image + ": holds no draft model; pack it with --draft MODEL");
  if (options.spec.type != SpecType::kNone) text = bench_text(*executor, Text(image), options);

  const char* load = options.target.load == Load::kMap ? "map" : "copy";
  if (options.json) {
    nlohmann::json report = {{"target", executor->name()},
                             {"threads", options.target.thread_count()},
                             {"load", load},
                             {"rounds", options.rounds},
                             {"tokens_per_pass", executor->max_tokens_per_pass()},
                             {"decode_tokens_per_second", decodes[0].tokens_per_second.median()},
                             {"bytes_per_token", decodes[0].bytes},
                             {"read_bandwidth", decodes[0].read_bandwidth.median()},
                             {"bandwidth_share", decodes[0].share()}};
    for (const Decode& result : decodes) {
      report["decode"].push_back({{"position", result.position},
                                  {"tokens_per_second", result.tokens_per_second.median()},
                                  {"tokens_per_second_least", result.tokens_per_second.least()},
                                  {"tokens_per_second_most", result.tokens_per_second.most()},
                                  {"bytes_per_token", result.bytes},
                                  {"read_bandwidth", result.read_bandwidth.median()},
                                  {"read_bandwidth_least", result.read_bandwidth.least()},
                                  {"read_bandwidth_most", result.read_bandwidth.most()},
                                  {"bandwidth_share", result.share()}});
      if (options.parallel == 1) continue;
      report["decode"].back()["parallel"] = {{"texts", options.parallel},
                                             {"tokens_per_second", result.together.median()},
                                             {"ratio", result.ratio.median()},
                                             {"ratio_least", result.ratio.least()},
                                             {"ratio_most", result.ratio.most()}};
    }
    if (prompt_rounds != 0) {
      report["prompt_tokens"] = prompt_tokens;
      report["prompt_tokens_per_second"] = prompt.median();
      report["prompt_tokens_per_second_least"] = prompt.least();
      report["prompt_tokens_per_second_most"] = prompt.most();
    }
    if (text) {
      report["speculation"] = {{"type", name_of(options.spec.type)},
                               {"tokens", options.text_tokens},
                               {"tokens_per_second_none", text->plain.median()},
                               {"tokens_per_second", text->drafted.median()},
                               {"ratio", text->ratio.median()},
                               {"tokens_per_pass", text->tokens_per_pass}};
    }
    std::cout << report << '\n';
    finish_output();
    return;
  }
  std::printf("%s: %s kernels, %u thread%s, --load %s; medians (least - most) of %u rounds\n\n",
              image.header().model.name, executor->name().c_str(), options.target.thread_count(),
              options.target.thread_count() == 1 ? "" : "s", load, options.rounds);
  std::vector<std::vector<std::string>> rows = {
      {"test", "token/s", "a token reads", "read GB/s", "share of read"}};
  for (const Decode& result : decodes) {
    rows.push_back({concat("decode at ", result.position), spread(result.tokens_per_second, 1),
                    with_unit(static_cast<double>(result.bytes), "B"), spread(result.read_bandwidth, 1e9),
                    fixed(result.share(), 3)});
  }
  if (prompt_rounds != 0)
    rows.push_back({concat("prompt of ", prompt_tokens), spread(prompt, 1), "", "", ""});
  print_table(rows);
  for (const Decode& result : decodes) {
    if (options.parallel == 1) break;
    std::printf("\n%u texts in a pass at %u: %.2f token/s, %.2f (%.2f - %.2f) times those of one",
                options.parallel, result.position, result.together.median(), result.ratio.median(),
                result.ratio.least(), result.ratio.most());
  }
  if (options.parallel > 1) std::printf("\n");
  if (text) {
    std::printf(
        "\nA text of up to %u tokens from the start, temperature %g, --spec-type %s against none:\n"
        "%.2f token/s against %.2f, ratio %.3f (%.3f - %.3f), %.2f tokens per pass\n",
        options.text_tokens, static_cast<double>(options.sampler.temperature),
        std::string(name_of(options.spec.type)).c_str(), text->drafted.median(), text->plain.median(),
        text->ratio.median(), text->ratio.least(), text->ratio.most(), text->tokens_per_pass);
  }
  finish_output();
}

}  // namespace

void add_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("bench", "Measure decoding and prompts against the memory's read bandwidth");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("--positions", options->positions,
                      "Positions to decode at, as 0,1023 (default: 0 and 1023)");
  command->add_option("--prompt-tokens", options->prompt_tokens, "Length of the prompt; 0: none")
      ->capture_default_str();
  command->add_option("--rounds", options->rounds, "Rounds; medians are reported")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_interpreter_options(*command, options->target);
  add_spec_options(*command, options->spec);  // given: a text is decoded with drafts and without, too
  add_sampler_options(*command, options->sampler);
  command->add_option("--text-tokens", options->text_tokens, "Length of the text for --spec-type")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--parallel", options->parallel,
                   "Texts that share a pass, as in brim serve; measured in turns with one")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, command] {
    if (options->spec.type == SpecType::kNone) {
      std::vector<std::string> unused = {"--text-tokens", "--spec-draft-n-max", "--spec-draft-n-min"};
      for (const SamplerOption& option : kSamplerOptions) unused.push_back(concat("--", option.name));
      for (const std::string& name : unused) {
        if (command->count(name) > 0) print_note(name + " has no effect without --spec-type");
      }
    }
    bench(*options);
  });
}

}  // namespace brim
