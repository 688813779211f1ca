// One pass of a decode program, and what runs it. Freestanding: the firmware drives the accelerator through
// this interface, the host its executors.
#pragma once

#include <cstdint>
#include <ranges>
#include <span>

namespace brim {

// Where a token stands: a position of one of the runner's KV caches.
struct Place {
  uint32_t cache = 0;
  uint32_t position = 0;

  bool operator==(const Place&) const = default;
};

// One run of the program over the weights. Its tokens stand at consecutive positions of cache 0, or, where
// `places` says so, anywhere, in any order, each place once: several texts share the pass, and a token's
// logits do not depend on which. The cache holds valid entries for all positions below a token's, or gets
// them from this pass.
struct Pass {
  std::span<const uint32_t> tokens;     // 1 .. max_tokens_per_pass
  uint32_t position = 0;                // of tokens[0]
  uint32_t first_logits = 0;            // logits are wanted from this token on; tokens.size(): none
  std::span<const Place> places = {};   // [tokens], in place of `position`; empty: consecutive
  std::span<const uint32_t> next = {};  // of the pass that will follow, where they are known; a hint
};

// The logits of tokens first_logits ... of a pass, valid until the next pass; or word that the pass failed.
class PassLogits : public std::span<const float> {
 public:
  PassLogits() = default;
  // [tokens][vocabulary]
  template <std::ranges::contiguous_range Range>
  PassLogits(const Range& logits) : std::span<const float>(logits) {}
  // [tokens][stride], of which the first `vocabulary` of each row count
  PassLogits(std::span<const float> rows, uint64_t stride) : std::span<const float>(rows), stride_(stride) {}
  static PassLogits failure() {
    PassLogits result;
    result.failed_ = true;
    return result;
  }

  bool failed() const { return failed_; }

  // Of the t-th token that has logits.
  std::span<const float> row(uint64_t t, uint32_t vocabulary) const {
    return subspan(t * (stride_ != 0 ? stride_ : vocabulary), vocabulary);
  }

 private:
  uint64_t stride_ = 0;  // 0: the vocabulary
  bool failed_ = false;
};

class PassRunner {
 public:
  virtual uint32_t vocabulary() const = 0;
  virtual uint32_t context() const = 0;          // positions a KV cache holds
  virtual uint32_t caches() const { return 1; }  // only with more than one does a pass take places
  virtual uint32_t max_tokens_per_pass() const = 0;
  // The first position but 0 at which a pass may begin in a cache that has been written up to `written` since
  // one began at 0: where layers keep the last positions only, what stands before may be overwritten.
  virtual uint32_t earliest_start(uint32_t /*written*/) const { return 0; }

  // Runs the pass and leaves the tokens' K and V in the cache. Freestanding runners tell of a failure in the
  // result; hosted ones (executor.h) throw Error instead, so that hosted callers need not ask.
  virtual PassLogits run(const Pass& pass) = 0;

 protected:
  ~PassRunner() = default;
};

}  // namespace brim
