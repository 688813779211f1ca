// What an accelerator can take. Freestanding: the RTL's package, the packer, the simulator, the firmware and
// the RTL target all take the limits from here.
#pragma once

#include <cstdint>

#include "isa/instruction.h"
#include "isa/layout.h"

namespace brim {

inline constexpr uint32_t kMostDim = 4096;
inline constexpr uint32_t kMostHidden = 14336;
inline constexpr uint32_t kMostVocabulary = (1u << 24) - 1;
inline constexpr uint32_t kMostExperts = 128;        // of a layer
inline constexpr uint32_t kMostExpertsPerToken = 8;  // that a token chooses
inline constexpr uint32_t kMostHeads = 64;
inline constexpr uint32_t kMostKvHeads = 32;
inline constexpr uint32_t kMostHeadsPerKv = 8;
inline constexpr uint32_t kMostHeadSize = 128;
inline constexpr uint32_t kMostRounds = 8;  // of pairs of a token and a query head of a KV head: result slots

// The largest model that an accelerator takes; unless said otherwise, the RTL in every size.
struct LargestModel {
  uint32_t dim = kMostDim;
  uint32_t hidden = kMostHidden;
  uint32_t heads = kMostHeads;
  uint32_t kv_heads = kMostKvHeads;
  uint32_t heads_per_kv = kMostHeadsPerKv;
  uint32_t head_size = kMostHeadSize;

  bool operator==(const LargestModel&) const = default;
};

struct AcceleratorLimits {
  uint32_t tokens = 0;        // of a pass; lanes of pairs. MAX_TOKENS
  uint32_t context = 0;       // positions. MAX_CONTEXT
  uint64_t score_buffer = 0;  // bytes for all lanes. SCORE_BYTES
  LargestModel model = {};
};

// An accelerator of `lanes` works on that many pairs at a time, in rounds. Each round keeps its results in a
// slot of its own.
constexpr uint64_t attention_rounds(uint64_t tokens, uint64_t heads_per_kv, uint64_t lanes) {
  return (tokens * heads_per_kv + lanes - 1) / lanes;
}

// Bytes of the score buffer: for each position two generations of an FP32 score per pair, in all lanes alike.
constexpr uint64_t score_bytes(uint64_t rounds, uint64_t context, uint64_t lanes) {
  return rounds * context * 8 * lanes;
}

// The longest context, whole blocks, at which a token's scores fit; 0: none.
constexpr uint32_t longest_context(const AcceleratorLimits& limits, uint32_t heads_per_kv) {
  const uint64_t position = score_bytes(attention_rounds(1, heads_per_kv, limits.tokens), 1, limits.tokens);
  const uint64_t scored = limits.score_buffer / position;
  const uint64_t most = scored < limits.context ? scored : limits.context;
  return static_cast<uint32_t>(most / kAttentionBlock * kAttentionBlock);
}

// Scores that a lane has room for, in each generation.
constexpr uint64_t scores_of_lane(const AcceleratorLimits& limits) {
  return limits.score_buffer / score_bytes(1, 1, limits.tokens);
}

// A size of a program that an accelerator does not take.
struct Excess {
  const char* size = nullptr;  // its name; null: there is none
  uint64_t value = 0;
  uint64_t most = 0;
  const char* member = nullptr;  // of LargestModel; null: it does not say it
};

constexpr uint32_t heads_per_kv(const ProgramHeader& program) {
  return program.kv_heads == 0 ? program.heads : program.heads / program.kv_heads;
}

// The first one of the model, whatever the context.
constexpr Excess excess_of(const ProgramHeader& program, const LargestModel& largest) {
  const Excess sizes[] = {
      {"dim", program.dim, largest.dim, "dim"},
      {"hidden", program.hidden, largest.hidden, "hidden"},
      {"vocabulary", program.vocabulary, kMostVocabulary},
      {"experts", program.experts, kMostExperts},
      {"experts per token", program.experts_per_token, kMostExpertsPerToken},
      {"expert_hidden", program.expert_hidden, largest.hidden, "hidden"},
      {"heads", program.heads, largest.heads, "heads"},
      {"kv_heads", program.kv_heads, largest.kv_heads, "kv_heads"},
      {"query heads per KV head", heads_per_kv(program), largest.heads_per_kv, "heads_per_kv"},
      {"head_size", program.head_size, largest.head_size, "head_size"},
  };
  for (const Excess& size : sizes) {
    if (size.value > size.most) return size;
  }
  return {};
}

// The first one of all. Precondition: tokens of the limits are not 0.
constexpr Excess excess_of(const ProgramHeader& program, const AcceleratorLimits& limits) {
  if (const Excess excess = excess_of(program, limits.model); excess.size != nullptr) return excess;
  const uint64_t rounds = attention_rounds(1, heads_per_kv(program), limits.tokens);
  if (rounds > kMostRounds) return {"rounds of attention of a token", rounds, kMostRounds};
  const uint64_t longest = longest_context(limits, heads_per_kv(program));
  if (program.context > longest) return {"context", program.context, longest};
  return {};
}

}  // namespace brim
