#include "sim/pass_program.h"

#include <array>

#include "base/concat.h"
#include "base/error.h"
#include "isa/reads.h"

namespace brim::sim {

PassProgram prepare(const Program& program, const PassRequest& pass) {
  PassProgram result;
  result.header = program.header;
  result.pass = pass;
  const ProgramHeader& header = program.header;
  if (pass.tokens == 0 || uint64_t{pass.position} + pass.tokens > header.context) {
    throw Error(concat("positions ", pass.position, " to ", uint64_t{pass.position} + pass.tokens,
                       " do not fit into a context of ", header.context, " tokens; use a larger --context"));
  }

  std::array<uint32_t, static_cast<size_t>(Buffer::kNone)> current{};
  std::array<uint32_t, kOpcodes> seen{};
  std::vector<uint32_t> experts;
  const auto experts_of = [&](uint32_t layer) -> const std::vector<uint32_t>& {
    experts = layer < pass.experts.size()
                  ? pass.experts[layer]
                  : draw_experts(header, pass.routing, pass.position, pass.tokens, layer);
    return experts;
  };
  bool first_expert = false;
  uint32_t expert_steps = 0;  // of the expert under way, that are still to come
  for_each_step(program.instructions, experts_of, [&](const Instruction& in, uint32_t expert) {
    if (in.opcode == Opcode::kEnd || (in.opcode == Opcode::kEndPrompt && !pass.logits)) return false;
    if (in.opcode == Opcode::kEndPrompt) return true;
    Step step{.instruction = in, .sequence = seen[static_cast<size_t>(in.opcode)]++, .expert = expert};
    if (in.opcode == Opcode::kExperts) {
      step.sequence = seen[static_cast<size_t>(Opcode::kRoute)] - 1;
      first_expert = expert == experts.front();
      if (first_expert) result.steps.back().expert = expert;
    }
    const bool of_expert = in.opcode == Opcode::kExperts || expert_steps > 0;
    expert_steps = in.opcode == Opcode::kExperts ? kExpertSteps : expert_steps - (expert_steps > 0);
    step.repeated = of_expert && !first_expert;
    step.fetched = step.repeated ? result.fetched - 1 : result.fetched++;
    const Buffer buffer = resolve(op(in.opcode).generation.buffer, in);
    if (buffer != Buffer::kNone) {
      uint32_t& generation = current[static_cast<size_t>(buffer)];
      if (opens_generation(in)) generation = result.generations++;
      step.generation = generation;
    }
    result.steps.push_back(step);
    return true;
  });
  return result;
}

}  // namespace brim::sim
