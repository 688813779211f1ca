// A text that a model goes on with: what of it stands in the KV cache, what was chosen and not run yet, turns
// that were cut short. The one loop that decodes, for host and firmware. Freestanding.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/passes.h"
#include "runtime/speculation.h"
#include "runtime/turn.h"
#include "tokenizer/tokenizer.h"

namespace brim {

enum class StopReason : uint8_t { kEnd, kLimit, kContextFull, kInterrupted, kFailed };

// Chooses tokens from logits, and is told the text so that it can take it into account: a Sampler with what
// it needs. Of drafts it is told only those that were chosen. drop(first, count): that many tokens of the
// text are gone from there on.
template <typename C>
concept TokenChooser = requires(C chooser, std::span<const float> logits, uint32_t token) {
  { chooser.sample(logits) } -> std::same_as<uint32_t>;
  chooser.forget();
  chooser.accept(token);
  chooser.drop(token, token);
};

class Conversation {
 public:
  // `memory` holds the tokens of the text: runner.context() + 1 of them, or the context is shorter. Runner,
  // tokenizer and memory outlive the conversation. Where several share a KV cache, each has to be rewound to
  // 0 after another one has run.
  Conversation(PassRunner& runner, const Tokenizer& tokenizer, std::span<uint32_t> memory)
      : runner_(runner), tokenizer_(tokenizer), memory_(memory) {}

  uint32_t context() const {
    return static_cast<uint32_t>(std::min<size_t>(runner_.context(), memory_.size() - 1));
  }
  // Tokens that have been run, and how many more can be.
  uint32_t position() const { return position_; }
  uint32_t room() const { return context() - position_; }
  // The whole text. Those from position() on have not been run: the last one that was chosen, and what has
  // been added since.
  std::span<const uint32_t> tokens() const { return memory_.first(count_); }
  std::span<const uint32_t> unrun() const { return tokens().subspan(position_); }

  enum class Added : uint8_t { kYes, kTextTooLong, kContextFull };

  // Adds to the text. Anything but kYes leaves it as it was, or, where the context shifts, shifted.
  Added add(std::span<const uint32_t> tokens);

  // Adds at most two turns, a system turn and a user turn, such that the model is to answer next; before them
  // the end of an answer that was cut short.
  Added add_turns(std::span<const ChatTurn> turns, const TurnBuffers& buffers);

  // Runs what has not been run. False if a pass failed: then what was added since the last read() is no part
  // of the text any more, also where the runner throws.
  bool read();

  // The last token's logits, from read() until the next pass.
  std::span<const float> logits() const { return logits_; }

  // Chooses tokens, starting from logits(), until an end token, `max_tokens`, the end of the context, or
  // on_token(token) is false, which is called for each new token but an end token as it is chosen. Every
  // token chosen is part of the text; the last one has not been run.
  template <TokenChooser Chooser, typename OnToken>
  StopReason generate(Chooser& chooser, uint32_t max_tokens, const OnToken& on_token);

  // From now on generate() drafts tokens and verifies them, several in a pass; the same tokens are chosen as
  // without. Null: no more. It must outlive the conversation.
  void speculate(Speculation* speculation) { speculation_ = speculation; }

  // Passes that generate() has run.
  uint64_t passes() const { return passes_; }

  // Whether the token chosen last is what was drafted for it.
  bool last_as_drafted() const { return as_drafted_; }

  // Forgets everything from `position` on. Where the cache does not hold any more what comes before, all of
  // the text will be run again.
  void rewind(uint32_t position);

  // Forgets everything behind the longest prefix that the text has in common with `tokens`, and of that the
  // last token if it is all of them, so that adding the others and reading gives their logits. Returns the
  // prefix's length.
  uint32_t keep_prefix(std::span<const uint32_t> tokens);

  // The first positions of the runner's KV cache hold K and V of `tokens`, which outlive the conversation: of
  // a text that begins with them they are not run. What it runs over them is forgotten.
  void know(std::span<const uint32_t> tokens) {
    known_ = tokens;
    written_ = static_cast<uint32_t>(tokens.size());
  }
  std::span<const uint32_t> known() const { return known_; }

  // Brings K and V of the first `positions` back, where something else has been run there. False if a pass
  // failed.
  bool run_again(uint32_t positions);

  // A text with no room for more is shifted instead of ended: its first kSinks tokens stay (attention sinks:
  // Xiao et al. 2023, "Efficient Streaming Language Models"), the next shift_tokens() are dropped, the others
  // move to the front and are run again where they now stand.
  static constexpr uint32_t kSinks = 4;
  void shift_context(bool on) { shifts_context_ = on; }
  bool shifts_context() const { return shifts_context_; }
  uint32_t shift_tokens() const { return context() > kSinks ? (context() - kSinks + 1) / 2 : 0; }

  // Of a text of so many tokens those that are dropped behind the sinks, as many whole shifts as it takes to
  // make it fit: two texts of which one begins as the other are mostly cut at the same place.
  uint64_t dropped_of(uint64_t tokens) const;

  struct ShiftCounts {
    uint64_t shifts = 0;
    uint64_t dropped = 0;    // tokens
    uint64_t run_again = 0;  // while an answer was generated
  };
  const ShiftCounts& shift_counts() const { return shift_counts_; }

