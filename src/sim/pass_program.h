// A program prepared for one pass: its steps with the generations of the vector buffers that go with them.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/ops.h"
#include "isa/program.h"
#include "sim/options.h"

namespace brim::sim {

struct Step {
  Instruction instruction;
  uint32_t generation = 0;  // of the buffer that it waits for, or adds blocks to
  uint32_t sequence = 0;    // how many of the same opcode are before it in the pass; `experts`: its layer's
  uint32_t expert = 0;      // `experts`: the one whose steps come next; `route`: the first on its list
  uint32_t fetched = 0;     // which of the instructions that are fetched it is
  bool repeated = false;    // it has been fetched for an expert before
};

struct PassProgram {
  ProgramHeader header;
  PassRequest pass;
  std::vector<Step> steps;     // up to the end of the pass, without kEnd and kEndPrompt
  uint32_t generations = 1;    // the first one is never filled
  bool rows_in_slots = false;  // of the embedding, which is on the card
  uint32_t fetched = 0;        // instructions that are fetched: the steps of experts once

  uint32_t heads_per_kv() const { return header.heads / header.kv_heads; }
  // Where the pass ends.
  uint32_t end() const { return pass.position + pass.tokens; }
  // Of the attention of a layer, the positions that are read, and those with the pass's own tokens.
  uint32_t past(const Instruction& in) const { return pass.position - first_read(in, header, pass.position); }
  uint32_t positions(const Instruction& in) const { return past(in) + pass.tokens; }
};

// Precondition: the program passed check_program. Throws Error for a pass that its context has no room for.
PassProgram prepare(const Program& program, const PassRequest& pass);

}  // namespace brim::sim
