// A conversation on the host: its memory, its errors as exceptions, its times.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/pass.h"
#include "runtime/conversation.h"
#include "runtime/host_sampler.h"
#include "tokenizer/tokenizer.h"

namespace brim {

struct GenerateOptions {
  uint32_t max_tokens = 256;
  // Called for each new token as it is chosen; false stops. May be empty.
  std::function<bool(uint32_t token)> on_token = {};
};

struct Generation {
  std::vector<uint32_t> tokens;  // new ones, without the end token
  StopReason reason = StopReason::kLimit;
  size_t prompt_tokens = 0;  // run before the first new one
  uint64_t passes = 0;       // run for the other new ones
  double prompt_seconds = 0;
  double decode_seconds = 0;  // from the first new token to the last
};

class Session {
 public:
  Session(PassRunner& runner, const Tokenizer& tokenizer);

  uint32_t position() const { return conversation_.position(); }
  uint32_t room() const { return conversation_.room(); }
  // The text; the last token may not have been run yet (Conversation::tokens).
  std::span<const uint32_t> tokens() const { return conversation_.tokens(); }

  // Throws Error, with the numbers, unless `tokens` more fit.
  void require_room(size_t tokens) const;

  // Add to the text what the next generate() or logits() will run. Throw Error if it does not fit, and leave
  // the text as it was.
  void add(std::span<const uint32_t> tokens);
  void add_turns(std::span<const ChatTurn> turns);

  // The text is `tokens`, of which the runner has the first `position` in its cache, which was written up to
  // `written`. Throws Error if it does not fit.
  void restore(std::span<const uint32_t> tokens, uint32_t position, uint32_t written);

  // Makes the text `tokens`, of which what is in the cache already is not run again. Throws as add() does.
  void become(std::span<const uint32_t> tokens);

  // Runs what was added and returns the last token's logits, valid until the next call. Throws Error where
  // the executor does; then what was added is no part of the text any more.
  std::span<const float> logits();

  // Runs what was added, then samples until an end token, max_tokens or the end of the context. The text then
  // ends with the last token chosen, which has not been run.
  Generation generate(HostSampler& sampler, const GenerateOptions& options);

  // As Conversation::speculate.
  void speculate(Speculation* speculation) { conversation_.speculate(speculation); }

  // Forgets everything from `position` on.
  void rewind(uint32_t position) { conversation_.rewind(position); }

  Conversation& conversation() { return conversation_; }
  const Conversation& conversation() const { return conversation_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  const Tokenizer& tokenizer_;
  std::vector<uint32_t> memory_;
  Conversation conversation_;
};

// Encodes with memory of its own. Throws Error if the text is too long.
std::vector<uint32_t> encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options);

}  // namespace brim
