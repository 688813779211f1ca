// Chooses the next token from logits. Freestanding and reproducible: the same logits, options and seed give
// the same token on every machine (exp is Brim's own).
#pragma once

#include <cstdint>
#include <span>

namespace brim {

struct SamplerOptions {
  float temperature = 0.0f;  // 0: greedy
  uint32_t top_k = 0;        // keep the k most probable tokens; 0: all
  float top_p = 1.0f;        // then the fewest tokens that hold this share of the probability
  uint64_t seed = 0;
};

// A token that may be drawn, with its weight (probability up to a common factor).
struct Candidate {
  float weight;
  uint32_t token;
};

class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options) : options_(options), state_(options.seed) {}

  // Greedy: the largest logit, the lowest id among equals. Else temperature, then top-k, then top-p, then one
  // draw. `scratch` holds logits.size() candidates (greedy: may be empty). Logits are finite.
  uint32_t sample(std::span<const float> logits, std::span<Candidate> scratch);

 private:
  double uniform();  // [0, 1)

  SamplerOptions options_;
  uint64_t state_;
};

// The index of the largest element, the lowest among equals.
uint32_t argmax(std::span<const float> values);

}  // namespace brim
