#include "runtime/host_sampler.h"

#include <algorithm>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

HostSampler::HostSampler(const SamplerOptions& options, const Tokenizer& tokenizer)
    : sampler_(options, &tokenizer) {
  for (const LogitBias& bias : options.logit_bias) {
    if (bias.token >= tokenizer.vocabulary_size()) {
      throw Error(concat("logit bias: there is no token ", bias.token, "; the tokenizer has ",
                         tokenizer.vocabulary_size()));
    }
  }
}

void HostSampler::forget() {
  text_.clear();
  answering_ = false;
  if (grammar_) grammar_->rewind(0);
}

void HostSampler::accept(uint32_t token) {
  text_.push_back(token);
  if (answering_ && grammar_ && !grammar_->accept(token))
    throw Error(concat("token ", token, " does not follow the grammar"));
}

void HostSampler::drop(uint32_t first, uint32_t count) {
  text_.erase(text_.begin() + first, text_.begin() + first + count);
}

uint32_t HostSampler::sample(std::span<const float> logits) {
  answering_ = true;
  TokenSet allowed;
  // The largest logit of all is that of the allowed tokens, if its token is one of them: mostly it is, and
  // the others need not be found.
  if (grammar_ && !sampler_.needs_scratch()) {
    const uint32_t best = argmax(logits);
    if (grammar_->allows(best)) return best;
  }
  if (grammar_) {
    const std::span<const uint64_t> mask = grammar_->mask();
    if (std::all_of(mask.begin(), mask.end(), [](uint64_t word) { return word == 0; })) {
      throw Error("the grammar cannot go on here: the vocabulary has no token for what it allows next");
    }
    allowed = mask;
  }
  if (sampler_.needs_scratch()) scratch_.resize(logits.size());
  return sampler_.sample({.logits = logits, .text = text_, .allowed = allowed}, scratch_);
}

}  // namespace brim
