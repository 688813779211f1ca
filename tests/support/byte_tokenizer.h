// A tokenizer with a token for every byte, for tests.
#pragma once

#include <cstdio>
#include <string>

#include "base/concat.h"
#include "tokenizer/arrays.h"
#include "tokenizer/format.h"

namespace brim::test {

inline constexpr uint32_t kByteTokenizerEnd = 2;
inline constexpr uint32_t kFirstByteToken = 3;

// <unk>, <s>, </s>, then the 256 bytes, then "f259", "f260", ... up to `vocabulary` tokens.
inline TokenizerArrays byte_tokenizer(uint32_t vocabulary) {
  TokenizerArrays arrays;
  arrays.name = "test";
  arrays.model = "llama";
  const auto piece = [&](std::string text, TokenType type) {
    arrays.tokens.push_back(std::move(text));
    arrays.scores.push_back(0.0f);
    arrays.types.push_back(static_cast<int32_t>(type));
  };
  piece("<unk>", TokenType::kUnknown);
  piece("<s>", TokenType::kControl);
  piece("</s>", TokenType::kControl);
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof(text), "<0x%02X>", byte);
    piece(text, TokenType::kByte);
  }
  while (arrays.tokens.size() < vocabulary) {
    piece(concat("f", arrays.tokens.size()), TokenType::kNormal);
  }
  arrays.bos = 1;
  arrays.ends = {kByteTokenizerEnd};
  arrays.unknown = 0;
  return arrays;
}

}  // namespace brim::test
