// Decoding on any PassRunner: the part of a session that firmware and host share. Freestanding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "engine/pass.h"
#include "runtime/sampler.h"
#include "tokenizer/tokenizer.h"

namespace brim {

// A conversation's place in a runner's KV cache.
class Position {
 public:
  explicit Position(PassRunner& runner) : runner_(runner) {}

  uint32_t position() const { return position_; }
  uint32_t room() const { return runner_.context() - position_; }

  // Runs `tokens` (1 ... room()) after those before and puts the last one's logits, valid until the next
  // call, into `logits`. Passes are as wide as the runner allows. False if one failed; the position stays as
  // it was, also where the runner throws.
  bool append(std::span<const uint32_t> tokens, std::span<const float>& logits) {
    uint32_t next = position_;
    while (!tokens.empty()) {
      const auto part = tokens.first(std::min<size_t>(tokens.size(), runner_.max_tokens_per_pass()));
      const bool last = part.size() == tokens.size();
      const auto first_logits = static_cast<uint32_t>(last ? part.size() - 1 : part.size());
      if (!runner_.run_pass({.tokens = part, .position = next, .first_logits = first_logits}, logits)) {
        return false;
      }
      next += static_cast<uint32_t>(part.size());
      tokens = tokens.subspan(part.size());
    }
    position_ = next;
    return true;
  }

  // Forgets everything from `position` on.
  void rewind(uint32_t position) { position_ = std::min(position_, position); }

 private:
  PassRunner& runner_;
  uint32_t position_ = 0;
};

enum class StopReason : uint8_t { kEnd, kLimit, kContextFull, kInterrupted, kFailed };

// Where a generation stopped. `unrun` is the last token chosen, which has not been run: the end token where
// the reason is kEnd; kNoToken if none was chosen.
struct Stop {
  StopReason reason = StopReason::kLimit;
  uint32_t unrun = kNoToken;
};

// Samples tokens, starting from `logits`, until an end token, max_tokens or the end of the context.
// `session` has room() and append() as Position has, `sampler` sample() as Sampler; on_token(token) is called
// for each new token as it is chosen, except the end token, and stops by returning false. `scratch`: see
// Sampler::sample.
template <typename Session, typename AnySampler, typename OnToken>
Stop decode(Session& session, const Tokenizer& tokenizer, AnySampler& sampler, std::span<const float> logits,
            std::span<Candidate> scratch, uint32_t max_tokens, const OnToken& on_token) {
  Stop stop;
  for (uint32_t count = 0; count < max_tokens;) {
    const uint32_t token = sampler.sample(logits, scratch);
    stop.unrun = token;
    if (tokenizer.is_end(token)) return {StopReason::kEnd, token};
    ++count;
    if (!on_token(token)) return {StopReason::kInterrupted, token};
    if (count == max_tokens) break;
    if (session.room() == 0) return {StopReason::kContextFull, token};
    if (!session.append({&token, 1}, logits)) return {StopReason::kFailed, token};
  }
  return stop;
}

}  // namespace brim
