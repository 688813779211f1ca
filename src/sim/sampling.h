// Which passes of a run are simulated exactly.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "sim/options.h"
#include "sim/run.h"

namespace brim::sim {

// Passes that differ in nothing but their position: first, first + step, ...
struct Segment {
  uint32_t first;
  uint32_t step;
  uint32_t count;
  PassRequest pass;  // its position is that of the first
  bool decode;

  PassRequest at(uint32_t index) const {
    PassRequest request = pass;
    request.position = first + index * step;
    return request;
  }
};

// Which passes of a segment are simulated.
struct Sampling {
  std::set<uint32_t> knots;   // interpolated between; with a consumer that is always ready, too
  std::set<uint32_t> checks;  // between knots, to measure the error of that
};
Sampling sampling_of(const Segment& segment);

// A run as segments: full passes of the prompt, its last one, generated tokens.
std::vector<Segment> segments_of(const RunRequest& run, uint32_t tokens_per_pass);

}  // namespace brim::sim
