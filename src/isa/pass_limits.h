// What passes an accelerator takes. Freestanding: those who start passes ask here, so that none is refused.
#pragma once

#include <algorithm>
#include <cstdint>

#include "isa/accelerator_limits.h"
#include "isa/instruction.h"
#include "isa/registers.h"

namespace brim {

// The most tokens of a pass; 0: the accelerator does not take the program, see excess_of. Precondition: the
// header's heads are a multiple of its kv_heads, which are not 0.
constexpr uint32_t most_tokens_of_pass(const ProgramHeader& program, const AcceleratorLimits& limits) {
  if (limits.tokens == 0 || excess_of(program, limits).size != nullptr) return 0;
  const uint32_t heads_per_kv = program.heads / program.kv_heads;
  for (uint32_t tokens = std::min(limits.tokens, registers::kTokenIds); tokens > 0; --tokens) {
    const uint64_t rounds = attention_rounds(tokens, heads_per_kv, limits.tokens);
    if (rounds <= kMostRounds && score_bytes(rounds, program.context, limits.tokens) <= limits.score_buffer)
      return tokens;
  }
  return 0;
}

}  // namespace brim
