// A Sampler with what it needs on the host: memory, the text, and a grammar if there is one.
#pragma once

#include <optional>
#include <vector>

#include "grammar/grammar_state.h"
#include "runtime/sampler.h"

namespace brim {

class HostSampler {
 public:
  // The tokenizer must outlive it. Throws Error if a logit bias is of no token.
  HostSampler(const SamplerOptions& options, const Tokenizer& tokenizer);

  // From now on every answer follows this grammar, which must be at its beginning.
  void constrain(GrammarState grammar) { grammar_ = std::move(grammar); }

  // Whether the grammar that there is may end where the answer has come to.
  bool grammar_can_end() const { return grammar_ && grammar_->can_end(); }

  // A text begins; it goes on by a token. Those before the first sample() are the prompt, which no grammar
  // constrains.
  void forget();
  void accept(uint32_t token);
  // So many tokens of the text are gone from `first` on; what the grammar has followed stays followed.
  void drop(uint32_t first, uint32_t count);

  // Throws Error if the vocabulary has no token that the grammar allows next.
  uint32_t sample(std::span<const float> logits);

  // Of its random numbers, to go on with them another time.
  uint64_t state() const { return sampler_.state(); }
  void set_state(uint64_t state) { sampler_.set_state(state); }

  const SamplerOptions& options() const { return sampler_.options(); }

 private:
  Sampler sampler_;
  std::vector<Candidate> scratch_;
  std::vector<uint32_t> text_;
  std::optional<GrammarState> grammar_;
  bool answering_ = false;
};

}  // namespace brim
