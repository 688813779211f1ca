// Conversations as the text that a model was trained to continue, written with the image's chat table: what
// its chat template puts round the texts of the turns (chat_table.h makes it). Freestanding. The text is then
// encoded with parse_special and with the ranges of what people wrote as `verbatim`.
#pragma once

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
  // what opens a conversation is left out.
  bool continues = false;
  // The model is to answer next.
  bool open_answer = true;
};

struct ChatText {
  std::string_view text;                // in `out`
  std::span<const TextRange> verbatim;  // in `ranges`
  bool fits = true;                     // false: a buffer was too small, and the rest is not meaningful
};

// Writes turns to `out`, which chat_text_bytes() says the size of; `ranges` needs one entry per turn. A
// system turn counts where it comes first, and only if the table has a place for it; then users and answers
// take turns. Without a table the turns' texts stand on lines of their own.
ChatText render_chat(const ChatTable& table, std::span<const ChatTurn> turns, const ChatOptions& options,
                     std::span<char> out, std::span<TextRange> ranges);

// What ends an answer that was cut off: the text of the token that ends answers.
std::string_view answer_end(const ChatTable& table);

// The part of an answer that stays in the history, as the table says: without thinking, without spaces round
// it.
std::string_view answer_in_history(const ChatTable& table, std::string_view answer);

// Whether an answer's text in the context, as the model gave it, is what the template writes for it in the
// history. Where not, the earlier answers' tokens differ from those that the template's text has.
bool answers_stay(const ChatTable& table);

// Enough room for render_chat.
uint64_t chat_text_bytes(const ChatTable& table, std::span<const ChatTurn> turns);

// As std::string's: the text without ASCII white space at its ends.
std::string_view trim(std::string_view text);

}  // namespace brim
