#include "sim/sampling.h"

#include <algorithm>
#include <iterator>

namespace brim::sim {

Sampling sampling_of(const Segment& segment) {
  const uint32_t last = segment.count - 1;
  constexpr uint32_t kAllUpTo = 3;
  Sampling sampling;
  if (segment.count <= kAllUpTo) {
    for (uint32_t i = 0; i <= last; ++i) sampling.knots.insert(i);
  } else {
    // The first positions are special: attention has next to nothing to read there.
    constexpr uint32_t kShortPositions = 64;
    const uint32_t early = std::min(std::max(1u, kShortPositions / segment.step), last / 2);
    sampling.knots = {0, early, (early + last) / 2, last};
    for (auto knot = std::next(sampling.knots.begin()); knot != sampling.knots.end(); ++knot) {
      const uint32_t middle = (*std::prev(knot) + *knot) / 2;
      if (!sampling.knots.contains(middle) && *knot > early) sampling.checks.insert(middle);
    }
  }
  return sampling;
}

std::vector<Segment> segments_of(const RunRequest& run, uint32_t tokens_per_pass) {
  std::vector<Segment> segments;
  const uint32_t full = (run.prompt_tokens - 1) / tokens_per_pass;  // passes before the last
  const uint32_t rest = run.prompt_tokens - full * tokens_per_pass;
  if (full > 0) {
    segments.push_back({0, tokens_per_pass, full, {0, tokens_per_pass, false}, false});
  }
  segments.push_back({full * tokens_per_pass, rest, 1, {full * tokens_per_pass, rest, true}, false});
  if (run.generate > 0) {
    segments.push_back({run.prompt_tokens, 1, run.generate, {run.prompt_tokens, 1, true}, true});
  }
  for (Segment& segment : segments) segment.pass.routing = run.routing;
  return segments;
}

}  // namespace brim::sim
