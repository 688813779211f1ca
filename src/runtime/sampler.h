// Chooses the next token from logits. Freestanding and reproducible: the same text before, logits, options
// and seed give the same token on every machine (exp is Brim's own).
#pragma once

#include <cstdint>
#include <span>

#include "runtime/sampler_stages.h"

namespace brim {

class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options);

  // The stages, then one draw by weight; at temperature 0 the largest logit, the lowest id among equals, and
  // no draw. `scratch` holds logits.size() candidates if needs_scratch(). Logits are finite.
  uint32_t sample(std::span<const float> logits, std::span<Candidate> scratch);
  bool needs_scratch() const;

  // What stands in the text: nothing; one more token. Stages that look at it see only what was kept of a
  // draft, because only that is ever told.
  void forget();
  void accept(uint32_t token);

  // Where its random numbers stand.
  uint64_t state() const { return state_; }
  void set_state(uint64_t state) { state_ = state; }

 private:
  double uniform();  // [0, 1)

  bool greedy_;
  SamplerStages stages_;
  uint64_t state_;
};

// The index of the largest element, the lowest among equals.
uint32_t argmax(std::span<const float> values);

}  // namespace brim
