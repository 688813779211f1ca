// Which experts a simulated pass reads: as recorded from a run, or drawn.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/instruction.h"

namespace brim::sim {

// Every token of every layer draws its experts without replacement, expert e with a share of (rank +
// 1)^-skew, where the ranks are shuffled anew for each layer. A skew of 0 is uniform: no expert is any
// likelier.
struct Routing {
  uint64_t seed = 1;
  double skew = 0;
};

// The distinct experts of tokens [position, position + tokens) in a layer, ascending. The same arguments
// always give the same experts.
std::vector<uint32_t> draw_experts(const ProgramHeader& header, const Routing& routing, uint32_t position,
                                   uint32_t tokens, uint32_t layer);

}  // namespace brim::sim
