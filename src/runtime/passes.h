// Many tokens through a PassRunner: the one loop over passes. Freestanding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "engine/pass.h"

namespace brim {

// Runs `tokens` from `position` on, in passes as wide as the runner allows. Calls on_logits(i, logits) for
// each token i from `first_logits` on, [vocabulary], valid during the call. False if a pass failed, of which
// and of later ones nothing is told.
template <typename OnLogits>
bool run_passes(PassRunner& runner, std::span<const uint32_t> tokens, uint32_t position, size_t first_logits,
                const OnLogits& on_logits) {
  for (size_t first = 0; first < tokens.size();) {
    const auto part =
        tokens.subspan(first, std::min<size_t>(tokens.size() - first, runner.max_tokens_per_pass()));
    const auto rest = tokens.subspan(first + part.size());
    const size_t skip = std::min(first_logits > first ? first_logits - first : 0, part.size());
    const PassLogits logits = runner.run({.tokens = part,
                                          .position = position + static_cast<uint32_t>(first),
                                          .first_logits = static_cast<uint32_t>(skip),
                                          .next = rest.first(std::min(rest.size(), part.size()))});
    if (logits.failed()) return false;
    for (size_t t = skip; t < part.size(); ++t) {
      on_logits(first + t, logits.row(t - skip, runner.vocabulary()));
    }
    first += part.size();
  }
  return true;
}

}  // namespace brim
