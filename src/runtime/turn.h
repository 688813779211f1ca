// Turns of a chat as tokens. Freestanding: firmware and host share it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "tokenizer/chat.h"
#include "tokenizer/tokenizer.h"

namespace brim {

// Memory to work in: chat_text_bytes(tokenizer.chat_table(), turns) of text, and Tokenizer::scratch_bytes of
// that.
struct TurnBuffers {
  std::span<char> text;
  std::span<uint8_t> scratch;
};

// Writes to `ids` the tokens of at most two turns, a system turn and a user turn, in the model's layout, such
// that the model is to answer next. `continues`: the context holds a conversation up to and including the end
// of an answer. BOS comes first where the model wants it; layouts other than the plain one bring their own.
inline EncodeResult encode_turns(const Tokenizer& tokenizer, std::span<const ChatTurn> turns, bool continues,
                                 const TurnBuffers& buffers, std::span<uint32_t> ids) {
  std::array<TextRange, 2> ranges;
  const ChatTable table = tokenizer.chat_table();
  const ChatText chat = render_chat(table, turns, {.continues = continues}, buffers.text, ranges);
  if (!chat.fits) return {EncodeStatus::kTextTooLong, 0};
  const bool bos_in_text = table.has(kHasChatTable);
  return tokenizer.encode(chat.text,
                          {.add_bos = !continues && !bos_in_text && tokenizer.adds_bos(),
                           .parse_special = true,
                           .verbatim = chat.verbatim,
                           .at_start = !continues},
                          buffers.scratch, ids);
}

// Writes to `ids` the tokens that end an answer that the model has not ended itself.
inline EncodeResult encode_answer_end(const Tokenizer& tokenizer, std::span<uint8_t> scratch,
                                      std::span<uint32_t> ids) {
  return tokenizer.encode(answer_end(tokenizer.chat_table()), {.parse_special = true}, scratch, ids);
}

}  // namespace brim
