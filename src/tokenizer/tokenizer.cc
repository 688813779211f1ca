#include "tokenizer/tokenizer.h"

#include <new>

#include "tokenizer/merge.h"
#include "tokenizer/normalise.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

// Sizes of the pieces of scratch for a text of n bytes.
struct ScratchSizes {
  uint64_t normalised;     // bytes
  uint64_t symbols;        // Symbol
  uint64_t unused_splits;  // u32
  uint64_t codes;          // u32

  ScratchSizes(const TokenizerTables& tables, uint64_t n)
      : normalised(n * tables.header().normalised_bytes_per_byte + kSpaceSymbol.size()),
        symbols(n * tables.header().symbols_per_byte + kSpaceSymbol.size()),
        unused_splits(tables.has_unused() ? tables.header().vocabulary : 0),
        codes(tables.has(kComposeNfc) ? 2 * kNfcCodesPerByte * n : 0) {}

  uint64_t total() const {
    constexpr uint64_t kPerSymbol = sizeof(Symbol) + kCandidatesPerSymbol * sizeof(MergeCandidate);
    return symbols * kPerSymbol + (unused_splits + codes) * sizeof(uint32_t) + normalised + alignof(uint64_t);
  }
};

// Hands out arrays from the caller's scratch, which is known to be large enough.
class Arena {
 public:
  explicit Arena(std::span<uint8_t> memory) : memory_(memory) {
    while (reinterpret_cast<uintptr_t>(memory_.data()) % alignof(uint64_t) != 0) memory_ = memory_.subspan(1);
  }

  template <typename T>
  std::span<T> take(uint64_t count) {
    T* const first = reinterpret_cast<T*>(memory_.data());
    for (uint64_t i = 0; i < count; ++i) new (first + i) T;
    memory_ = memory_.subspan(count * sizeof(T));
    return {first, static_cast<size_t>(count)};
  }

 private:
  std::span<uint8_t> memory_;
};

class Encoder {
 public:
  Encoder(const TokenizerTables& tables, const ScratchSizes& sizes, std::span<uint8_t> scratch,
          std::span<uint32_t> ids)
      : tables_(tables), ids_(ids) {
    Arena arena(scratch);
    merge_.symbols = arena.take<Symbol>(sizes.symbols);
    merge_.candidates = arena.take<MergeCandidate>(sizes.symbols * kCandidatesPerSymbol);
    merge_.unused_splits = arena.take<uint32_t>(sizes.unused_splits);
    codes_ = arena.take<uint32_t>(sizes.codes);
    normalised_ = arena.take<char>(sizes.normalised);
  }

  EncodeResult encode(std::string_view text, const EncodeOptions& options) {
    const TokenizerHeader& header = tables_.header();
    if (options.add_bos && header.bos != kNoToken) emit(header.bos);
    std::span<const TextRange> verbatim = options.verbatim;
    bool all_written = true;  // no part of the stretch is verbatim
    uint32_t run_begin = 0;
    uint32_t at = 0;
    while (at < text.size()) {
      while (!verbatim.empty() && verbatim.front().end <= at) verbatim = verbatim.subspan(1);
      const uint32_t special_end =
          verbatim.empty() ? static_cast<uint32_t>(text.size()) : verbatim.front().begin;
      if (at >= special_end) all_written = false;
      const LiteralMatch literal =
          match_literal(text, at, run_begin, options.parse_special ? special_end : at);
      if (literal.bytes == 0) {
        ++at;
        continue;
      }
      uint32_t run_end = at;
      if ((literal.flags & kLiteralStripLeft) != 0)
        run_end -= trailing_space(slice(text, run_begin, at - run_begin));
      encode_run(slice(text, run_begin, run_end - run_begin), options.at_start && run_begin == 0,
                 options.parse_special && all_written);
      emit(literal.id);
      at += literal.bytes;
      if ((literal.flags & kLiteralStripRight) != 0) at += leading_space(slice(text, at));
      run_begin = at;
      all_written = true;
    }
    encode_run(slice(text, run_begin), options.at_start && run_begin == 0,
               options.parse_special && all_written);
    return {status_, count_};
  }

