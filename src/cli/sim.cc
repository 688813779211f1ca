#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/sim_speculation.h"
#include "image/is_image.h"
#include "isa/disassemble.h"
#include "model/hub.h"
#include "model/tensor_source.h"
#include "sim/limits.h"
#include "sim/report.h"
#include "sim/run.h"
#include "sim/sweep.h"

namespace brim {

namespace {

struct Options {
  std::string subject;
  PlacementOptions placement;  // of a MODEL; an image has its own, but for the board
  const CLI::App* command = nullptr;
  sim::RunRequest run{.prompt_tokens = 15, .generate = 1};
  bool json = false;
  std::string trace;
  uint64_t trace_from = 0;
  uint64_t trace_cycles = 20000;
  std::string report;
  std::string picture;
  std::vector<std::string> sweep;  // "KEY=v1,v2"
  SimulatedSpeculation speculation;
};

// An image as it is, a model as it is packed with the same options.
sim::Subject open_subject(const PlacementOptions& placement, const std::string& name, const Board& board) {
  if (is_image(name)) return sim::subject_of(MappedImage(name), board);
  const std::string path = local_path(name);
  const auto model = with_eight_bits(open_model(path), placement.eight_bit);
  return sim::subject_of(model->description(), board,
                         placement.plan(find_tokenizer(placement.tokenizer, path, *model).size()));
}
sim::Subject open_subject(const Options& options, const Board& board) {
  return open_subject(options.placement, options.subject, board);
}

// An image is simulated on the board that it was packed for, unless another is given.
std::string board_name(const Options& options) {
  if (!is_image(options.subject)) return options.placement.board;
  options.placement.refuse_beside_image(options.subject);
  if (options.placement.board_given()) return options.placement.board;
  return own_board(MappedImage(options.subject));
}

// As a shell takes it.
std::string quoted(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+-@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

// The command again, but for what it writes: with it the same numbers come out.
std::string command_line(const Options& options) {
  std::string line = concat("brim sim ", quoted(options.subject));
  for (const CLI::Option* option : options.command->get_options()) {
    const std::string name = option->get_name();
    const bool output =
        name == "--report" || name == "--svg" || name == "--json" || name.starts_with("--trace");
    if (option->count() == 0 || option->get_positional() || output) continue;
    for (const std::string& value : option->results()) line += concat(" ", name, " ", quoted(value));
  }
  return line;
}

std::string limit_definition(const sim::Subject& subject, const sim::Shares& shares) {
  char text[200];
  std::snprintf(
      text, sizeof text, "%s tokens per second / %.3f, which is peak / (0.5 B x %.4fe9 streamed weights)",
      shares.counted, shares.limit_tokens_per_second, static_cast<double>(subject.streamed_weights) / 1e9);
  return text;
}

constexpr const char* kBandwidthDefinition = "bytes read and written / time / peak";
constexpr const char* kDdrLimitedDefinition =
    "time that the path to memory needs for the same requests, with a consumer that is always ready / time";

uint64_t peak_of(const sim::RunResult& run) {
  uint64_t peak = 0;
  for (const sim::Sample& sample : run.samples) peak = std::max(peak, sample.result.fifo_peak_beats);
  return peak;
}

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

const char* cause_name(sim::Stall cause) { return name_of(cause).data(); }

nlohmann::json json_of(const Board& board, const sim::Subject& subject, const sim::RunResult& run,
                       const Options& options) {
  const sim::Shares shares = sim::shares_of(board, subject, run);
  const sim::Totals all = run.all();
  const sim::Sample& worst = run.samples[run.worst];
  const sim::Limit limit = sim::limit_of(board, run);
  nlohmann::json ceilings = nlohmann::json::array();
  for (const sim::Ceiling& ceiling : sim::ceilings_of(board)) {
    ceilings.push_back({{"name", ceiling.name},
                        {"meaning", ceiling.meaning},
                        {"bytes_per_second", ceiling.bytes_per_second},
                        {"share", sim::share_of(ceiling, board, run)}});
  }
  nlohmann::json stalls, regions = nlohmann::json::array();
  for (uint32_t i = 0; i < sim::kStalls; ++i) stalls[std::string(registers::kStalls[i].name)] = all.stalls[i];
  for (const PlannedRegion& region : subject.regions) {
    regions.push_back({{"name", region.name}, {"address", region.address}, {"bytes", region.bytes}});
  }
  return {
      {"simulated", true},
      {"model", subject.name},
      {"board", board.name},
      {"set", options.placement.set},
      {"prompt_tokens", options.run.prompt_tokens},
      {"generated_tokens", options.run.generate},
      {"tokens_per_pass", run.tokens_per_pass},
      {"context_tokens", subject.context()},
      {"kv_cache", describe_kv_cache(subject.program.program.header)},
      {"seconds", shares.seconds},
      {"tokens_per_second", shares.tokens_per_second},
      {"decode_tokens_per_second", or_null(shares.decode_tokens_per_second)},
      {"ttft_seconds", shares.ttft_seconds},
      {"card_seconds", shares.card_seconds},
      {"processor_seconds", shares.processor_seconds},
      {"decode_tokens_per_second_with_processor", or_null(shares.decode_tokens_per_second_with_processor)},
      {"bytes_per_token", shares.bytes_per_token},
      {"peak_bytes_per_second", shares.peak_bytes_per_second},
      {"bandwidth_share", shares.bandwidth_share},
      {"limit_tokens_per_second", shares.limit_tokens_per_second},
      {"limit_share", shares.limit_share},
      {"ddr_limited_share", shares.ddr_limited_share},
      {"limit", {{"name", limit.name}, {"reason", limit.reason}}},
      {"ceilings", ceilings},
      {"error_bound_share", shares.error_bound_share},
      {"interpolated_passes", run.interpolated_passes},
      {"exact_passes", run.samples.size()},
      {"cycles", all.cycles},
      {"stall_cycles", stalls},
      {"fifo_full_cycles", all.fifo_full_cycles},
      {"memory_idle_cycles", all.memory_idle_cycles},
      {"prefetch_fifo_beats", board.accelerator.prefetch_fifo_beats},
      {"fifo_peak_beats", peak_of(run)},
      {"worst_bubble_cycles", worst.result.worst_bubble.cycles},
      {"worst_bubble",
       {{"cause", cause_name(worst.result.worst_bubble.cause)},
        {"position", worst.request.position},
        {"before", worst.result.worst_bubble_step}}},
      {"definitions",
       {{"tokens_per_second", "prompt and generated tokens / time of all passes"},
        {"bandwidth_share", kBandwidthDefinition},
        {"limit_share", limit_definition(subject, shares)},
        {"ddr_limited_share", kDdrLimitedDefinition}}},
      {"memory_map",
       {{"capacity_bytes", subject.capacity_bytes},
        {"used_bytes", subject.used_bytes},
        {"regions", regions}}},
  };
}

void print_summary(const Board& board, const sim::Subject& subject, const sim::RunResult& run,
                   const Options& options) {
  const sim::Shares shares = sim::shares_of(board, subject, run);
  const sim::Totals all = run.all();
  const uint32_t prompt = options.run.prompt_tokens, generated = options.run.generate;
  std::printf("%s on %s, simulated (no board was measured)\n", subject.name.c_str(), board.name.c_str());
  std::printf(
      "  %u prompt tokens in passes of up to %u, %u generated; positions 0 to %u of %u, KV cache %s\n",
      prompt, run.tokens_per_pass, generated, prompt + generated - 1, subject.context(),
      describe_kv_cache(subject.program.program.header).c_str());
  if (run.interpolated_passes > 0) {
    std::printf("  %zu passes exact, %llu interpolated: error at most about %.4f%%\n\n", run.samples.size(),
                static_cast<unsigned long long>(run.interpolated_passes), 100 * shares.error_bound_share);
  } else {
    std::printf("  all %zu passes exact\n\n", run.samples.size());
  }
  const auto row = [](const char* name, const std::string& value, const std::string& meaning) {
    std::printf("%-20s %17s  %s\n", name, value.c_str(), meaning.c_str());
  };
  const auto percent = [](double share) { return fixed(100 * share, 2) + " %"; };
  row("speed", fixed(shares.tokens_per_second, 3) + " token/s",
      "prompt and generated tokens / " + with_unit(shares.seconds, "s"));
  if (shares.decode_tokens_per_second)
    row("decoding", fixed(*shares.decode_tokens_per_second, 3) + " token/s", "generated tokens only");
  if (shares.decode_tokens_per_second_with_processor) {
    row("with the processor", fixed(*shares.decode_tokens_per_second_with_processor, 3) + " token/s",
        concat("estimated: choosing a token takes ", with_unit(shares.processor_seconds, "s"),
               " between passes"));
  }
  row("time to first token", with_unit(shares.ttft_seconds, "s"),
      "all prompt passes, logits of the last token included");
  if (subject.program.card_row_bytes != 0) {
    row("card", with_unit(shares.card_seconds, "s"),
        "waiting for rows of the embedding, which are on the card");
  }
  row("bytes per token", with_unit(shares.bytes_per_token, "B"),
      concat("read and written, mean of ", shares.counted, " tokens"));
  row("bandwidth_share", percent(shares.bandwidth_share),
      concat(kBandwidthDefinition, " (", with_unit(shares.peak_bytes_per_second, "B/s"), ")"));
  row("limit_share", percent(shares.limit_share), limit_definition(subject, shares));
  row("ddr_limited_share", percent(shares.ddr_limited_share), kDdrLimitedDefinition);
  const sim::Limit limit = sim::limit_of(board, run);
  row("limit", limit.name, limit.reason);
  std::printf("\n");

  const sim::Sample& worst = run.samples[run.worst];
  std::printf("worst bubble %llu cycles (%s, at position %u, before '%s'); the prefetch FIFO bridges %u\n\n",
              static_cast<unsigned long long>(worst.result.worst_bubble.cycles),
              cause_name(worst.result.worst_bubble.cause), worst.request.position,
              worst.result.worst_bubble_step.c_str(), board.accelerator.prefetch_fifo_beats);

  std::printf("%-42s %16s %9s\n", "cycles without a beat from the FIFO", "cycles", "share");
  for (uint32_t i = 0; i < sim::kStalls; ++i) {
    std::printf("  %-40s %16.0f %8.3f%%\n", registers::kStalls[i].name.data(), all.stalls[i],
                100 * all.stalls[i] / all.cycles);
  }
  std::printf("%-42s %16.0f %8.3f%%\n", "cycles in which the FIFO was full", all.fifo_full_cycles,
              100 * all.fifo_full_cycles / all.cycles);
  std::printf("%-42s %16.0f %8.3f%%\n\n", "cycles in which the memory had no request", all.memory_idle_cycles,
              100 * all.memory_idle_cycles / all.cycles);

  std::printf("%-14s %12s %10s\n", "region", "address", "MiB");
  for (const PlannedRegion& region : subject.regions) {
    std::printf("%-14s %#12llx %10.2f\n", region.name.c_str(),
                static_cast<unsigned long long>(region.address),
                static_cast<double>(region.bytes) / (1 << 20));
  }
  std::printf("%.1f of %llu MiB used (%.2f%%)\n", static_cast<double>(subject.used_bytes) / (1 << 20),
              static_cast<unsigned long long>(subject.capacity_bytes >> 20),
              100.0 * static_cast<double>(subject.used_bytes) / static_cast<double>(subject.capacity_bytes));
}

// The first generated token's pass, or that of the first prompt tokens. Throws Error if the window begins
// behind its end.
void write_trace(const Board& board, const sim::Subject& subject, const sim::RunResult& run,
                 const Options& options) {
  sim::Trace trace(board, options.trace_from, options.trace_cycles);
  sim::PassRequest pass{.position = options.run.prompt_tokens, .tokens = 1, .logits = true};
  if (options.run.generate == 0) {
    pass = {
        .position = 0, .tokens = std::min(options.run.prompt_tokens, run.tokens_per_pass), .logits = true};
  }
  const sim::PassResult result = sim::simulate_pass(board, subject.program, pass, {}, &trace);
  if (options.trace_from >= result.cycles) {
    throw Error(concat("--trace-from ", options.trace_from, ": the pass that is traced, at position ",
                       pass.position, ", ends at cycle ", result.cycles, "; begin earlier"));
  }
  trace.write(options.trace);
}

void write_page(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw Error("cannot write " + path);
}

void write_report(const Board& board, const sim::Subject& subject, const sim::RunResult& run,
                  const Options& options) {
  std::vector<sim::Sample> further;
  const uint32_t end = options.run.prompt_tokens + options.run.generate;
  const Progress progress = progress_bar("report");
  constexpr uint32_t kFurther = 3;
  for (uint32_t i = 1; i <= kFurther; ++i) {
    const uint64_t position = end + (uint64_t{subject.context()} - end) * i / kFurther;
    if (position > end) {
      const sim::PassRequest pass{
          .position = static_cast<uint32_t>(position - 1), .tokens = 1, .logits = true};
      further.push_back({pass, sim::simulate_pass(board, subject.program, pass)});
    }
    if (progress) progress(i, kFurther);
  }
  write_page(options.report,
             sim::html_report({board, subject, run, command_line(options), std::move(further)}));
}

void print_sweep(const std::vector<sim::SweepAxis>& axes, const std::vector<sim::SweepPoint>& points,
                 const Options& options) {
  std::printf("%s, simulated (no board was measured); %u prompt tokens, %u generated\n\n",
              points.front().subject.name.c_str(), options.run.prompt_tokens, options.run.generate);
  for (const sim::SweepAxis& axis : axes) std::printf("| %s ", axis.key.c_str());
  std::printf(
      "| token/s | decoding, token/s | first token | bandwidth_share | ddr_limited_share | limit |\n");
  for (size_t i = 0; i < axes.size() + 6; ++i) std::printf("|---");
  std::printf("|\n");
  for (const sim::SweepPoint& point : points) {
    const sim::Shares shares = sim::shares_of(point.board, point.subject, point.run);
    for (const std::string& value : point.values) std::printf("| %s ", value.c_str());
    const auto& decoding = shares.decode_tokens_per_second;
    std::printf("| %.3f | %s | %s | %.2f%% | %.2f%% | %s |\n", shares.tokens_per_second,
                decoding ? fixed(*decoding, 3).c_str() : "-", with_unit(shares.ttft_seconds, "s").c_str(),
                100 * shares.bandwidth_share, 100 * shares.ddr_limited_share,
                sim::limit_of(point.board, point.run).name.c_str());
  }
}

void sweep(const Options& options) {
  if (!options.trace.empty())
    throw CLI::ValidationError("--trace", "shows one board; take the point with --set instead of --sweep");
  sim::SweepRequest request{
      .axes = {}, .board = board_name(options), .settings = options.placement.set, .run = options.run};
  for (const std::string& axis : options.sweep) request.axes.push_back(sim::parse_sweep_axis(axis));
  if (options.placement.board_given() &&
      std::ranges::any_of(request.axes, [](const sim::SweepAxis& axis) { return axis.key == "board"; }))
    throw CLI::ValidationError("--board", "has no effect beside --sweep board=...; leave it out");
  const auto points = sim::simulate_sweep(
      request, [&](const Board& board) { return open_subject(options, board); }, progress_bar("simulating"));
  if (!options.report.empty()) {
    write_page(options.report, sim::sweep_report(request.axes, points, command_line(options)));
  }
  if (options.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const sim::SweepPoint& point : points) {
      nlohmann::json json = json_of(point.board, point.subject, point.run, options);
      for (size_t a = 0; a < point.values.size(); ++a) json["sweep"][request.axes[a].key] = point.values[a];
      list.push_back(std::move(json));
    }
    print_json({{"simulated", true}, {"points", list}});
  } else {
    print_sweep(request.axes, points, options);
  }
  finish_output();
}

void simulate(const Options& options) {
  if (!options.sweep.empty()) return sweep(options);
  const Board board = load_board(board_name(options), options.placement.set);
  const sim::Subject subject = open_subject(options, board);
  const SimulatedSpeculation& speculation = options.speculation;
  if (!speculation.replay.empty())
    return replay(board, subject, speculation, options.run.threads, options.json);
  if (speculation.accept) {
    std::optional<sim::Subject> draft;
    if (!speculation.draft_model.empty()) draft = open_subject({}, speculation.draft_model, board);
    return simulate_speculation(board, subject, draft, speculation, options.run, options.json);
  }
  const sim::RunResult run = sim::simulate_run(board, subject, options.run, {}, progress_bar("simulating"));
  if (!options.trace.empty()) write_trace(board, subject, run, options);
  if (!options.report.empty()) write_report(board, subject, run, options);
  if (!options.picture.empty())
    write_page(options.picture, sim::bandwidth_picture({board, subject, run, "", {}}));
  if (options.json) {
    print_json(json_of(board, subject, run, options));
  } else {
    print_summary(board, subject, run, options);
  }
  finish_output();
}

}  // namespace

void add_sim(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("sim", "Simulate how fast a board decodes, cycle by cycle");
  command
      ->add_option("IMAGE|MODEL", options->subject,
                   "An image, or a model as for pack (its weights are not read), e.g. synthetic:llama2-7b")
      ->required();
  options->command = command;
  options->placement.add_to(*command);
  auto* prompt = command->add_option("--prompt-tokens", options->run.prompt_tokens, "Tokens of the prompt")
                     ->capture_default_str()
                     ->check(CLI::Range(1, 1 << 24));
  auto* generate =
      command->add_option("--generate", options->run.generate, "Tokens to generate, each a pass of its own")
          ->capture_default_str()
          ->check(CLI::Range(0, 1 << 24));
  auto* width =
      command
          ->add_option("--tokens-per-pass", options->run.tokens_per_pass,
                       "Prompt tokens per pass over the weights (default: as many as the board takes)")
          ->check(CLI::Range(1, 64));
  command
      ->add_option("-t,--threads", options->run.threads, "Passes simulated at a time (default: one per CPU)")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--route-seed", options->run.routing.seed,
                   "Of the draw by which tokens choose experts, in a model that has some")
      ->capture_default_str();
  command
      ->add_option("--route-skew", options->run.routing.skew,
                   "How unevenly: the n-th most popular expert has a share of n^-SKEW; 0: all alike")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  auto* trace =
      command->add_option("--trace", options->trace,
                          "Write a Chrome/Perfetto trace of a window of the first generated token's pass");
  command->add_option("--trace-from", options->trace_from, "First cycle of the window")
      ->capture_default_str()
      ->needs(trace);
  command->add_option("--trace-cycles", options->trace_cycles, "Cycles in the window")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000))
      ->needs(trace);
  command->add_option("--report", options->report, "Write an HTML page with charts");
  auto* picture =
      command->add_option("--svg", options->picture, "Draw the bandwidth over a pass into this file");
  command
      ->add_option(
          "--sweep", options->sweep,
          "Simulate for each of these values of the board file, as axi.fabric_latency_ns=150,400, or "
          "board=kv260,kv260-400; given again: for every combination")
      ->excludes(picture)
      ->type_name("KEY=VALUE,...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto* accept = command
                     ->add_option("--accept", options->speculation.accept,
                                  "Draft tokens for every pass, each of which is right with this probability")
                     ->check(CLI::Range(0.0, 1.0))
                     ->excludes("--trace")
                     ->excludes("--report")
                     ->excludes(picture)
                     ->excludes("--sweep");
  command->add_option("--spec-draft-n-max", options->speculation.drafts, "Tokens that are drafted for a pass")
      ->check(CLI::Range(uint32_t{1}, Speculation::kMostDrafts))
      ->capture_default_str()
      ->needs(accept);
  command
      ->add_option("--draft", options->speculation.draft_model,
                   "Image, or model as for pack, that drafts; its passes are counted (default: drafts cost "
                   "nothing)")
      ->needs(accept);
  command
      ->add_option("--replay", options->speculation.replay,
                   "Simulate the passes of this file, which brim run --passes has written")
      ->excludes(accept)
      ->excludes("--trace")
      ->excludes("--report")
      ->excludes(picture)
      ->excludes("--sweep")
      ->excludes(prompt)  // the file says it all
      ->excludes(generate)
      ->excludes(width);
  command->callback([options] { simulate(*options); });
}

}  // namespace brim
