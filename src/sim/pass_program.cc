#include "sim/pass_program.h"

#include <array>

#include "base/concat.h"
#include "base/error.h"

namespace brim::sim {
namespace {

[[noreturn]] void refuse(size_t index, const Instruction& in, const char* what) {
  throw Error(
      concat("program: instruction ", index, " (", disassemble(in), "): ", what, "; pack the model again"));
}

// What would make a unit divide by zero, or wait for ever.
void check_shape(size_t index, const Instruction& in) {
  if (in.opcode != Opcode::kMatvec) return;
  if (static_cast<uint32_t>(in.buffer) > 2) refuse(index, in, "unknown input buffer");
  if (in.shape != 1 && in.shape != 2 && in.shape != 4) refuse(index, in, "wrong page shape");
  if (in.groups == 0 || in.groups % in.shape != 0) refuse(index, in, "wrong number of column groups");
  const uint32_t page_rows = kGroupsPerPage / in.shape;
  const uint64_t pages = (uint64_t{in.rows} + page_rows - 1) / page_rows * (in.groups / in.shape);
  if (in.rows == 0 || in.count != pages) refuse(index, in, "wrong number of pages");
}

}  // namespace

PassProgram prepare(const Program& program, const PassRequest& pass) {
  PassProgram result;
  result.header = program.header;
  result.pass = pass;
  const ProgramHeader& header = program.header;
  if (header.head_size == 0 || header.head_size > 128 || header.kv_heads == 0 || header.heads == 0 ||
      header.heads % header.kv_heads != 0 || header.dim == 0) {
    throw Error("program header: impossible sizes; pack the model again");
  }
  if (pass.tokens == 0 || uint64_t{pass.position} + pass.tokens > header.context) {
    throw Error(concat("positions ", pass.position, " to ", uint64_t{pass.position} + pass.tokens,
                       " do not fit into a context of ", header.context, " tokens; use a larger --context"));
  }

  std::array<uint32_t, 3> current{};  // generation of normed, attention, hidden
  uint32_t queries = 0;               // generation of Q
  uint32_t scores = 0, softmax = 0, values = 0, outputs = 0;
  result.generations = 1;  // generation 0 is never filled
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& in = program.instructions[i];
    if (in.opcode == Opcode::kEnd || (in.opcode == Opcode::kEndPrompt && !pass.logits)) break;
    check_shape(i, in);
    Step step{.instruction = in};
    switch (in.opcode) {
      case Opcode::kEmbed:
      case Opcode::kResidual:
        step.fills = current[0] = result.generations++;
        break;
      case Opcode::kSwiglu:
        step.fills = current[2] = result.generations++;
        break;
      case Opcode::kKey:
      case Opcode::kValue:
      case Opcode::kQuery:
        if (in.opcode == Opcode::kKey && in.head == 0) queries = result.generations++;
        step.fills = queries;
        break;
      case Opcode::kMatvec:
        step.reads = current[static_cast<uint32_t>(in.buffer)];
        if (step.reads == 0) refuse(i, in, "reads a buffer that nothing has filled");
        break;
      case Opcode::kScores:
        step.reads = queries;
        step.sequence = scores++;
        break;
      case Opcode::kSoftmax:
        step.sequence = softmax++;
        break;
      case Opcode::kValues:
        step.reads = queries;
        step.sequence = values++;
        break;
      case Opcode::kOutput:
        if (in.head == 0) current[1] = result.generations++;
        step.fills = current[1];
        step.sequence = outputs++;
        break;
      default:
        break;
    }
    if (in.opcode != Opcode::kEndPrompt) result.steps.push_back(step);
  }
  if (softmax != scores || values != scores || outputs != scores) {
    throw Error("program: scores, softmax, values and output do not match; pack the model again");
  }
  result.attentions = scores;
  return result;
}

}  // namespace brim::sim
