// Tokens to text, one at a time. Freestanding.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tokenizer/tokenizer.h"

namespace brim {

// Turns a sequence of tokens into UTF-8 text, giving out only whole characters: bytes of a character that
// a later token may complete are kept back. Bytes that can never be completed become U+FFFD: one for each
// byte in SentencePiece vocabularies, as SentencePiece does it; one for each broken character with byte
// merges, as Unicode recommends. Control tokens have no text; the space that encoding put before the text
// is taken away again.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tables_(&tokenizer.tables()) {}

  // Room that push and finish need.
  uint32_t max_text_bytes() const;

  // The text that `id` adds, written to `out`. Ids outside the vocabulary add nothing, and nothing is
  // written if `out` is smaller than max_text_bytes().
  std::string_view push(uint32_t id, std::span<char> out);

  // What is still kept back, as U+FFFD. Afterwards the decoder is as new.
  std::string_view finish(std::span<char> out);

  // Continues in the middle of a text: the next token's leading space stays.
  void skip_start() { at_start_ = false; }

 private:
  static constexpr uint32_t kMaxPending = 3;  // a proper prefix of a character

  class Output;
  friend std::string_view token_bytes(const Tokenizer& tokenizer, uint32_t id, std::span<char> out);

  void feed(char byte, Output& out);
  void flush(Output& out);
  std::string_view remove_dummy_prefix(std::string_view piece);
  bool one_replacement_per_byte() const;

  const TokenizerTables* tables_;
  std::array<char, kMaxPending + 1> pending_{};
  uint32_t pending_bytes_ = 0;
  bool at_start_ = true;  // no text and no dummy prefix seen yet
};

// The bytes of one token by itself: byte tokens as their byte, U+2581 as a space, control tokens as
// nothing. Room needed in `out`: StreamDecoder::max_text_bytes().
std::string_view token_bytes(const Tokenizer& tokenizer, uint32_t id, std::span<char> out);

}  // namespace brim
