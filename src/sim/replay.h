// Times of passes that were run elsewhere, or that a speculating decoder would run.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/progress.h"
#include "sim/pass.h"

namespace brim::sim {

struct PassCost {
  double cycles = 0;
  double bytes = 0;  // read and written
};

// What each pass costs on the board, the reading of its tokens' rows included where the embedding is on the
// card. Passes that differ in nothing but their position are simulated at a few positions and interpolated
// between them (sampling.h says why that is exact enough). Throws Error as simulate_pass does.
std::vector<PassCost> costs_of(const Board& board, const LoadedProgram& program,
                               std::span<const PassRequest> passes, uint32_t threads = 0,
                               const Progress& progress = {});

// Tokens that a pass with `drafts` drafted tokens gives on average where each draft is accepted with this
// probability if those before it were: 1 + a + ... + a^drafts.
double expected_tokens(double acceptance, uint32_t drafts);

// The passes of a decoder that drafts `drafts` tokens for each pass and keeps so many on average: from
// position `prompt` on, until `generate` tokens are there or the context ends.
std::vector<PassRequest> speculated_passes(uint32_t prompt, uint32_t generate, double acceptance,
                                           uint32_t drafts);

}  // namespace brim::sim