 private:
  // The token that stands literally at text[at..], if any: special ones up to `special_end`. What stands
  // before `begin` belongs to another token.
  LiteralMatch match_literal(std::string_view text, uint32_t at, uint32_t begin, uint32_t special_end) const {
    LiteralMatch match = tables_.match_literal(slice(text, at), false);
    if (at < special_end) {
      const LiteralMatch special = tables_.match_literal(slice(text, at, special_end - at), true);
      if (special.bytes > match.bytes) match = special;
    }
    if ((match.flags & kLiteralWord) != 0 &&
        (ends_in_word(slice(text, begin, at - begin)) || begins_word(slice(text, at + match.bytes)))) {
      return {};
    }
    return match;
  }

  static bool is_word(const Utf8Character& c) {
    const CharacterClass kind = c.valid ? character_class(c.code) : CharacterClass::kOther;
    return c.code == '_' || kind == CharacterClass::kLetter || kind == CharacterClass::kNumber;
  }
  static bool begins_word(std::string_view text) { return !text.empty() && is_word(decode_utf8(text)); }
  static bool ends_in_word(std::string_view text) { return !text.empty() && is_word(last_character(text)); }

  static Utf8Character last_character(std::string_view text) {
    size_t begin = text.size() - 1;
    while (begin > 0 && text.size() - begin < 4 && is_utf8_trail(text[begin])) --begin;
    return decode_utf8(slice(text, begin));
  }

  // Bytes of white space at the end, or at the start, of a text.
  static uint32_t trailing_space(std::string_view text) {
    const size_t whole = text.size();
    while (!text.empty()) {
      const Utf8Character c = last_character(text);
      if (!c.valid || character_class(c.code) != CharacterClass::kSpace) break;
      text.remove_suffix(c.bytes);
    }
    return static_cast<uint32_t>(whole - text.size());
  }
  static uint32_t leading_space(std::string_view text) {
    const size_t whole = text.size();
    while (!text.empty()) {
      const Utf8Character c = decode_utf8(text);
      if (!c.valid || character_class(c.code) != CharacterClass::kSpace) break;
      text.remove_prefix(c.bytes);
    }
    return static_cast<uint32_t>(whole - text.size());
  }

  // A stretch of text between two literal tokens; `special`: special tokens count in its normalised form.
  void encode_run(std::string_view text, bool at_start, bool special) {
    if (text.empty() || status_ != EncodeStatus::kOk) return;
    const bool by_bytes = algorithm() == TokenizerAlgorithm::kByteMerges;
    if (by_bytes) {
      if (tables_.has(kComposeNfc) && may_change_in_nfc(text)) {
        const NfcResult composed = compose_nfc(text, normalised_, codes_);
        if (!composed.fits) status_ = EncodeStatus::kScratchTooSmall;
        text = {normalised_.data(), composed.bytes};
      }
    } else {
      const NormalisedText run = normalise(tables_, text, at_start, normalised_);
      if (!run.fits) status_ = EncodeStatus::kScratchTooSmall;
      text = run.text;
    }
    if (status_ != EncodeStatus::kOk) return;
    for (uint32_t at = 0; tables_.has_normalised_literals() && at < text.size();) {
      const LiteralMatch literal = tables_.match_normalised(slice(text, at), special);
      if (literal.bytes == 0) {
        ++at;
        continue;
      }
      encode_normalised(slice(text, 0, at));
      emit(literal.id);
      text.remove_prefix(at + literal.bytes);
      at = 0;
    }
    encode_normalised(text);
  }

  // Normalised text without literal tokens.
  void encode_normalised(std::string_view text) {
    after_unknown_ = false;
    if (algorithm() == TokenizerAlgorithm::kByteMerges) {
      encode_words(text);
      return;
    }
    for (uint32_t& split : merge_.unused_splits) split = 0;
    encode_characters(text);
  }

