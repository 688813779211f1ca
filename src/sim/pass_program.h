// A program prepared for one pass: its steps with the generations of the vector buffers that they read and
// fill.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/program.h"
#include "sim/options.h"

namespace brim::sim {

struct Step {
  Instruction instruction;
  uint32_t reads = 0;  // generation: of matvec's input, of scores' queries
  uint32_t fills = 0;  // generation that embed, residual, output, swiglu, key, value and query add blocks to
  uint32_t sequence = 0;  // scores, softmax, values, output: which of the pass
};

struct PassProgram {
  ProgramHeader header;
  PassRequest pass;
  std::vector<Step> steps;  // up to the end of the pass, without kEnd and kEndPrompt
  uint32_t generations = 0;
  uint32_t attentions = 0;  // number of scores

  uint32_t heads_per_kv() const { return header.heads / header.kv_heads; }
  uint32_t record_beats() const { return kv_record_bytes(header.head_size) / kBeatBytes; }
  // Positions that the last token attends to.
  uint32_t positions() const { return pass.position + pass.tokens; }
};

// Throws Error for a program that a pass cannot run.
PassProgram prepare(const Program& program, const PassRequest& pass);

}  // namespace brim::sim
