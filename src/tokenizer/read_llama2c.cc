// From a llama2.c tokenizer.bin: u32 longest piece, then per piece f32 score, u32 length and the bytes.
// The file has spaces for U+2581, line breaks round <s> and </s>, and no token types: those follow from the
// places that llama2.c's export gives them (Karpathy, llama2.c, tokenizer.py and run.c).
#include <bit>

#include "base/error.h"
#include "tokenizer/sources.h"
#include "tokenizer/tables.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

constexpr uint32_t kFirstByteToken = 3;  // after <unk>, <s> and </s>

std::string with_visible_spaces(std::span<const uint8_t> bytes) {
  std::string piece;
  for (const uint8_t byte : bytes) {
    if (byte == ' ') {
      piece += kSpaceSymbol;
    } else {
      piece += static_cast<char>(byte);
    }
  }
  return piece;
}

TokenType type_of(uint32_t id) {
  if (id == 0) return TokenType::kUnknown;
  if (id < kFirstByteToken) return TokenType::kControl;
  return id < kFirstByteToken + 256 ? TokenType::kByte : TokenType::kNormal;
}

}  // namespace

TokenizerParts read_llama2c(std::span<const uint8_t> bin, const std::string& name) {
  TokenizerParts parts;
  parts.name = name;
  parts.algorithm = TokenizerAlgorithm::kSentencePiece;
  parts.flags = kAddBos | kFuseUnknown | kAddDummyPrefix | kEscapeWhitespaces | kByteFallback;
  const Error truncated(name + ": truncated llama2.c tokenizer; export it again");
  if (bin.size() < 4) throw truncated;
  const uint32_t longest = load_u32(bin.data());
  bool has_space_runs = false;
  for (size_t at = 4; at < bin.size();) {
    if (bin.size() - at < 8) throw truncated;
    const uint32_t bytes = load_u32(bin.data() + at + 4);
    if (bytes > longest) {
      throw Error(name + ": a piece is longer than the longest one; this is no llama2.c tokenizer");
    }
    if (bytes > bin.size() - at - 8) throw truncated;
    const auto id = static_cast<uint32_t>(parts.pieces.size());
    parts.scores.push_back(std::bit_cast<float>(load_u32(bin.data() + at)));
    parts.pieces.push_back(with_visible_spaces(bin.subspan(at + 8, bytes)));
    parts.types.push_back(type_of(id));
    has_space_runs |=
        parts.pieces.back().find(std::string(kSpaceSymbol) + std::string(kSpaceSymbol)) != std::string::npos;
    at += 8 + bytes;
  }
  if (parts.pieces.size() < kFirstByteToken + 256) {
    throw Error(name + ": has no <unk>, <s>, </s> and 256 byte tokens; this is no llama2.c tokenizer");
  }
  // The file does not say whether the tokenizer removes extra spaces. One that keeps them has learnt
  // pieces with several in a row; one that removes them cannot have.
  if (!has_space_runs) parts.flags |= kRemoveExtraWhitespaces;
  parts.pieces[0] = "<unk>";
  parts.pieces[1] = "<s>";
  parts.pieces[2] = "</s>";
  parts.unknown = 0;
  parts.bos = 1;
  parts.ends = {2};
  parts.added = {{0, kLiteralSpecial}, {1, kLiteralSpecial}, {2, kLiteralSpecial}};
  parts.unknown_surface = " \xE2\x81\x87 ";  // U+2047, SentencePiece's default
  find_byte_tokens(parts);
  return parts;
}

}  // namespace brim
