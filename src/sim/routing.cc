#include "sim/routing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "numerics/split_mix.h"

namespace brim::sim {

namespace {

// In (0, 1].
double uniform(uint64_t key) { return (static_cast<double>(split_mix(key) >> 11) + 1) * 0x1p-53; }

}  // namespace

std::vector<uint32_t> draw_experts(const ProgramHeader& header, const Routing& routing, uint32_t position,
                                   uint32_t tokens, uint32_t layer) {
  const uint32_t experts = header.experts;
  const uint64_t of_layer = split_mix(routing.seed ^ (uint64_t{layer} << 32));
  std::vector<uint32_t> ranked(experts);
  std::iota(ranked.begin(), ranked.end(), 0u);
  std::ranges::sort(ranked, {}, [&](uint32_t e) { return split_mix(of_layer + e); });

  std::vector<bool> chosen(experts);
  for (uint32_t t = 0; t < tokens; ++t) {
    // The first to arrive of independent exponential waits with these rates: a draw without replacement.
    const uint64_t of_token = split_mix(of_layer ^ (position + t));
    std::vector<std::pair<double, uint32_t>> waits;
    for (uint32_t rank = 0; rank < experts; ++rank) {
      const double share = std::pow(rank + 1.0, -routing.skew);
      waits.emplace_back(-std::log(uniform(of_token + rank)) / share, ranked[rank]);
    }
    std::ranges::sort(waits);
    for (uint32_t i = 0; i < header.experts_per_token; ++i) chosen[waits[i].second] = true;
  }
  std::vector<uint32_t> result;
  for (uint32_t e = 0; e < experts; ++e) {
    if (chosen[e]) result.push_back(e);
  }
  return result;
}

}  // namespace brim::sim
