// One pass of a decode program, and what runs it. Freestanding: the firmware drives the accelerator through
// this interface, the host its executors.
#pragma once

#include <cstdint>
#include <span>

namespace brim {

// One run of the program over the weights, for tokens at consecutive positions. The KV cache holds valid
// entries for all positions below `position`.
struct Pass {
  std::span<const uint32_t> tokens;  // 1 .. max_tokens_per_pass
  uint32_t position = 0;             // of tokens[0]
  uint32_t first_logits = 0;         // logits are wanted from this token on; tokens.size(): none
};

class PassRunner {
 public:
  virtual uint32_t vocabulary() const = 0;
  virtual uint32_t context() const = 0;  // positions the KV cache holds
  virtual uint32_t max_tokens_per_pass() const = 0;

  // Runs the pass and leaves the tokens' K and V in the cache. Puts the logits of tokens first_logits ...,
  // [tokens][vocabulary], valid until the next call, into `logits`. False if the pass failed; hosted runners
  // throw instead.
  virtual bool run_pass(const Pass& pass, std::span<const float>& logits) = 0;

 protected:
  ~PassRunner() = default;
};

}  // namespace brim
