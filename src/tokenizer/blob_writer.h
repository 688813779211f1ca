// Lays out a tokenizer's tables as a blob. Hosted code, behind build.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer/format.h"

namespace brim {

struct TokenizerMerge {
  uint32_t left;
  uint32_t right;
  uint32_t merged;
};

// Everything that a blob holds, in the form in which builders gather it.
struct TokenizerParts {
  std::string name;  // of the source, for messages
  TokenizerAlgorithm algorithm = TokenizerAlgorithm::kSentencePiece;
  uint32_t flags = 0;  // TokenizerFlag
  std::vector<std::string> pieces;
  std::vector<TokenType> types;        // one per piece
  std::vector<float> scores;           // one per piece; SentencePiece only
  std::vector<TokenizerMerge> merges;  // best first
  std::vector<uint32_t> byte_tokens;   // 256, or none
  uint32_t unknown = kNoToken;
  uint32_t bos = kNoToken;
  std::vector<uint32_t> ends;  // at most 4
  PreTokenizer pre_tokenizer = PreTokenizer::kNone;
  ChatTemplate chat_template = ChatTemplate::kNone;
  std::vector<uint32_t> user_defined;  // in any order
  std::vector<uint32_t> special;       // in any order
  std::vector<uint32_t> character_trie;
  std::string character_text;
  std::string unknown_surface;
};

// Fills byte_tokens from the pieces of type kByte ("<0x0A>"). Throws Error unless all 256 are there.
void find_byte_tokens(TokenizerParts& parts);

// The blob. Throws Error if a size is beyond the format's limits or the parts contradict each other.
std::vector<uint8_t> write_blob(const TokenizerParts& parts);

}  // namespace brim
