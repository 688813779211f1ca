#include "tokenizer/tables.h"

namespace brim {
namespace {

constexpr std::string_view kValid = "";
constexpr uint32_t kLiteralWords = sizeof(TokenizerLiteral) / sizeof(uint32_t);

bool is_token_or_none(uint32_t id, uint32_t vocabulary) { return id == kNoToken || id < vocabulary; }

// A hash table is sound if its size is a power of two, every entry is in range, and a free slot ends
// every probe.
bool is_sound_table(U32View table, uint32_t entries) {
  if (!std::has_single_bit(table.size())) return false;
  uint32_t free_slots = 0;
  for (uint32_t i = 0; i < table.size(); ++i) {
    if (table[i] == kEmptySlot) {
      ++free_slots;
    } else if (table[i] >= entries) {
      return false;
    }
  }
  return free_slots > 0;
}

}  // namespace

std::string_view TokenizerTables::attach(std::span<const uint8_t> blob) {
  *this = TokenizerTables();
  if (blob.size() < kTokenizerHeaderBytes) return "size";
  std::array<uint32_t, sizeof(TokenizerHeader) / 4> words;
  for (uint32_t i = 0; i < words.size(); ++i) words[i] = load_u32(blob.data() + size_t{4} * i);
  header_ = std::bit_cast<TokenizerHeader>(words);
  if (const auto bad = check_header(blob); !bad.empty()) return bad;
  blob_ = blob.first(header_.total_bytes);
  if (const auto bad = check_sections(); !bad.empty()) return bad;

  offsets_ = U32View(section(kPieceOffsets));
  pieces_ = section(kPieceBytes).data();
  types_ = section(kPieceTypes).data();
  ranks_ = U32View(section(kPieceRanks));
  piece_table_ = U32View(section(kPieceTable));
  merges_ = U32View(section(kMerges));
  merge_table_ = U32View(section(kMergeTable));
  byte_tokens_ = U32View(section(kByteTokens));
  if (const auto bad = check_pieces(); !bad.empty()) return bad;
  if (const auto bad = check_merges(); !bad.empty()) return bad;
  if (const auto bad = attach_user_defined(); !bad.empty()) return bad;
  literal_text_ = section(kLiteralText).data();
  if (const auto bad = attach_literals(kLiterals, literals_); !bad.empty()) return bad;
  if (const auto bad = attach_literals(kNormalisedLiterals, normalised_literals_); !bad.empty()) return bad;
  ends_ = U32View(section(kEnds));
  return check_ends();
}

std::string_view TokenizerTables::check_header(std::span<const uint8_t> blob) const {
  const TokenizerHeader& h = header_;
  if (h.magic != kTokenizerMagic) return "magic";
  if (h.version != kTokenizerVersion) return "version";
  if (h.total_bytes > blob.size() || h.total_bytes < kTokenizerHeaderBytes) return "total_bytes";
  if (h.algorithm > static_cast<uint32_t>(TokenizerAlgorithm::kByteMerges)) return "algorithm";
  if ((h.flags & ~kAllTokenizerFlags) != 0) return "flags";
  if (h.vocabulary == 0 || h.vocabulary > kMaxVocabulary) return "vocabulary";
  if (!is_token_or_none(h.unknown, h.vocabulary)) return "unknown";
  if (!is_token_or_none(h.bos, h.vocabulary)) return "bos";
  if (h.pre_tokenizer > static_cast<uint32_t>(PreTokenizer::kSmolLm)) return "pre_tokenizer";
  if ((h.chat_flags & ~kAllChatFlags) != 0) return "chat_flags";
  if (h.max_piece_bytes == 0 || h.max_piece_bytes > kMaxPieceBytes) return "max_piece_bytes";
  if (h.normalised_bytes_per_byte == 0 || h.normalised_bytes_per_byte > kMaxGrowth) {
    return "normalised_bytes_per_byte";
  }
  if (h.symbols_per_byte == 0 || h.symbols_per_byte > kMaxGrowth) return "symbols_per_byte";
  return kValid;
}

std::string_view TokenizerTables::check_sections() const {
  const uint64_t vocabulary = header_.vocabulary;
  const auto bytes = [&](TokenizerSection s) -> uint64_t { return header_.sections[s].bytes; };
  for (uint32_t s = 0; s < kTokenizerSectionCount; ++s) {
    const TokenizerSectionRange range = header_.sections[s];
    const uint64_t end = uint64_t{range.offset} + range.bytes;
    if (range.offset % kTokenizerAlignment != 0 || range.offset < kTokenizerHeaderBytes ||
        end > header_.total_bytes) {
      return kTokenizerSectionNames[s];
    }
  }
  const bool by_score = header_.algorithm == static_cast<uint32_t>(TokenizerAlgorithm::kSentencePiece);
  const bool needs_bytes =
      has(kByteFallback) || header_.algorithm == static_cast<uint32_t>(TokenizerAlgorithm::kByteMerges);
  if (bytes(kPieceOffsets) != 4 * (vocabulary + 1)) return "piece_offsets";
  if (bytes(kPieceTypes) != vocabulary) return "piece_types";
  if (bytes(kPieceRanks) != (by_score ? 4 * vocabulary : 0)) return "piece_ranks";
  if (bytes(kPieceTable) % 4 != 0) return "piece_table";
  if (bytes(kMerges) % 12 != 0) return "merges";
  if (bytes(kMergeTable) % 4 != 0) return "merge_table";
  if (bytes(kByteTokens) != (needs_bytes ? 4 * 256 : 0)) return "byte_tokens";
  if (bytes(kUserDefined) % 4 != 0) return "user_defined";
  if (bytes(kCharacterTrie) % 4 != 0) return "character_trie";
  if (bytes(kLiterals) % sizeof(TokenizerLiteral) != 0) return "literals";
  if (bytes(kNormalisedLiterals) % sizeof(TokenizerLiteral) != 0) return "normalised_literals";
  if (bytes(kEnds) % 4 != 0) return "ends";
  for (const TokenizerSection s : {kCharacterText, kChatTable, kTemplates, kTemplateVariables}) {
    const auto text = section(s);
    if (!text.empty() && text.back() != 0) return kTokenizerSectionNames[s];
  }
  uint32_t strings = 0;
  for (const uint8_t byte : section(kChatTable)) strings += byte == 0 ? 1 : 0;
  const bool has_table = (header_.chat_flags & kHasChatTable) != 0;
  return strings == (has_table ? uint32_t{kChatStrings} : 0u) ? kValid : "chat_table";
}

std::string_view TokenizerTables::check_pieces() {
  const uint32_t vocabulary = header_.vocabulary;
  if (offsets_[0] != 0 || offsets_[vocabulary] != header_.sections[kPieceBytes].bytes) return "piece_offsets";
  for (uint32_t id = 0; id < vocabulary; ++id) {
    if (offsets_[id + 1] < offsets_[id] || offsets_[id + 1] - offsets_[id] > header_.max_piece_bytes) {
      return "piece_offsets";
    }
    if (types_[id] < static_cast<uint8_t>(TokenType::kNormal) ||
        types_[id] > static_cast<uint8_t>(TokenType::kByte)) {
      return "piece_types";
    }
    if (type(id) == TokenType::kByte && piece(id).size() != kByteTokenBytes) return "piece_types";
    has_unused_ = has_unused_ || type(id) == TokenType::kUnused;
  }
  if (!is_sound_table(piece_table_, vocabulary)) return "piece_table";
  for (uint32_t i = 0; i < byte_tokens_.size(); ++i) {
    if (!is_token_or_none(byte_tokens_[i], vocabulary)) return "byte_tokens";
  }
  return kValid;
}

std::string_view TokenizerTables::check_merges() const {
  for (uint32_t i = 0; i < merges_.size(); ++i) {
    if (merges_[i] >= header_.vocabulary) return "merges";
  }
  return is_sound_table(merge_table_, merges_.size() / 3) ? kValid : "merge_table";
}

std::string_view TokenizerTables::attach_user_defined() {
  user_defined_.words = U32View(section(kUserDefined));
  user_defined_.are_pieces = true;
  user_defined_.count = user_defined_.words.size();
  for (uint32_t i = 0; i < user_defined_.count; ++i) {
    const uint32_t id = user_defined_.words[i];
    if (id >= header_.vocabulary || piece(id).empty()) return "user_defined";
    if (i > 0 && !(piece(user_defined_.words[i - 1]) < piece(id))) return "user_defined";
    user_defined_.first_byte[static_cast<uint8_t>(piece(id)[0])] = true;
  }
  return kValid;
}

std::string_view TokenizerTables::attach_literals(TokenizerSection s, Literals& literals) const {
  literals.words = U32View(section(s));
  literals.count = literals.words.size() / kLiteralWords;
  for (uint32_t i = 0; i < literals.count; ++i) {
    const U32View& words = literals.words;
    const uint32_t at = kLiteralWords * i;
    const uint64_t end = uint64_t{words[at + 2]} + words[at + 3];
    if (words[at] >= header_.vocabulary || (words[at + 1] & ~kAllLiteralFlags) != 0 || words[at + 3] == 0 ||
        end > header_.sections[kLiteralText].bytes) {
      return kTokenizerSectionNames[s];
    }
    const std::string_view text = literal_text(literals, i);
    if (i > 0 && !(literal_text(literals, i - 1) < text)) return kTokenizerSectionNames[s];
    literals.first_byte[static_cast<uint8_t>(text[0])] = true;
  }
  return kValid;
}

std::string_view TokenizerTables::check_ends() const {
  for (uint32_t i = 0; i < ends_.size(); ++i) {
    if (ends_[i] >= header_.vocabulary || (i > 0 && ends_[i - 1] >= ends_[i])) return "ends";
  }
  return kValid;
}

std::string_view TokenizerTables::literal_text(const Literals& literals, uint32_t i) const {
  if (literals.are_pieces) return piece(literals.words[i]);
  const uint32_t at = kLiteralWords * i;
  return {reinterpret_cast<const char*>(literal_text_) + literals.words[at + 2], literals.words[at + 3]};
}

uint32_t TokenizerTables::find(std::string_view text) const {
  if (text.size() > header_.max_piece_bytes) return kNoToken;
  const uint32_t mask = piece_table_.size() - 1;
  for (uint32_t slot = hash_bytes(text) & mask;; slot = (slot + 1) & mask) {
    const uint32_t id = piece_table_[slot];
    if (id == kEmptySlot || piece(id) == text) return id;
  }
}

MergeMatch TokenizerTables::find_merge(uint32_t left, uint32_t right) const {
  const uint32_t mask = merge_table_.size() - 1;
  for (uint32_t slot = hash_pair(left, right) & mask;; slot = (slot + 1) & mask) {
    const uint32_t rank = merge_table_[slot];
    if (rank == kEmptySlot) return {};
    if (merges_[3 * rank] == left && merges_[3 * rank + 1] == right) return {rank, merges_[3 * rank + 2]};
  }
}

// Narrows the range of literals that share the first `depth` bytes with the text, one byte at a time.
LiteralMatch TokenizerTables::match(const Literals& literals, std::string_view text, bool special) const {
  LiteralMatch longest;
  if (text.empty() || !literals.first_byte[static_cast<uint8_t>(text[0])]) return longest;
  uint32_t low = 0;
  uint32_t high = literals.count;
  for (uint32_t depth = 0; low < high && depth < text.size(); ++depth) {
    // First index in [from, high) whose byte at `depth` is at least `bound`; pieces that end here are below.
    const auto first_at_least = [&](uint32_t from, uint32_t bound) {
      uint32_t end = high;
      while (from < end) {
        const uint32_t middle = from + (end - from) / 2;
        const std::string_view candidate = literal_text(literals, middle);
        const bool below = candidate.size() <= depth || static_cast<uint8_t>(candidate[depth]) < bound;
        if (below) {
          from = middle + 1;
        } else {
          end = middle;
        }
      }
      return from;
    };
    const auto byte = static_cast<uint8_t>(text[depth]);
    low = first_at_least(low, byte);
    high = first_at_least(low, uint32_t{byte} + 1);
    if (low == high || literal_text(literals, low).size() != depth + 1) continue;
    if (literals.are_pieces) {
      longest = {literals.words[low], depth + 1, 0};
    } else if (const uint32_t flags = literals.words[kLiteralWords * low + 1];
               special || (flags & kLiteralSpecial) == 0) {
      longest = {literals.words[kLiteralWords * low], depth + 1, flags};
    }
  }
  return longest;
}

}  // namespace brim
