#include "runtime/chat.h"

#include "base/error.h"
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
  std::vector<TextRange> ranges(turns.size());
  const ChatText text = render_chat(tokenizer_.chat_template(), turns, {.continues = started_}, room, ranges);
  std::vector<uint32_t> tokens = unread_;
  const bool bos_in_text = tokenizer_.chat_template() != ChatTemplate::kNone;
  const auto turn = encode(tokenizer_, text.text,
                           {.add_bos = !started_ && !bos_in_text && tokenizer_.adds_bos(),
                            .parse_special = true,
                            .verbatim = text.verbatim});
  tokens.insert(tokens.end(), turn.begin(), turn.end());
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
