// SentencePiece's text normalisation: character map, white space rules, repair of invalid UTF-8.
// Freestanding.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tokenizer/tables.h"

namespace brim {

struct NormalisedText {
  std::string_view text;  // in the caller's buffer
  bool fits = true;       // false: the buffer was too small
};

// Normalises one run of text into `out`; `at_start` if no text stands before it. Enough room: text.size() *
// normalised_bytes_per_byte + 3. Source: behaviour of SentencePiece's Normalizer (Kudo and Richardson 2018),
// tested against the library.
NormalisedText normalise(const TokenizerTables& tables, std::string_view text, bool at_start,
                         std::span<char> out);

}  // namespace brim
