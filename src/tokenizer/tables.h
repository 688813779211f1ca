// A validated view of a tokenizer blob and the look-ups that encoding and decoding need. Freestanding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tokenizer/format.h"

namespace brim {

constexpr uint32_t load_u32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
         static_cast<uint32_t>(p[3]) << 24;
}

// An array of little-endian u32 in a blob.
class U32View {
 public:
  U32View() = default;
  explicit U32View(std::span<const uint8_t> bytes)
      : data_(bytes.data()), size_(static_cast<uint32_t>(bytes.size() / 4)) {}
  uint32_t size() const { return size_; }
  uint32_t operator[](uint32_t i) const { return load_u32(data_ + size_t{4} * i); }

 private:
  const uint8_t* data_ = nullptr;
  uint32_t size_ = 0;
};

struct LiteralMatch {
  uint32_t id = kNoToken;
  uint32_t bytes = 0;  // 0: no literal starts here
  uint32_t flags = 0;  // LiteralFlag
};

struct MergeMatch {
  uint32_t rank = 0;
  uint32_t merged = kNoToken;  // kNoToken: the pair does not merge
};

class TokenizerTables {
 public:
  // Checks the whole blob, so that no other method can go out of bounds on it; O(size). Returns the name
  // of the first bad field, or "" if all is well. The blob must outlive this object.
  std::string_view attach(std::span<const uint8_t> blob);

  const TokenizerHeader& header() const { return header_; }
  bool has(TokenizerFlag flag) const { return (header_.flags & flag) != 0; }

  // For id < vocabulary.
  std::string_view piece(uint32_t id) const {
    const uint32_t begin = offsets_[id];
    return {reinterpret_cast<const char*>(pieces_) + begin, offsets_[id + 1] - begin};
  }
  TokenType type(uint32_t id) const { return static_cast<TokenType>(types_[id]); }
  uint32_t rank(uint32_t id) const { return ranks_[id]; }

  // The token with exactly this text, or kNoToken.
  uint32_t find(std::string_view text) const;

  // Whether any piece is TokenType::kUnused.
  bool has_unused() const { return has_unused_; }

  // What a pair of tokens merges into.
  MergeMatch find_merge(uint32_t left, uint32_t right) const;

  // The token of a byte, or kNoToken.
  uint32_t byte_token(uint8_t byte) const { return byte_tokens_.size() == 0 ? kNoToken : byte_tokens_[byte]; }

  // The longest user-defined piece that `text` starts with.
  LiteralMatch match_user_defined(std::string_view text) const { return match(user_defined_, text, true); }

  // The longest literal token that `text` starts with, special ones only if asked for: in the text as it is,
  // and in normalised text.
  LiteralMatch match_literal(std::string_view text, bool special) const {
    return match(literals_, text, special);
  }
  LiteralMatch match_normalised(std::string_view text, bool special) const {
    return match(normalised_literals_, text, special);
  }
  bool has_normalised_literals() const { return normalised_literals_.count > 0; }

  // Tokens that end a text or a turn, ascending.
  U32View ends() const { return ends_; }

  std::span<const uint8_t> section(TokenizerSection s) const {
    return blob_.subspan(header_.sections[s].offset, header_.sections[s].bytes);
  }

 private:
  std::string_view check_header(std::span<const uint8_t> blob) const;
  std::string_view check_sections() const;
  std::string_view check_pieces();
  std::string_view check_merges() const;
  // Tokens whose text is matched literally, sorted by it.
  struct Literals {
    U32View words;  // ids of pieces, or TokenizerLiteral
    bool are_pieces = false;
    uint32_t count = 0;
    std::array<bool, 256> first_byte{};  // whether some token starts with the byte
  };

  std::string_view attach_user_defined();
  std::string_view attach_literals(TokenizerSection section, Literals& literals) const;
  std::string_view check_ends() const;
  std::string_view literal_text(const Literals& literals, uint32_t i) const;
  LiteralMatch match(const Literals& literals, std::string_view text, bool special) const;

  std::span<const uint8_t> blob_;
  TokenizerHeader header_{};
  U32View offsets_;
  const uint8_t* pieces_ = nullptr;
  const uint8_t* types_ = nullptr;
  U32View ranks_;
  U32View piece_table_;
  U32View merges_;
  U32View merge_table_;
  U32View byte_tokens_;
  Literals user_defined_;
  Literals literals_;
  Literals normalised_literals_;
  const uint8_t* literal_text_ = nullptr;
  U32View ends_;
  bool has_unused_ = false;
};

}  // namespace brim
