#include "runtime/session.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

namespace {

Error too_long_to_tokenize(size_t bytes) {
  return Error(concat("a text of ", bytes, " bytes is too long to tokenize at once; split it"));
}

}  // namespace

std::vector<uint32_t> encode(const Tokenizer& tokenizer, std::string_view text,
                             const EncodeOptions& options) {
  std::vector<uint8_t> scratch(tokenizer.scratch_bytes(text.size()));
  std::vector<uint32_t> ids(tokenizer.max_ids(text.size()));
  const EncodeResult result = tokenizer.encode(text, options, scratch, ids);
  if (result.status != EncodeStatus::kOk) throw too_long_to_tokenize(text.size());
  ids.resize(result.count);
  return ids;
}

Session::Session(PassRunner& runner, const Tokenizer& tokenizer)
    : tokenizer_(tokenizer),
      memory_(size_t{runner.context()} + 1),
      conversation_(runner, tokenizer, memory_) {}

void Session::require_room(size_t tokens) const {
  const size_t used = conversation_.tokens().size();
  if (used + tokens <= conversation_.context() || conversation_.shifts_context()) return;
  throw Error(concat("the context holds ", conversation_.context(), " tokens: ", used, " are used, ", tokens,
                     " more do not fit; shorten the prompt or pack with a larger --context"));
}

void Session::add(std::span<const uint32_t> tokens) {
  require_room(tokens.size());
  conversation_.add(tokens);
}

void Session::add_turns(std::span<const ChatTurn> turns) {
  const uint64_t dropped = conversation_.shift_counts().dropped;
  std::vector<char> text(chat_text_bytes(tokenizer_.chat_table(), turns));
  std::vector<uint8_t> scratch(tokenizer_.scratch_bytes(text.size()));
  switch (conversation_.add_turns(turns, {text, scratch})) {
    case Conversation::Added::kYes:
      return;
    case Conversation::Added::kTextTooLong:
      throw too_long_to_tokenize(text.size());
    case Conversation::Added::kContextFull: {
      const uint64_t gone = conversation_.shift_counts().dropped - dropped;
      throw Error(concat("the context holds ", conversation_.context(), " tokens: ", tokens().size(),
                         " are used, and the turn does not fit",
                         gone > 0 ? concat(" though ", gone, " older ones were dropped for it") : "",
                         "; shorten it or pack with a larger --context"));
    }
  }
}

void Session::restore(std::span<const uint32_t> tokens, uint32_t position, uint32_t written) {
  rewind(0);
  require_room(tokens.size());
  if (tokens.size() > conversation_.context()) {
    conversation_.assume(tokens.first(position), position, written);
    return add(tokens.subspan(position));
  }
  const auto last = static_cast<uint32_t>(tokens.empty() ? 0 : tokens.size() - 1);
  conversation_.assume(tokens, std::min(position, last),
                       written);  // the last one is run again, for its logits
}

void Session::become(std::span<const uint32_t> tokens) {
  std::vector<uint32_t> kept;
  if (const uint64_t dropped = conversation_.dropped_of(tokens.size()); dropped > 0) {
    kept.assign(tokens.begin(), tokens.begin() + Conversation::kSinks);
    kept.insert(kept.end(), tokens.begin() + Conversation::kSinks + static_cast<ptrdiff_t>(dropped),
                tokens.end());
    tokens = kept;
  }
  if (tokens.size() > conversation_.context()) {
    throw Error(concat("the context holds ", conversation_.context(), " tokens, the conversation has ",
                       tokens.size(), "; shorten it or pack with a larger --context"));
  }
  conversation_.add(tokens.subspan(conversation_.keep_prefix(tokens)));
}

std::span<const float> Session::logits() {
  conversation_.read();
  return conversation_.logits();
}

Generation Session::generate(HostSampler& sampler, const GenerateOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  Generation result;
  result.prompt_tokens = conversation_.unrun().size();
  const auto prompt_start = Clock::now();
  conversation_.read();
  result.prompt_seconds = seconds(prompt_start);

  const uint64_t passes = conversation_.passes();
  const auto decode_start = Clock::now();
  result.reason = conversation_.generate(sampler, options.max_tokens, [&](uint32_t token) {
    result.tokens.push_back(token);
    return !options.on_token || options.on_token(token);
  });
  result.decode_seconds = seconds(decode_start);
  result.passes = conversation_.passes() - passes;
  return result;
}

}  // namespace brim