  void encode_words(std::string_view text) {
    const auto rule = static_cast<PreTokenizer>(tables_.header().pre_tokenizer);
    while (!text.empty() && status_ == EncodeStatus::kOk) {
      const uint32_t bytes = first_word(rule, text);
      encode_word(slice(text, 0, bytes));
      text.remove_prefix(bytes);
    }
  }

  // One symbol per byte.
  void encode_word(std::string_view word) {
    if (tables_.has(kIgnoreMerges)) {
      const uint32_t id = tables_.find(word);
      if (id != kNoToken && tables_.type(id) == TokenType::kNormal) {
        emit(id);
        return;
      }
    }
    if (word.size() > merge_.symbols.size()) {
      status_ = EncodeStatus::kScratchTooSmall;
      return;
    }
    for (uint32_t i = 0; i < word.size(); ++i) {
      const uint32_t id = tables_.byte_token(static_cast<uint8_t>(word[i]));
      merge_.symbols[i] = {.begin = i, .bytes = 1, .previous = kNoSymbol, .next = kNoSymbol, .id = id};
    }
    merge_and_emit(word, static_cast<uint32_t>(word.size()));
  }

  // One symbol per character or user-defined token, merged part by part: no merge reaches across a
  // user-defined token nor, where pieces have spaces at their start only, across the start of a word.
  void encode_characters(std::string_view run) {
    const bool by_word = tables_.has(kSpacesStartPieces) && !tables_.has_unused();
    uint32_t count = 0;
    bool after_space = true;
    bool after_literal = false;
    for (uint32_t at = 0; at < run.size() && status_ == EncodeStatus::kOk;) {
      const std::string_view rest = slice(run, at);
      const LiteralMatch literal = algorithm() == TokenizerAlgorithm::kSentencePiece
                                       ? tables_.match_user_defined(rest)
                                       : LiteralMatch();
      const uint32_t bytes = literal.bytes != 0 ? literal.bytes : decode_utf8(rest).bytes;
      const bool space = slice(rest, 0, bytes) == kSpaceSymbol;
      if (literal.bytes != 0 || after_literal || (by_word && space && !after_space)) {
        merge_and_emit(run, count);
        count = 0;
      }
      if (literal.bytes != 0) {
        emit(literal.id);
        after_unknown_ = false;
      } else {
        add_character(run, at, bytes, count);
      }
      after_literal = literal.bytes != 0;
      after_space = space;
      at += bytes;
    }
    merge_and_emit(run, count);
  }

  void add_character(std::string_view run, uint32_t at, uint32_t bytes, uint32_t& count) {
    const uint32_t id = tables_.find(slice(run, at, bytes));
    // Merge lists know byte tokens too, so that these are symbols from the start.
    const bool split =
        id == kNoToken && algorithm() == TokenizerAlgorithm::kCharacterMerges && tables_.has(kByteFallback);
    const uint32_t parts = split ? bytes : 1;
    if (parts > merge_.symbols.size() - count) {
      status_ = EncodeStatus::kScratchTooSmall;
      return;
    }
    for (uint32_t i = 0; i < parts; ++i) {
      merge_.symbols[count++] = {
          .begin = at + i,
          .bytes = bytes / parts,
          .previous = kNoSymbol,
          .next = kNoSymbol,
          .id = split ? tables_.byte_token(static_cast<uint8_t>(run[at + i])) : id,
      };
    }
  }

  void merge_and_emit(std::string_view run, uint32_t count) {
    if (count == 0) return;
    merge_symbols(tables_, run, count, merge_);
    for (uint32_t i = 0; i != kNoSymbol; i = merge_.symbols[i].next) emit_symbol(run, merge_.symbols[i]);
  }

