// Lays out a tokenizer's tables as a blob. Hosted code, behind build.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/format.h"

namespace brim {

// A token that is matched in the text by its piece.
struct AddedToken {
  uint32_t id;
  uint32_t flags;           // LiteralFlag
  bool normalised = false;  // it is normalised itself, and looked for in normalised text
};

// The texts of a ChatTable.
struct ChatTableParts {
  uint32_t flags = 0;  // ChatFlag
  std::array<std::string, kChatStrings> strings;

  ChatTable table() const {
    ChatTable table{.flags = flags, .strings = {}};
    for (uint32_t i = 0; i < kChatStrings; ++i) table.strings[i] = strings[i];
    return table;
  }
};

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

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
  std::vector<uint32_t> ends;  // in any order
  PreTokenizer pre_tokenizer = PreTokenizer::kNone;
  std::vector<uint32_t> user_defined;  // in any order; SentencePiece only
  std::vector<AddedToken> added;       // in any order, one for an id
  std::vector<uint32_t> character_trie;
  std::string character_text;
  std::string unknown_surface;
  ChatTableParts chat;
  NamedTexts templates;            // "default" and others, as the files have them
  NamedTexts template_variables;   // "bos_token" and others
  std::vector<std::string> notes;  // what is present and not followed, a line each
};

// Fills byte_tokens from the pieces of type kByte ("<0x0A>"). Throws Error unless all 256 are there.
void find_byte_tokens(TokenizerParts& parts);

// The blob. Throws Error if a size is beyond the format's limits or the parts contradict each other.
std::vector<uint8_t> write_blob(const TokenizerParts& parts);

}  // namespace brim
