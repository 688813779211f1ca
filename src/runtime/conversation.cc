#include "runtime/conversation.h"

namespace brim {

Conversation::Added Conversation::add(std::span<const uint32_t> tokens) {
  if (count_ + tokens.size() > context()) return Added::kContextFull;
  mark();
  std::copy(tokens.begin(), tokens.end(), memory_.begin() + count_);
  count_ += static_cast<uint32_t>(tokens.size());
  return Added::kYes;
}

Conversation::Added Conversation::add_turns(std::span<const ChatTurn> turns, const TurnBuffers& buffers) {
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
  return Added::kYes;
}

bool Conversation::read() {
  const auto tokens = unrun();
  const uint32_t end = count_;
  const bool cut_short = cut_short_;
  // Until all of it has been run it is no part of the text: a hosted runner may throw.
  if (unread_) take_back();
  if (!tokens.empty() && !run_passes(runner_, tokens, position_, tokens.size() - 1,
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
  position_ = std::min(position_, position);
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

void Conversation::assume(std::span<const uint32_t> tokens, uint32_t cached) {
  rewind(0);
  count_ = static_cast<uint32_t>(std::min<size_t>(tokens.size(), context()));
  position_ = std::min(cached, count_);
  std::copy_n(tokens.begin(), count_, memory_.begin());
}

}  // namespace brim
