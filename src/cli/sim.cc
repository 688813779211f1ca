#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/sim_speculation.h"
#include "isa/disassemble.h"
#include "model/tensor_source.h"
#include "sim/report.h"
#include "sim/run.h"
#include "sim/sweep.h"

namespace brim {

namespace {

struct Options {
  std::string subject;
  PlacementOptions placement;  // of a MODEL; an image has its own
  sim::RunRequest run{.prompt_tokens = 15, .generate = 1};
  bool json = false;
  std::string trace;
  uint64_t trace_from = 0;
  uint64_t trace_cycles = 20000;
  std::string report;
  std::vector<std::string> sweep;  // "KEY=v1,v2"
  SimulatedSpeculation speculation;
};

bool is_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[sizeof kImageMagic] = {};
  return file.read(magic, sizeof magic) && std::memcmp(magic, kImageMagic, sizeof magic) == 0;
}

sim::Subject open_subject(const Options& options, const std::string& name, const Board& board) {
  if (is_image(name)) {
    if (options.placement.eight_bit != RoleSet{}) {
      throw Error(name + ": an image has its own bits; --eight-bit goes with a model, or with brim pack");
    }
    return sim::subject_of(MappedImage(name), board);
  }
  const auto source = with_eight_bits(open_model(name), options.placement.eight_bit);
  return sim::subject_of(source->description(), board, options.placement.plan());
}
sim::Subject open_subject(const Options& options, const Board& board) {
  return open_subject(options, options.subject, board);
}

std::string command_line(const Options& options) {
  std::string settings;
  for (const std::string& setting : options.placement.set) settings += " --set " + setting;
  for (const std::string& axis : options.sweep) settings += " --sweep " + axis;
  return concat(
      "brim sim ", options.subject, " --board ", options.placement.board, settings, " --prompt-tokens ",
      options.run.prompt_tokens, " --generate ", options.run.generate,
      options.run.tokens_per_pass != 0 ? concat(" --tokens-per-pass ", options.run.tokens_per_pass) : "");
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
    "time that the same requests take with a consumer that is always ready / time";

uint64_t peak_of(const sim::RunResult& run) {
  uint64_t peak = 0;
  for (const sim::Sample& sample : run.samples) peak = std::max(peak, sample.result.fifo_peak_beats);
  return peak;
}

const char* cause_name(sim::Stall cause) { return name_of(cause).data(); }

nlohmann::json json_of(const Board& board, const sim::Subject& subject, const sim::RunResult& run,
                       const Options& options) {
  const sim::Shares shares = sim::shares_of(board, subject, run);
  const sim::Totals all = run.all();
  const sim::Sample& worst = run.samples[run.worst];
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
      {"decode_tokens_per_second", shares.decode_tokens_per_second},
      {"ttft_seconds", shares.ttft_seconds},
      {"card_seconds", shares.card_seconds},
      {"bytes_per_token", shares.bytes_per_token},
      {"peak_bytes_per_second", shares.peak_bytes_per_second},
      {"bandwidth_share", shares.bandwidth_share},
      {"limit_tokens_per_second", shares.limit_tokens_per_second},
      {"limit_share", shares.limit_share},
      {"ddr_limited_share", shares.ddr_limited_share},
      {"error_bound_share", shares.error_bound_share},
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

void print(const nlohmann::json& json) {
  std::cout << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
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
  std::printf("  %zu passes exact, the others interpolated: error at most about %.4f%%\n\n",
              run.samples.size(), 100 * shares.error_bound_share);
  std::printf("%-20s %9.3f token/s  prompt and generated tokens / %.3f s\n", "speed",
              shares.tokens_per_second, shares.seconds);
  if (generated > 0)
    std::printf("%-20s %9.3f token/s  generated tokens only\n", "decoding", shares.decode_tokens_per_second);
  std::printf("%-20s %9.3f s        all prompt passes, logits of the last token included\n",
              "time to first token", shares.ttft_seconds);
  if (subject.program.card_row_bytes != 0) {
    std::printf("%-20s %9.3f s        waiting for rows of the embedding, which are on the card\n", "card",
                shares.card_seconds);
  }
  std::printf("%-20s %9.3f e9 B     read and written, mean of %s tokens\n", "bytes per token",
              shares.bytes_per_token / 1e9, shares.counted);
  std::printf("%-20s %9.2f %%        %s (%.3fe9 B/s)\n", "bandwidth_share", 100 * shares.bandwidth_share,
              kBandwidthDefinition, shares.peak_bytes_per_second / 1e9);
  std::printf("%-20s %9.2f %%        %s\n", "limit_share", 100 * shares.limit_share,
              limit_definition(subject, shares).c_str());
  std::printf("%-20s %9.2f %%        %s\n\n", "ddr_limited_share", 100 * shares.ddr_limited_share,
              kDdrLimitedDefinition);

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

// The first generated token's pass, or that of the first prompt tokens.
void write_trace(const Board& board, const sim::Subject& subject, const sim::RunResult& run,
                 const Options& options) {
  sim::Trace trace(board, options.trace_from, options.trace_cycles);
  sim::PassRequest pass{.position = options.run.prompt_tokens, .tokens = 1, .logits = true};
  if (options.run.generate == 0) {
    pass = {
        .position = 0, .tokens = std::min(options.run.prompt_tokens, run.tokens_per_pass), .logits = true};
  }
  sim::simulate_pass(board, subject.program, pass, {}, &trace);
  trace.write(options.trace);
}

void write_page(const std::string& path, const std::string& html) {
  std::ofstream file(path, std::ios::binary);
  file << html;
  if (!file.flush()) throw Error("cannot write the report to " + path);
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
  std::printf("| token/s | decoding, token/s | first token, s | bandwidth_share | ddr_limited_share |\n");
  for (size_t i = 0; i < axes.size() + 5; ++i) std::printf("|---");
  std::printf("|\n");
  for (const sim::SweepPoint& point : points) {
    const sim::Shares shares = sim::shares_of(point.board, point.subject, point.run);
    for (const std::string& value : point.values) std::printf("| %s ", value.c_str());
    std::printf("| %.3f | %.3f | %.3f | %.2f%% | %.2f%% |\n", shares.tokens_per_second,
                shares.decode_tokens_per_second, shares.ttft_seconds, 100 * shares.bandwidth_share,
                100 * shares.ddr_limited_share);
  }
}

void sweep(const Options& options) {
  if (!options.trace.empty())
    throw CLI::ValidationError("--trace", "shows one board; take the point with --set instead of --sweep");
  sim::SweepRequest request{
      .axes = {}, .board = options.placement.board, .settings = options.placement.set, .run = options.run};
  for (const std::string& axis : options.sweep) request.axes.push_back(sim::parse_sweep_axis(axis));
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
    print({{"simulated", true}, {"points", list}});
  } else {
    print_sweep(request.axes, points, options);
  }
  finish_output();
}

void simulate(const Options& options) {
  if (!options.sweep.empty()) return sweep(options);
  const Board board = load_board(options.placement.board, options.placement.set);
  const sim::Subject subject = open_subject(options, board);
  const SimulatedSpeculation& speculation = options.speculation;
  if (!speculation.replay.empty())
    return replay(board, subject, speculation, options.run.threads, options.json);
  if (speculation.accept) {
    std::optional<sim::Subject> draft;
    if (!speculation.draft_model.empty()) draft = open_subject(options, speculation.draft_model, board);
    return simulate_speculation(board, subject, draft, speculation, options.run, options.json);
  }
  const sim::RunResult run = sim::simulate_run(board, subject, options.run, {}, progress_bar("simulating"));
  if (!options.trace.empty()) write_trace(board, subject, run, options);
  if (!options.report.empty()) write_report(board, subject, run, options);
  if (options.json) {
    print(json_of(board, subject, run, options));
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
  options->placement.add_to(*command);
  command->add_option("--prompt-tokens", options->run.prompt_tokens, "Tokens of the prompt")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--generate", options->run.generate, "Tokens to generate, each a pass of its own")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
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
  command->add_option("--trace", options->trace,
                      "Write a Chrome/Perfetto trace of a window of the first generated token's pass");
  command->add_option("--trace-from", options->trace_from, "First cycle of the window")
      ->capture_default_str();
  command->add_option("--trace-cycles", options->trace_cycles, "Cycles in the window")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  command->add_option("--report", options->report, "Write an HTML page with charts");
  command
      ->add_option(
          "--sweep", options->sweep,
          "Simulate for each of these values of the board file, as axi.fabric_latency_ns=150,400, or "
          "board=kv260,kv260-400; given again: for every combination")
      ->type_name("KEY=VALUE,...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto* accept = command
                     ->add_option("--accept", options->speculation.accept,
                                  "Draft tokens for every pass, each of which is right with this probability")
                     ->check(CLI::Range(0.0, 1.0))
                     ->excludes("--trace")
                     ->excludes("--report")
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
      ->excludes("--sweep");
  command->callback([options] { simulate(*options); });
}

}  // namespace brim
