#include "runtime/conversation.h"

namespace brim {

Conversation::Added Conversation::add(std::span<const uint32_t> tokens) {
  const uint64_t total = count_ + tokens.size();
  const uint64_t dropped = dropped_of(total);
  if (total - dropped > context()) return Added::kContextFull;
  mark();
  if (dropped == 0) {
    std::copy(tokens.begin(), tokens.end(), memory_.begin() + count_);
    count_ = static_cast<uint32_t>(total);
  } else {
    // Of the text, and where that is not enough of what is added: what stands behind both cuts moves.
    const uint32_t count = count_;
    const uint64_t of_text = std::min<uint64_t>(dropped, count > kSinks ? count - kSinks : 0);
    shift(static_cast<uint32_t>(of_text));
    const uint64_t first = count < kSinks ? kSinks - count : 0;  // of what is added: sinks
    const uint64_t of_added = dropped - of_text;
    for (uint64_t i = 0; i < tokens.size(); ++i) {
      if (i < first || i >= first + of_added) memory_[count_++] = tokens[i];
    }
    count_shift(dropped);
  }
  skip_known();
  return Added::kYes;
}

Conversation::Added Conversation::add_turns(std::span<const ChatTurn> turns, const TurnBuffers& buffers) {
  Added result = try_turns(turns, buffers);
  while (result == Added::kContextFull && shifts_context_ && shift_tokens() > 0 &&
         count_ >= kSinks + shift_tokens()) {
    shift(shift_tokens());
    count_shift(shift_tokens());
    result = try_turns(turns, buffers);
  }
  return result;
}

Conversation::Added Conversation::try_turns(std::span<const ChatTurn> turns, const TurnBuffers& buffers) {
  uint32_t end = count_;
  EncodeResult result;
  if (cut_short_ && count_ > 0) {
    result = encode_answer_end(tokenizer_, buffers.scratch, memory_.subspan(end));
    end += result.count;
  }
  if (result.status == EncodeStatus::kOk) {
    result = encode_turns(tokenizer_, turns, count_ > 0, buffers, memory_.subspan(end));
    end += result.count;
  }
  if (result.status == EncodeStatus::kTooManyTokens) return Added::kContextFull;
  if (result.status != EncodeStatus::kOk) return Added::kTextTooLong;
  if (end > context()) return Added::kContextFull;
  mark();
  count_ = end;
  cut_short_ = false;
  skip_known();
  return Added::kYes;
}

bool Conversation::read() {
  const auto tokens = unrun();
  const uint32_t position = position_;
  const uint32_t end = count_;
  const bool cut_short = cut_short_;
  known_ = known_.first(known_prefix());  // the rest of it will be overwritten
  if (!tokens.empty()) note_written(static_cast<uint32_t>(tokens.size()));
  // Until all of it has been run it is no part of the text: a hosted runner may throw.
  if (unread_) take_back();
  if (!tokens.empty() && !run_passes(runner_, tokens, position, tokens.size() - 1,
                                     [&](size_t, std::span<const float> logits) { logits_ = logits; })) {
    return false;
  }
  position_ = count_ = end;
  cut_short_ = cut_short;
  return true;
}

void Conversation::rewind(uint32_t position) {
  if (unread_) take_back();
  if (position >= count_) return;
  if (speculation_ != nullptr) speculation_->rewind(position);
  count_ = position;
  go_on_from(std::min(position_, position));
  cut_short_ = false;
}

uint32_t Conversation::keep_prefix(std::span<const uint32_t> tokens) {
  if (unread_) take_back();
  const size_t most = std::min<size_t>(tokens.empty() ? 0 : tokens.size() - 1, position_);
  uint32_t common = 0;
  while (common < most && memory_[common] == tokens[common]) ++common;
  rewind(common);
  return common;
}

void Conversation::assume(std::span<const uint32_t> tokens, uint32_t cached, uint32_t written) {
  rewind(0);
  known_ = {};
  written_ = written;
  count_ = static_cast<uint32_t>(std::min<size_t>(tokens.size(), context()));
  go_on_from(std::min(cached, count_));
  std::copy_n(tokens.begin(), count_, memory_.begin());
}

bool Conversation::run_again(uint32_t positions) {
  const std::span<const uint32_t> cached = position_ < known_.size() ? known_ : tokens().first(position_);
  // Where a ring holds the last positions only, those took the places of later ones.
  const bool all = runner_.earliest_start(static_cast<uint32_t>(cached.size())) > 0;
  const auto again = cached.first(all ? cached.size() : std::min<size_t>(positions, cached.size()));
  return run_passes(runner_, again, 0, again.size(), [](size_t, std::span<const float>) {});
}

uint64_t Conversation::dropped_of(uint64_t tokens) const {
  if (tokens <= context() || !shifts_context_ || shift_tokens() == 0) return 0;
  return (tokens - context() + shift_tokens() - 1) / shift_tokens() * shift_tokens();
}

void Conversation::shift(uint32_t dropped) {
  const auto gone = [&](uint32_t count) { return std::min(dropped, count - std::min(count, kSinks)); };
  std::copy(memory_.begin() + kSinks + dropped, memory_.begin() + std::max(count_, kSinks + dropped),
            memory_.begin() + kSinks);
  before_.count -= gone(before_.count);
  count_ -= gone(count_);
  go_on_from(std::min(position_, kSinks));
  if (speculation_ != nullptr) speculation_->rewind(kSinks);
}

void Conversation::count_shift(uint64_t dropped) {
  shift_counts_.shifts += dropped / shift_tokens();
  shift_counts_.dropped += dropped;
}

bool Conversation::make_room() {
  shift(shift_tokens());
  count_shift(shift_tokens());
  known_ = known_.first(known_prefix());
  // The last token is the next pass's.
  const auto moved = memory_.subspan(position_, count_ - 1 - position_);
  note_written(static_cast<uint32_t>(moved.size()));
  if (!run_passes(runner_, moved, position_, moved.size(), [](size_t, std::span<const float>) {}))
    return false;
  shift_counts_.run_again += moved.size();
  position_ = count_ - 1;
  return true;
}

}  // namespace brim
