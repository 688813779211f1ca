// Text to tokens. Freestanding: reads its tables from a blob (format.h), works in memory that the caller
// provides, and neither allocates nor throws. Decoding is in decoder.h, chats in chat.h, building blobs in
// build.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tokenizer/format.h"
#include "tokenizer/tables.h"

namespace brim {

// A stretch of a text, in bytes.
struct TextRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct EncodeOptions {
  bool add_bos = false;        // put BOS first, if the tokenizer has one
  bool parse_special = false;  // "<|eot_id|>" in the text is that token, not its letters
  // Ascending, disjoint parts of the text in which special tokens are not looked for even so: what users
  // write must not turn into control tokens.
  std::span<const TextRange> verbatim = {};
  // The text begins here, and does not go on behind a special token: this matters where a space before the
  // text belongs to its beginning only.
  bool at_start = true;
};

enum class EncodeStatus : uint8_t {
  kOk,
  kTextTooLong,      // more than kMaxTextBytes
  kScratchTooSmall,  // less than scratch_bytes(text.size())
  kTooManyTokens,    // `ids` is full; the first ids are valid
};

struct EncodeResult {
  EncodeStatus status = EncodeStatus::kOk;
  uint32_t count = 0;  // ids written
};

class Tokenizer {
 public:
  // Takes a blob into use after checking all of it. Returns the name of the first bad field, or "" if all
  // is well. The blob must outlive the tokenizer; no other method may be called before this succeeded.
  std::string_view attach(std::span<const uint8_t> blob) { return tables_.attach(blob); }

  uint32_t vocabulary_size() const { return tables_.header().vocabulary; }
  uint32_t bos() const { return tables_.header().bos; }   // or kNoToken
  bool adds_bos() const { return tables_.has(kAddBos); }  // the model was trained with BOS first

  // How conversations are written (chat.h); without kHasChatTable, turns are plain lines.
  ChatTable chat_table() const;

  // Whether the token ends a text or a turn.
  bool is_end(uint32_t id) const;

  // The token with exactly this text ("<|eot_id|>"; SentencePiece pieces with U+2581), or kNoToken.
  uint32_t find(std::string_view piece) const { return tables_.find(piece); }

  const TokenizerTables& tables() const { return tables_; }

  // Scratch that encoding a text of this many bytes needs, about 150 bytes per byte of text, and the most
  // ids that it can give.
  uint64_t scratch_bytes(uint64_t text_bytes) const;
  uint64_t max_ids(uint64_t text_bytes) const;

  // Writes the tokens of `text`; O(n log n). Invalid UTF-8 is read as U+FFFD, one per byte (byte merges
  // take every byte as it is). `scratch` needs no alignment.
  EncodeResult encode(std::string_view text, const EncodeOptions& options, std::span<uint8_t> scratch,
                      std::span<uint32_t> ids) const;

 private:
  TokenizerTables tables_;
};

}  // namespace brim