  // Positions that the cache has been written up to: drafts that were not kept may stand behind the text.
  uint32_t written() const { return written_; }

  // Makes the text `tokens`, which fit, where K and V of the first `cached` have been put into the runner's
  // KV cache, which was written up to `written`. Logits come from a token that is run: to generate() right
  // away, one has to be left.
  void assume(std::span<const uint32_t> tokens, uint32_t cached, uint32_t written);

 private:
  // The text before anything was added since the last read().
  struct Mark {
    uint32_t count = 0;
    bool cut_short = false;
  };

  void mark() {
    if (!unread_) before_ = {count_, cut_short_};
    unread_ = true;
  }
  void take_back() {
    count_ = before_.count;
    go_on_from(std::min(position_, count_));
    cut_short_ = before_.cut_short;
    unread_ = false;
  }

  Added try_turns(std::span<const ChatTurn> turns, const TurnBuffers& buffers);
  // Drops so many tokens behind the sinks, of what is longer than that.
  void shift(uint32_t dropped);
  void count_shift(uint64_t dropped);
  // Makes room behind a text whose last token cannot be run any more. False if a pass failed.
  bool make_room();

  // How much of the text the cache is known to hold.
  uint32_t known_prefix() const {
    uint32_t common = 0;
    while (common < known_.size() && common < count_ && known_[common] == memory_[common]) ++common;
    return common;
  }
  // The last token is run in any case, for its logits.
  void skip_known() {
    if (count_ > 0) go_on_from(std::max(position_, std::min(known_prefix(), count_ - 1)));
  }
  // The next token to be run is that at `position`; the first one, if what that attends to has been
  // overwritten.
  void go_on_from(uint32_t position) {
    position_ = position < runner_.earliest_start(written_) ? 0 : position;
  }
  // A pass writes K and V of so many tokens from position_ on.
  void note_written(uint32_t tokens) {
    written_ = position_ == 0 ? tokens : std::max(written_, position_ + tokens);
  }

  // Tokens to verify together with the last one chosen, at most `most`.
  std::span<const uint32_t> draft(uint32_t most) {
    if (speculation_ == nullptr) return {};
    return speculation_->draft(tokens(), std::min({most, room() - 1, runner_.max_tokens_per_pass() - 1}));
  }

  PassRunner& runner_;
  const Tokenizer& tokenizer_;
  std::span<uint32_t> memory_;
  uint32_t count_ = 0;      // tokens of the text
  uint32_t position_ = 0;   // of them in the KV cache
  uint32_t written_ = 0;    // positions of the cache, since it was begun anew
  bool cut_short_ = false;  // the last answer did not end by itself
  bool unread_ = false;     // something was added since the last read()
  Mark before_;
  std::span<const uint32_t> known_;  // first positions of the cache, as far as they hold these still
  bool shifts_context_ = false;
  ShiftCounts shift_counts_;
  std::span<const float> logits_;
  Speculation* speculation_ = nullptr;
  bool as_drafted_ = false;
  uint64_t passes_ = 0;
};

template <TokenChooser Chooser, typename OnToken>
StopReason Conversation::generate(Chooser& chooser, uint32_t max_tokens, const OnToken& on_token) {
  chooser.forget();
  for (const uint32_t token : tokens()) chooser.accept(token);
  cut_short_ = true;
  if (max_tokens == 0) return StopReason::kLimit;

  uint32_t left = max_tokens;
  // The next token of the text, and the reason to stop there if there is one.
  const auto choose = [&](std::span<const float> logits,
                          const uint32_t* drafted) -> std::optional<StopReason> {
    const uint32_t token = chooser.sample(logits);
    chooser.accept(token);
    as_drafted_ = drafted != nullptr && token == *drafted;
    memory_[count_++] = token;
    if (tokenizer_.is_end(token)) {
      cut_short_ = false;
      return StopReason::kEnd;
    }
    --left;
    if (!on_token(token)) return StopReason::kInterrupted;
    if (left == 0) return StopReason::kLimit;
    if (count_ > context() && !(shifts_context_ && shift_tokens() > 0)) return StopReason::kContextFull;
    return std::nullopt;
  };

  std::optional<StopReason> stop = choose(logits_, nullptr);
  while (!stop) {
    if (count_ > context()) {
      if (!make_room()) return StopReason::kFailed;
      chooser.drop(kSinks, shift_tokens());
    }
    // The token that was chosen last, and what may follow it. Only what is chosen becomes part of the text;
    // what stands in the cache behind it is overwritten before it is read.
    const std::span<const uint32_t> drafts = draft(left - 1);
    std::copy(drafts.begin(), drafts.end(), memory_.begin() + count_);
    const auto width = static_cast<uint32_t>(1 + drafts.size());
    note_written(width);
    const PassLogits rows =
        runner_.run({.tokens = memory_.subspan(position_, width), .position = position_, .first_logits = 0});
    if (rows.failed()) return StopReason::kFailed;
    ++passes_;
    const uint32_t first = count_;
    uint32_t row = 0;
    do {
      stop = choose(rows.row(row, runner_.vocabulary()), row < drafts.size() ? &drafts[row] : nullptr);
      ++row;
    } while (as_drafted_ && !stop);
    position_ += count_ - first;
    if (speculation_ != nullptr) speculation_->settle(memory_.subspan(first, count_ - first));
  }
  return *stop;
}

}  // namespace brim
