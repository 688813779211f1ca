// A user's turn of a chat as tokens. Freestanding.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tokenizer/chat.h"
#include "tokenizer/tokenizer.h"

namespace brim {

// Memory for encode_turn; docs of the two functions that use it say how much it takes.
struct TurnBuffers {
  std::span<char> text;        // render_chat
  std::span<uint8_t> scratch;  // Tokenizer::encode
};

// Writes the tokens of what the user says, in the words of the model's chat template, to `ids`, such that the
// model is to answer next. `continues`: the context holds the conversation so far, up to and including the
// token that ended the answer. BOS comes first where the model wants it and the template has not put it
// there.
inline EncodeResult encode_turn(const Tokenizer& tokenizer, std::string_view user, bool continues,
                                const TurnBuffers& buffers, std::span<uint32_t> ids) {
  const ChatTurn turn = {ChatRole::kUser, user};
  std::array<TextRange, 1> verbatim;
  const ChatText chat = render_chat(tokenizer.chat_template(), {&turn, 1},
                                    {.continues = continues, .open_answer = true}, buffers.text, verbatim);
  if (!chat.fits) return {EncodeStatus::kTextTooLong, 0};
  EncodeResult result = tokenizer.encode(
      chat.text, {.add_bos = false, .parse_special = true, .verbatim = chat.verbatim}, buffers.scratch, ids);
  const bool wants_bos = !continues && tokenizer.adds_bos() && tokenizer.bos() != kNoToken;
  if (result.status != EncodeStatus::kOk || !wants_bos) return result;
  if (result.count > 0 && ids[0] == tokenizer.bos()) return result;
  if (result.count == ids.size()) return {EncodeStatus::kTooManyTokens, 0};
  std::copy_backward(ids.begin(), ids.begin() + result.count, ids.begin() + result.count + 1);
  ids[0] = tokenizer.bos();
  ++result.count;
  return result;
}

}  // namespace brim
