#include "runtime/sampler.h"

#include <algorithm>

#include "numerics/exp.h"
#include "numerics/split_mix.h"

namespace brim {

uint32_t argmax(std::span<const float> values) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

// 53 bits of SplitMix64.
double Sampler::uniform() {
  state_ += kSplitMixStep;
  return static_cast<double>(split_mix(state_) >> 11) * 0x1p-53;
}

uint32_t Sampler::sample(std::span<const float> logits, std::span<Candidate> scratch) {
  const uint32_t best = argmax(logits);
  if (options_.temperature <= 0.0f) return best;

  const std::span<Candidate> heap = scratch.first(logits.size());
  const float inverse_temperature = 1.0f / options_.temperature;
  double total = 0;
  for (uint32_t i = 0; i < logits.size(); ++i) {
    heap[i] = {exp_fp32((logits[i] - logits[best]) * inverse_temperature), i};
    total += static_cast<double>(heap[i].weight);
  }
  const bool all = options_.top_k == 0 || options_.top_k >= logits.size();
  if (all && options_.top_p >= 1.0f) {
    double target = uniform() * total;
    for (const Candidate& candidate : heap) {
      target -= static_cast<double>(candidate.weight);
      if (target < 0) return candidate.token;
    }
    return best;
  }

  // The most probable candidates come off a heap as they are asked for, to the end of the scratch.
  const auto less_probable = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
  };
  std::make_heap(heap.begin(), heap.end(), less_probable);
  size_t sorted = 0;
  const auto nth = [&](size_t n) -> const Candidate& {
    for (; sorted <= n; ++sorted) {
      std::pop_heap(heap.begin(), heap.end() - static_cast<ptrdiff_t>(sorted), less_probable);
    }
    return heap[heap.size() - 1 - n];
  };
  const size_t most = all ? heap.size() : options_.top_k;
  if (!all) {
    total = 0;
    for (size_t i = 0; i < most; ++i) total += static_cast<double>(nth(i).weight);
  }
  size_t kept = 0;
  double kept_weight = 0;
  do {
    kept_weight += static_cast<double>(nth(kept++).weight);
  } while (kept < most && kept_weight < static_cast<double>(options_.top_p) * total);

  double target = uniform() * kept_weight;
  for (size_t i = 0; i < kept; ++i) {
    target -= static_cast<double>(nth(i).weight);
    if (target < 0) return nth(i).token;
  }
  return best;
}

}  // namespace brim
