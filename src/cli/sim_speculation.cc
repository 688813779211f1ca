#include "cli/sim_speculation.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/command.h"
#include "runtime/pass_log.h"
#include "sim/processor.h"
#include "sim/replay.h"

namespace brim {

namespace {

double seconds_of(const Board& board, std::span<const sim::PassCost> costs) {
  double cycles = 0;
  for (const sim::PassCost& cost : costs) cycles += cost.cycles;
  return cycles / (board.accelerator.clock_mhz * 1e6);
}

double bytes_of(std::span<const sim::PassCost> costs) {
  double bytes = 0;
  for (const sim::PassCost& cost : costs) bytes += cost.bytes;
  return bytes;
}

// What the processor does after these passes: it chooses `tokens`, and one after each pass of the draft
// model.
double processor_seconds_of(const Board& board, const sim::Subject& subject, size_t passes, uint32_t tokens,
                            const sim::LoadedProgram* draft, size_t draft_passes) {
  const auto seconds = [&](const sim::LoadedProgram& program, size_t after, double choices) {
    return sim::processor_seconds(board.processor, program.program.header.vocabulary,
                                  static_cast<double>(after), choices);
  };
  return seconds(subject.program, passes, tokens) +
         (draft == nullptr ? 0 : seconds(*draft, draft_passes, static_cast<double>(draft_passes)));
}

void print_with_processor(double rate, double seconds) {
  std::printf("%-20s %9.3f token/s  estimated: choosing tokens takes %s between passes\n",
              "with the processor", rate, with_unit(seconds, "s").c_str());
}

void require_width(const Board& board, const sim::LoadedProgram& program, uint32_t width,
                   const std::string& what) {
  const ProgramHeader& header = program.program.header;
  const uint32_t most = sim::max_tokens_per_pass(board, header);
  if (width <= most) return;
  throw Error(concat(what, " needs passes of ", width, " tokens; board ", board.name, " takes at most ", most,
                     " of this model at a context of ", header.context));
}

// Those of the log, which must be layers and experts of the program.
PassExperts checked_experts(const LoggedPass& pass, const Program& program, const std::string& file) {
  const auto layers = std::ranges::count(program.instructions, Opcode::kExperts, &Instruction::opcode);
  const bool fits = std::ranges::all_of(
      pass.experts, [&](const auto& layer) { return layer.back() < program.header.experts; });
  if (!pass.experts.empty() && (!fits || static_cast<int64_t>(pass.experts.size()) != layers)) {
    throw Error(file + ": has experts of another model");
  }
  return pass.experts;
}

}  // namespace

void replay(const Board& board, const sim::Subject& subject, const SimulatedSpeculation& speculation,
            uint32_t threads, bool json) {
  const std::vector<LoggedPass> log = read_passes(speculation.replay);
  std::vector<sim::PassRequest> passes, draft_passes;
  size_t prompt_passes = log.size();  // up to the first that gives logits
  for (const LoggedPass& pass : log) {
    const bool of_draft = pass.model == kDraftModel;
    if (pass.model >= kMaxModels || (of_draft && !subject.draft))
      throw Error(speculation.replay + ": has passes of a model that the image does not have");
    const sim::LoadedProgram& program = of_draft ? *subject.draft : subject.program;
    require_width(board, program, pass.tokens, speculation.replay);
    (of_draft ? draft_passes : passes)
        .push_back({.position = pass.position,
                    .tokens = pass.tokens,
                    .logits = pass.logits > 0,
                    .all_logits = pass.logits > 1,
                    .experts = checked_experts(pass, program.program, speculation.replay)});
    if (pass.logits > 0 && !of_draft) prompt_passes = std::min(prompt_passes, passes.size());
  }
  if (passes.empty()) throw Error(speculation.replay + ": has no passes of the model");
  prompt_passes = std::min(prompt_passes, passes.size());
  const auto costs = sim::costs_of(board, subject.program, passes, threads, progress_bar("simulating"));
  std::vector<sim::PassCost> draft_costs;
  if (!draft_passes.empty())
    draft_costs = sim::costs_of(board, *subject.draft, draft_passes, threads, progress_bar("drafting"));
  const double draft_seconds = seconds_of(board, draft_costs);
  const double seconds = seconds_of(board, costs);
  const double prompt_seconds = seconds_of(board, std::span(costs).first(prompt_passes));
  const size_t decode_passes = passes.size() - prompt_passes;
  // The tokens that the passes after the prompt's gave: the next pass begins behind what was kept. Of the
  // last pass only the first is known to be.
  const sim::PassRequest& first = passes[prompt_passes - 1];
  const uint32_t decoded =
      decode_passes == 0 ? 0 : passes.back().position + 1 - (first.position + first.tokens);
  // What drafts reads the prompt, too, when the first token is there.
  const double decode_seconds = seconds - prompt_seconds + draft_seconds;
  const double processor = processor_seconds_of(
      board, subject, decode_passes, decoded, subject.draft ? &*subject.draft : nullptr, draft_passes.size());
  std::optional<double> rate, with_processor, per_pass;  // none: no token was decoded
  if (decode_passes > 0) {
    rate = decoded / decode_seconds;
    with_processor = decoded / (decode_seconds + processor);
    per_pass = static_cast<double>(decoded) / static_cast<double>(decode_passes);
  }
  if (json) {
    print_json({{"simulated", true},
                {"model", subject.name},
                {"board", board.name},
                {"replay", speculation.replay},
                {"passes", passes.size()},
                {"decode_passes", decode_passes},
                {"decoded_tokens", decoded},
                {"tokens_per_pass", or_null(per_pass)},
                {"draft_passes", draft_passes.size()},
                {"draft_seconds", draft_seconds},
                {"seconds", seconds + draft_seconds},
                {"ttft_seconds", prompt_seconds},
                {"decode_tokens_per_second", or_null(rate)},
                {"processor_seconds", processor},
                {"decode_tokens_per_second_with_processor", or_null(with_processor)},
                {"bytes", bytes_of(costs) + bytes_of(draft_costs)}});
    return finish_output();
  }
  std::printf("%s on %s, simulated (no board was measured): the passes of %s\n", subject.name.c_str(),
              board.name.c_str(), speculation.replay.c_str());
  std::printf("%-20s %17s  %zu passes\n", "time to first token", with_unit(prompt_seconds, "s").c_str(),
              prompt_passes);
  if (rate) {
    std::printf("%-20s %9.3f token/s  %u tokens by %zu passes, %.3f each, in %s\n", "decoding", *rate,
                decoded, decode_passes, *per_pass, with_unit(decode_seconds, "s").c_str());
    print_with_processor(*with_processor, processor);
  }
  if (!draft_passes.empty()) {
    std::printf("%-20s %17s  of that, %zu passes of the draft model\n", "drafting",
                with_unit(draft_seconds, "s").c_str(), draft_passes.size());
  }
  finish_output();
}

void simulate_speculation(const Board& board, const sim::Subject& subject,
                          const std::optional<sim::Subject>& draft, const SimulatedSpeculation& speculation,
                          const sim::RunRequest& request, bool json) {
  require_width(board, subject.program, speculation.drafts + 1,
                concat("--spec-draft-n-max ", speculation.drafts));
  if (request.generate == 0) throw Error("--accept is about generated tokens; give --generate N");
  sim::RunRequest prompt = request;
  prompt.generate = 0;
  if (request.prompt_tokens + uint64_t{request.generate} > subject.context()) {
    throw Error(concat(request.prompt_tokens, " prompt tokens and ", request.generate,
                       " generated do not fit into a context of ", subject.context(), " tokens"));
  }
  const double ttft =
      sim::simulate_run(board, subject, prompt, {}, progress_bar("prompt")).prompt.all_cycles() /
      (board.accelerator.clock_mhz * 1e6);
  const auto passes = sim::speculated_passes(request.prompt_tokens, request.generate, *speculation.accept,
                                             speculation.drafts);
  const auto costs =
      sim::costs_of(board, subject.program, passes, request.threads, progress_bar("simulating"));
  const double verify_seconds = seconds_of(board, costs);

  // The drafts of a pass take as many passes of the model that drafts, one after the other.
  double draft_seconds = 0, draft_bytes = 0;
  std::vector<sim::PassRequest> drafting;
  if (draft) {
    for (const sim::PassRequest& pass : passes) {
      for (uint32_t i = 1; i < pass.tokens; ++i) drafting.push_back({.position = pass.position + i - 1});
    }
    if (!drafting.empty()) {
      const auto draft_costs =
          sim::costs_of(board, draft->program, drafting, request.threads, progress_bar("drafting"));
      draft_seconds = seconds_of(board, draft_costs);
      draft_bytes = bytes_of(draft_costs);
    }
  }
  const double decode_seconds = verify_seconds + draft_seconds;
  const double rate = request.generate / decode_seconds;
  const double processor = processor_seconds_of(board, subject, passes.size(), request.generate,
                                                draft ? &draft->program : nullptr, drafting.size());
  const double with_processor = request.generate / (decode_seconds + processor);
  const double all = (request.prompt_tokens + request.generate) / (ttft + decode_seconds);
  const double expected = sim::expected_tokens(*speculation.accept, speculation.drafts);
  if (json) {
    nlohmann::json report = {{"simulated", true},
                             {"model", subject.name},
                             {"board", board.name},
                             {"prompt_tokens", request.prompt_tokens},
                             {"generated_tokens", request.generate},
                             {"accept", *speculation.accept},
                             {"drafts", speculation.drafts},
                             {"tokens_per_pass", expected},
                             {"passes", passes.size()},
                             {"ttft_seconds", ttft},
                             {"verify_seconds", verify_seconds},
                             {"draft_seconds", draft_seconds},
                             {"tokens_per_second", all},
                             {"decode_tokens_per_second", rate},
                             {"processor_seconds", processor},
                             {"decode_tokens_per_second_with_processor", with_processor},
                             {"bytes", bytes_of(costs) + draft_bytes}};
    if (draft) report["draft_model"] = draft->name;
    print_json(report);
    return finish_output();
  }
  std::printf("%s on %s, simulated (no board was measured), with drafts that are assumed to be right\n",
              subject.name.c_str(), board.name.c_str());
  std::printf("  %u prompt tokens, %u generated; %u drafts for each pass, each right with probability %g\n\n",
              request.prompt_tokens, request.generate, speculation.drafts, *speculation.accept);
  std::printf("%-20s %9.3f token/s  prompt and generated tokens / %s\n", "speed", all,
              with_unit(ttft + decode_seconds, "s").c_str());
  std::printf("%-20s %9.3f token/s  generated tokens only\n", "decoding", rate);
  print_with_processor(with_processor, processor);
  std::printf("%-20s %17s  all prompt passes\n", "time to first token", with_unit(ttft, "s").c_str());
  std::printf("%-20s %9.3f          %zu passes of up to %u tokens, %s\n", "tokens per pass", expected,
              passes.size(), speculation.drafts + 1, with_unit(verify_seconds, "s").c_str());
  if (draft) {
    std::printf("%-20s %17s  %s, a pass for each draft\n", "drafting", with_unit(draft_seconds, "s").c_str(),
                draft->name.c_str());
  } else {
    std::printf("%-20s                  counted as taking no time: looked up in the text\n", "drafting");
  }
  finish_output();
}

}  // namespace brim
