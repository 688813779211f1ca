// A conversation's place in an executor's KV cache.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/executor.h"
#include "runtime/decode.h"
#include "runtime/sampler.h"
#include "tokenizer/tokenizer.h"

namespace brim {

class Session {
 public:
  explicit Session(Executor& executor) : executor_(executor), place_(executor) {}

  uint32_t position() const { return place_.position(); }
  uint32_t room() const { return place_.room(); }
  std::span<const uint32_t> tokens() const { return tokens_; }

  // Throws Error, with the numbers, unless `tokens` more fit.
  void require_room(size_t tokens) const;

  // Runs `tokens` (at least one) after those before and returns the last one's logits, valid until the next
  // call. Passes are as wide as the executor allows. Throws Error, before anything is run, if they do not
  // fit into the context, and where the executor does; the session stays as it was.
  std::span<const float> append(std::span<const uint32_t> tokens);

  // The same, for decode().
  bool append(std::span<const uint32_t> tokens, std::span<const float>& logits) {
    logits = append(tokens);
    return true;
  }

  // Forgets everything from `position` on.
  void rewind(uint32_t position) {
    place_.rewind(position);
    tokens_.resize(place_.position());
  }

 private:
  Executor& executor_;
  Position place_;
  std::vector<uint32_t> tokens_;
};

struct GenerateOptions {
  uint32_t max_tokens = 256;
  // Called for each new token as it is chosen; false stops. May be empty.
  std::function<bool(uint32_t token)> on_token;
};

struct Generation {
  std::vector<uint32_t> tokens;  // new ones, without the end token
  StopReason reason = StopReason::kLimit;
  uint32_t unrun = kNoToken;  // as Stop::unrun
  double prompt_seconds = 0;
  double decode_seconds = 0;  // from the first new token to the last
};

// Runs the prompt (at least one token), then samples until an end token, max_tokens or the end of the
// context. The session then holds the prompt and the new tokens; but the last one has not been run yet,
// unless an end token followed it.
Generation generate(Session& session, const Tokenizer& tokenizer, Sampler& sampler,
                    std::span<const uint32_t> prompt, const GenerateOptions& options);

}  // namespace brim
