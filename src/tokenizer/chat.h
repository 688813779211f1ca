// Conversations as the text that a model was trained to continue. Freestanding. The text is then encoded
// with parse_special and with the ranges of what people wrote as `verbatim`.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tokenizer/format.h"
#include "tokenizer/tokenizer.h"

namespace brim {

enum class ChatRole : uint8_t { kSystem, kUser, kAssistant };

struct ChatTurn {
  ChatRole role;
  std::string_view text;
};

struct ChatOptions {
  // The context already holds a conversation whose last token is the one that ended the model's answer:
  // what opens a conversation is left out, what follows an answer is put first.
  bool continues = false;
  // The model is to answer next.
  bool open_answer = true;
};

struct ChatText {
  std::string_view text;                // in `out`
  std::span<const TextRange> verbatim;  // in `ranges`
  bool fits = true;                     // false: a buffer was too small, and the rest is not meaningful
};

// The special tokens that a family needs in the vocabulary; unused entries are empty.
std::array<std::string_view, 4> chat_tokens(ChatTemplate family);

// Writes the turns to `out`, which chat_text_bytes() says the size of; `ranges` needs one entry per turn.
// A system turn counts where it comes before the first user turn. No family's default system prompt is
// put in. kNone joins the turns' texts with line breaks.
ChatText render_chat(ChatTemplate family, std::span<const ChatTurn> turns, const ChatOptions& options,
                     std::span<char> out, std::span<TextRange> ranges);

// What stands between an answer that was cut off and the turn after it, besides what `continues` puts there:
// the text of the token that ends answers.
std::string_view answer_end(ChatTemplate family);

// Enough room for render_chat.
uint64_t chat_text_bytes(std::span<const ChatTurn> turns);

}  // namespace brim
