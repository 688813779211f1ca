#include "sim/pass_program.h"

#include <array>

#include "base/concat.h"
#include "base/error.h"

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
  for (const Instruction& in : program.instructions) {
    if (in.opcode == Opcode::kEnd || (in.opcode == Opcode::kEndPrompt && !pass.logits)) break;
    if (in.opcode == Opcode::kEndPrompt) continue;
    Step step{.instruction = in, .sequence = seen[static_cast<size_t>(in.opcode)]++};
    const Buffer buffer = resolve(op(in.opcode).generation.buffer, in);
    if (buffer != Buffer::kNone) {
      uint32_t& generation = current[static_cast<size_t>(buffer)];
      if (opens_generation(in)) generation = result.generations++;
      step.generation = generation;
    }
    result.steps.push_back(step);
  }
  return result;
}

}  // namespace brim::sim