  // Emits a symbol after merging; an unused piece as the parts that it was last formed from.
  void emit_symbol(std::string_view run, const Symbol& symbol) {
    // Merging is over, so that its heap can serve as the stack of parts still to be emitted.
    const std::span<MergeCandidate> stack = merge_.candidates;
    uint32_t depth = 0;
    stack[depth++] = {.rank = 0, .left = symbol.begin, .bytes = symbol.bytes, .id = symbol.id};
    while (depth > 0) {
      const MergeCandidate part = stack[--depth];
      const uint32_t split = part.id != kNoToken && tables_.type(part.id) == TokenType::kUnused
                                 ? merge_.unused_splits[part.id]
                                 : 0;
      if (split == 0) {
        emit_token(part.id, slice(run, part.left, part.bytes));
        continue;
      }
      const uint32_t middle = part.left + split;
      const uint32_t right = part.bytes - split;
      stack[depth++] = {
          .rank = 0, .left = middle, .bytes = right, .id = tables_.find(slice(run, middle, right))};
      stack[depth++] = {
          .rank = 0, .left = part.left, .bytes = split, .id = tables_.find(slice(run, part.left, split))};
    }
  }

  // Emits the token of `text`, or what stands for text without a token.
  void emit_token(uint32_t id, std::string_view text) {
    const uint32_t unknown = tables_.header().unknown;
    if (id != kNoToken && id != unknown) {
      emit(id);
      after_unknown_ = false;
    } else if (tables_.has(kByteFallback)) {
      for (const char c : text) emit(tables_.byte_token(static_cast<uint8_t>(c)));
    } else {
      if (!after_unknown_ || !tables_.has(kFuseUnknown)) emit(unknown);
      after_unknown_ = true;
    }
  }

  void emit(uint32_t id) {
    if (id == kNoToken) return;
    if (count_ == ids_.size()) {
      status_ = EncodeStatus::kTooManyTokens;
      return;
    }
    ids_[count_++] = id;
  }

  TokenizerAlgorithm algorithm() const { return static_cast<TokenizerAlgorithm>(tables_.header().algorithm); }

  const TokenizerTables& tables_;
  const std::span<uint32_t> ids_;
  uint32_t count_ = 0;
  EncodeStatus status_ = EncodeStatus::kOk;
  MergeScratch merge_;
  std::span<uint32_t> codes_;
  std::span<char> normalised_;
  bool after_unknown_ = false;  // the last token of this run is the unknown one
};

}  // namespace

bool Tokenizer::is_end(uint32_t id) const {
  const U32View ends = tables_.ends();
  uint32_t low = 0;
  for (uint32_t high = ends.size(); low < high;) {
    const uint32_t middle = low + (high - low) / 2;
    if (ends[middle] < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < ends.size() && ends[low] == id;
}

ChatTable Tokenizer::chat_table() const {
  ChatTable table{.flags = tables_.header().chat_flags, .strings = {}};
  const auto bytes = tables_.section(kChatTable);
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  if (bytes.empty()) return table;
  for (std::string_view& string : table.strings) {
    size_t size = 0;
    while (text[size] != 0) ++size;
    string = {text, size};
    text += size + 1;
  }
  return table;
}

uint64_t Tokenizer::scratch_bytes(uint64_t text_bytes) const {
  return ScratchSizes(tables_, text_bytes).total();
}

uint64_t Tokenizer::max_ids(uint64_t text_bytes) const {
  // Every byte of normalised text may become a byte token; a special token of one byte may be followed by
  // a dummy prefix of three.
  return text_bytes * (tables_.header().normalised_bytes_per_byte + uint64_t{1}) + kSpaceSymbol.size() + 1;
}

EncodeResult Tokenizer::encode(std::string_view text, const EncodeOptions& options,
                               std::span<uint8_t> scratch, std::span<uint32_t> ids) const {
  if (text.size() > kMaxTextBytes) return {EncodeStatus::kTextTooLong, 0};
  const ScratchSizes sizes(tables_, text.size());
  if (scratch.size() < sizes.total()) return {EncodeStatus::kScratchTooSmall, 0};
  return Encoder(tables_, sizes, scratch, ids).encode(text, options);
}

}  // namespace brim
