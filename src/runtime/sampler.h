// Chooses the next token from logits. Freestanding and reproducible: the same text before, logits, options
// and seed give the same token on every machine (exp is Brim's own).
#pragma once

#include <cstdint>
#include <span>

#include "runtime/sampler_stages.h"
#include "tokenizer/tokenizer.h"

namespace brim {

// What a token is chosen from.
struct SamplerInput {
  std::span<const float> logits;  // finite
  // The text so far: of drafts only what was kept.
  std::span<const uint32_t> text = {};
  // The tokens that may be chosen, at least one; empty: all.
  TokenSet allowed = {};
};

class Sampler {
 public:
  // `tokenizer` says which tokens end a text; without one, options.ignore_eos means nothing.
  explicit Sampler(const SamplerOptions& options, const Tokenizer* tokenizer = nullptr);

  // The tokens that are allowed, with biases on their logits; the stages in the order of options.samplers;
  // then one draw by weight. At temperature 0 the largest logit, the lowest id among equals, and no draw.
  // `scratch` holds logits.size() candidates if needs_scratch().
  uint32_t sample(const SamplerInput& input, std::span<Candidate> scratch);
  bool needs_scratch() const;

  const SamplerOptions& options() const { return options_; }

  // Where its random numbers stand.
  uint64_t state() const { return state_; }
  void set_state(uint64_t state) { state_ = state; }

 private:
  void add_biases(Candidates& candidates) const;
  double uniform();  // [0, 1)

  SamplerOptions options_;
  const Tokenizer* tokenizer_;
  SamplerStages stages_;
  uint64_t state_;
};

// The index of the largest element, the lowest among equals, of those that are allowed; empty: all.
uint32_t argmax(std::span<const float> values, TokenSet allowed = {});

}  // namespace brim
