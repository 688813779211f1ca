// What passes an accelerator takes. Freestanding: those who start passes ask here, so that none is refused.
#pragma once

#include <algorithm>
#include <cstdint>

#include "isa/instruction.h"
#include "isa/registers.h"

namespace brim {

// An accelerator of `lanes` (its MAX_TOKENS) works on that many pairs of a token and a query head of a KV
// head at a time, in rounds. Each round keeps its results in a slot of its own.
inline constexpr uint32_t kMostRounds = 8;
constexpr uint64_t attention_rounds(uint64_t tokens, uint64_t heads_per_kv, uint64_t lanes) {
  return (tokens * heads_per_kv + lanes - 1) / lanes;
}

// Bytes of the score buffer: for each position two generations of an FP32 score per pair, in all lanes alike.
constexpr uint64_t score_bytes(uint64_t rounds, uint64_t context, uint64_t lanes) {
  return rounds * context * 8 * lanes;
}

// The most tokens of a pass; 0: not even one. `score_buffer`: bytes for all lanes. Precondition: the header's
// heads are a multiple of its kv_heads, which are not 0.
constexpr uint32_t most_tokens_of_pass(const ProgramHeader& program, uint32_t lanes, uint64_t score_buffer) {
  const uint32_t heads_per_kv = program.heads / program.kv_heads;
  for (uint32_t tokens = std::min(lanes, registers::kTokenIds); tokens > 0; --tokens) {
    const uint64_t rounds = attention_rounds(tokens, heads_per_kv, lanes);
    if (rounds <= kMostRounds && score_bytes(rounds, program.context, lanes) <= score_buffer) return tokens;
  }
  return 0;
}

}  // namespace brim
