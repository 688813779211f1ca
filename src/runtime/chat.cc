#include "runtime/chat.h"

#include "base/error.h"
#include "runtime/turn.h"
#include "tokenizer/chat.h"

namespace brim {

std::vector<uint32_t> encode(const Tokenizer& tokenizer, std::string_view text,
                             const EncodeOptions& options) {
  std::vector<uint8_t> scratch(tokenizer.scratch_bytes(text.size()));
  std::vector<uint32_t> ids(tokenizer.max_ids(text.size()));
  const EncodeResult result = tokenizer.encode(text, options, scratch, ids);
  if (result.status != EncodeStatus::kOk) {
    throw Error("a text of " + std::to_string(text.size()) +
                " bytes is too long to tokenize at once; split it");
  }
  ids.resize(result.count);
  return ids;
}

std::vector<uint32_t> Chat::turn_tokens(std::string_view user) const {
  std::vector<ChatTurn> turns;
  if (!started_ && !system_.empty()) turns.push_back({ChatRole::kSystem, system_});
  turns.push_back({ChatRole::kUser, user});
  std::vector<char> room(chat_text_bytes(turns));
  std::vector<uint8_t> scratch(tokenizer_.scratch_bytes(room.size()));
  std::vector<uint32_t> ids(tokenizer_.max_ids(room.size()));
  const EncodeResult result = encode_turns(tokenizer_, turns, started_, {room, scratch}, ids);
  if (result.status != EncodeStatus::kOk) {
    throw Error("a turn of " + std::to_string(user.size()) +
                " bytes is too long to tokenize at once; split it");
  }
  std::vector<uint32_t> tokens = unread_;
  tokens.insert(tokens.end(), ids.begin(), ids.begin() + result.count);
  return tokens;
}

Generation Chat::answer(std::string_view user, Sampler& sampler, const GenerateOptions& options) {
  Generation result = generate(session_, tokenizer_, sampler, turn_tokens(user), options);
  started_ = true;
  unread_.clear();
  if (result.unrun != kNoToken) unread_.push_back(result.unrun);
  if (result.reason != StopReason::kEnd) {
    const auto end = encode(tokenizer_, answer_end(tokenizer_.chat_template()), {.parse_special = true});
    unread_.insert(unread_.end(), end.begin(), end.end());
  }
  return result;
}

void Chat::reset() {
  session_.rewind(0);
  started_ = false;
  unread_.clear();
}

}  // namespace brim
