#include "tokenizer/blob_writer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "tokenizer/tables.h"
#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

[[noreturn]] void fail(const TokenizerParts& parts, const std::string& what) {
  throw Error(parts.name + ": " + what);
}

// Collects sections and, at the end, the header before them.
class BlobBuilder {
 public:
  BlobBuilder() : blob_(kTokenizerHeaderBytes) {}

  void add(TokenizerSection section, std::span<const uint8_t> bytes) {
    blob_.resize((blob_.size() + kTokenizerAlignment - 1) / kTokenizerAlignment * kTokenizerAlignment);
    ranges_[section] = {static_cast<uint32_t>(blob_.size()), static_cast<uint32_t>(bytes.size())};
    blob_.insert(blob_.end(), bytes.begin(), bytes.end());
  }

  void add(TokenizerSection section, const std::string& bytes) {
    add(section, std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  }

  void add(TokenizerSection section, const std::vector<uint32_t>& values) {
    std::vector<uint8_t> bytes;
    bytes.reserve(values.size() * 4);
    for (const uint32_t value : values) {
      for (uint32_t shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
    }
    add(section, bytes);
  }

  std::vector<uint8_t> finish(TokenizerHeader header) {
    blob_.resize((blob_.size() + kTokenizerAlignment - 1) / kTokenizerAlignment * kTokenizerAlignment);
    header.magic = kTokenizerMagic;
    header.version = kTokenizerVersion;
    header.total_bytes = static_cast<uint32_t>(blob_.size());
    header.sections = ranges_;
    const auto words = std::bit_cast<std::array<uint32_t, sizeof(TokenizerHeader) / 4>>(header);
    for (size_t i = 0; i < sizeof(TokenizerHeader); ++i) {
      blob_[i] = static_cast<uint8_t>(words[i / 4] >> (8 * (i % 4)));
    }
    return std::move(blob_);
  }

 private:
  std::vector<uint8_t> blob_;
  std::array<TokenizerSectionRange, kTokenizerSectionCount> ranges_{};
};

// Slots for `entries` at a load of at most one half.
std::vector<uint32_t> empty_table(size_t entries) {
  return std::vector<uint32_t>(std::bit_ceil(std::max<size_t>(2 * entries, 2)), kEmptySlot);
}

// The first of several pieces with one text is the one that is found.
std::vector<uint32_t> piece_table(const TokenizerParts& parts) {
  std::vector<uint32_t> table = empty_table(parts.pieces.size());
  const size_t mask = table.size() - 1;
  for (uint32_t id = 0; id < parts.pieces.size(); ++id) {
    size_t slot = hash_bytes(parts.pieces[id]) & mask;
    while (table[slot] != kEmptySlot && parts.pieces[table[slot]] != parts.pieces[id])
      slot = (slot + 1) & mask;
    if (table[slot] == kEmptySlot) table[slot] = id;
  }
  return table;
}

// The best of several merges of one pair is the one that counts.
std::vector<uint32_t> merge_table(const TokenizerParts& parts) {
  std::vector<uint32_t> table = empty_table(parts.merges.size());
  const size_t mask = table.size() - 1;
  for (uint32_t rank = 0; rank < parts.merges.size(); ++rank) {
    const TokenizerMerge& merge = parts.merges[rank];
    const auto same = [&](uint32_t other) {
      return parts.merges[other].left == merge.left && parts.merges[other].right == merge.right;
    };
    size_t slot = hash_pair(merge.left, merge.right) & mask;
    while (table[slot] != kEmptySlot && !same(table[slot])) slot = (slot + 1) & mask;
    if (table[slot] == kEmptySlot) table[slot] = rank;
  }
  return table;
}

// Dense ranks: the highest score is 0, equal scores are equal.
std::vector<uint32_t> ranks_of(const TokenizerParts& parts) {
  std::vector<float> distinct = parts.scores;
  for (const float score : distinct) {
    if (!std::isfinite(score)) fail(parts, "a piece's score is not finite; the file is damaged");
  }
  std::sort(distinct.begin(), distinct.end(), std::greater<>());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<uint32_t> ranks;
  for (const float score : parts.scores) {
    const auto at = std::lower_bound(distinct.begin(), distinct.end(), score, std::greater<>());
    ranks.push_back(static_cast<uint32_t>(at - distinct.begin()));
  }
  return ranks;
}

std::vector<uint32_t> sorted_by_text(const TokenizerParts& parts, std::vector<uint32_t> ids) {
  const auto text = [&](uint32_t id) -> const std::string& { return parts.pieces.at(id); };
  std::sort(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) { return text(a) < text(b); });
  ids.erase(std::unique(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) { return text(a) == text(b); }),
            ids.end());
  std::erase_if(ids, [&](uint32_t id) { return text(id).empty(); });
  return ids;
}

// What normalising makes of an added token's text.
std::string normalised_text(const TokenizerParts& parts, const std::string& text) {
  if (parts.algorithm == TokenizerAlgorithm::kByteMerges) {
    if ((parts.flags & kComposeNfc) == 0) return text;
    std::string composed(text.size() * kNfcBytesPerByte, '\0');
    std::vector<uint32_t> work(2 * kNfcCodesPerByte * text.size());
    composed.resize(compose_nfc(text, composed, work).bytes);
    return composed;
  }
  std::string result = (parts.flags & kAddDummyPrefix) != 0 ? std::string(kSpaceSymbol) : "";
  for (const char c : text) {
    if (c == ' ' && (parts.flags & kEscapeWhitespaces) != 0) {
      result += kSpaceSymbol;
    } else {
      result += c;
    }
  }
  return result;
}

// The added tokens that are looked for in the text as it is, or in normalised text, sorted by what they
// match; that is appended to `text`.
std::vector<uint32_t> literals_of(const TokenizerParts& parts, bool normalised, std::string& text) {
  // Where nothing is normalised before words are cut, both are one.
  const bool has_normaliser = parts.algorithm == TokenizerAlgorithm::kByteMerges
                                  ? (parts.flags & kComposeNfc) != 0
                                  : (parts.flags & kPrefixUnlessSpace) == 0;
  std::map<std::string, const AddedToken*> sorted;
  for (const AddedToken& token : parts.added) {
    if ((token.normalised && has_normaliser) != normalised) continue;
    const std::string& piece = parts.pieces.at(token.id);
    const std::string match = normalised ? normalised_text(parts, piece) : piece;
    if (!match.empty()) sorted.try_emplace(match, &token);
  }
  std::vector<uint32_t> words;
  for (const auto& [match, token] : sorted) {
    words.insert(words.end(), {token->id, token->flags, static_cast<uint32_t>(text.size()),
                               static_cast<uint32_t>(match.size())});
    text += match;
  }
  return words;
}

std::string joined(const NamedTexts& texts) {
  std::string result;
  for (const auto& [name, text] : texts) result += name + '\0' + text + '\0';
  return result;
}

// How much longer normalising can make a text, per byte of it.
struct Growth {
  uint32_t bytes = 3;  // a space becomes U+2581, an invalid byte U+FFFD
  uint32_t symbols = 1;
};

// Looks at every rule of the character map. Rules share units, so that a walk in order of depth and once to
// each unit finds the shortest text of each replacement, which is the one that grows most.
Growth growth_of(const TokenizerParts& parts) {
  const std::vector<uint32_t>& trie = parts.character_trie;
  Growth growth;
  if (parts.algorithm == TokenizerAlgorithm::kByteMerges) {
    growth.bytes = (parts.flags & kComposeNfc) != 0 ? kNfcBytesPerByte : 1;
  }
  // Byte fallback gives a symbol for each byte of a character.
  if (parts.algorithm != TokenizerAlgorithm::kSentencePiece) growth.symbols = growth.bytes;
  if (trie.empty()) return growth;
  struct Node {
    uint32_t children;
    uint32_t depth;
  };
  const auto children = [](uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); };
  std::vector<bool> visited(trie.size());
  std::deque<Node> open = {{children(trie[0]), 0}};
  while (!open.empty()) {
    const Node node = open.front();
    open.pop_front();
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t child = node.children ^ byte;
      if (child >= trie.size() || (trie[child] & 0x800000FFu) != byte || visited[child]) continue;
      visited[child] = true;
      const uint32_t below = child ^ children(trie[child]);
      open.push_back({below, node.depth + 1});
      if ((trie[child] & 0x100u) == 0) continue;
      if (below >= trie.size() || (trie[below] & 0x7FFFFFFFu) >= parts.character_text.size()) {
        fail(parts, "the character map points outside its text; the file is damaged");
      }
      const std::string_view text = parts.character_text.c_str() + (trie[below] & 0x7FFFFFFFu);
      uint32_t bytes = 0;
      uint32_t symbols = 0;
      for (const char c : text) {
        bytes += c == ' ' ? static_cast<uint32_t>(kSpaceSymbol.size()) : 1;
        symbols += is_utf8_trail(c) ? 0 : 1;
      }
      const uint32_t key = node.depth + 1;
      growth.bytes = std::max(growth.bytes, (bytes + key - 1) / key);
      growth.symbols = std::max(growth.symbols, (symbols + key - 1) / key);
    }
  }
  if (growth.bytes > kMaxGrowth) fail(parts, "the character map makes a text more than 64 times longer");
  return growth;
}

// Whether U+2581 stands only at the start of pieces, alone or in a row. What cannot come from merging text
// does not count.
bool spaces_start_pieces(const TokenizerParts& parts) {
  for (uint32_t id = 0; id < parts.pieces.size(); ++id) {
    if (parts.types[id] != TokenType::kNormal && parts.types[id] != TokenType::kUnused) continue;
    std::string_view piece = parts.pieces[id];
    while (piece.starts_with(kSpaceSymbol)) piece.remove_prefix(kSpaceSymbol.size());
    if (piece.find(kSpaceSymbol) != std::string_view::npos) return false;
  }
  return true;
}

void check(const TokenizerParts& parts) {
  if (parts.pieces.empty()) fail(parts, "the vocabulary is empty");
  if (parts.pieces.size() > kMaxVocabulary) fail(parts, "the vocabulary has more than 2^22 pieces");
  if (parts.types.size() != parts.pieces.size()) fail(parts, "pieces and token types differ in number");
  for (const std::string& piece : parts.pieces) {
    if (piece.size() > kMaxPieceBytes) fail(parts, "a piece is longer than 65536 bytes");
  }
}

}  // namespace

void find_byte_tokens(TokenizerParts& parts) {
  parts.byte_tokens.assign(256, kNoToken);
  for (uint32_t id = 0; id < parts.pieces.size(); ++id) {
    if (parts.types[id] != TokenType::kByte) continue;
    const std::string& piece = parts.pieces[id];
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
    if (piece.size() != kByteTokenBytes || !piece.starts_with("<0x") || piece[5] != '>' ||
        !is_digit(piece[3]) || !is_digit(piece[4])) {
      fail(parts, "byte token " + std::to_string(id) + " is not spelt <0xNN>; the file is damaged");
    }
    parts.byte_tokens[byte_token_value(piece)] = id;
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (parts.byte_tokens[byte] == kNoToken) {
      fail(parts, "byte fallback is on, but byte " + std::to_string(byte) + " has no token");
    }
  }
}

std::vector<uint8_t> write_blob(const TokenizerParts& parts) {
  check(parts);
  TokenizerHeader header{};
  header.algorithm = static_cast<uint32_t>(parts.algorithm);
  header.flags = parts.flags | (spaces_start_pieces(parts) ? kSpacesStartPieces : 0u);
  header.vocabulary = static_cast<uint32_t>(parts.pieces.size());
  header.unknown = parts.unknown;
  header.bos = parts.bos;
  header.pre_tokenizer = static_cast<uint32_t>(parts.pre_tokenizer);
  header.chat_flags = parts.chat.flags;
  header.max_piece_bytes = 1;
  const Growth growth = growth_of(parts);
  header.normalised_bytes_per_byte = growth.bytes;
  header.symbols_per_byte = growth.symbols;

  std::vector<uint32_t> offsets = {0};
  std::string bytes;
  for (const std::string& piece : parts.pieces) {
    bytes += piece;
    if (bytes.size() > UINT32_MAX / 4) fail(parts, "the pieces have more than 1 GiB of text");
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
    header.max_piece_bytes = std::max(header.max_piece_bytes, static_cast<uint32_t>(piece.size()));
  }
  std::vector<uint8_t> types;
  for (const TokenType type : parts.types) types.push_back(static_cast<uint8_t>(type));
  std::vector<uint32_t> merges;
  for (const TokenizerMerge& merge : parts.merges) {
    merges.insert(merges.end(), {merge.left, merge.right, merge.merged});
  }

  BlobBuilder blob;
  blob.add(kPieceOffsets, offsets);
  blob.add(kPieceBytes, bytes);
  blob.add(kPieceTypes, types);
  blob.add(kPieceRanks,
           parts.algorithm == TokenizerAlgorithm::kSentencePiece ? ranks_of(parts) : std::vector<uint32_t>());
  blob.add(kPieceTable, piece_table(parts));
  blob.add(kMerges, merges);
  blob.add(kMergeTable, merge_table(parts));
  blob.add(kByteTokens, parts.byte_tokens);
  blob.add(kUserDefined, sorted_by_text(parts, parts.user_defined));
  blob.add(kCharacterTrie, parts.character_trie);
  blob.add(kCharacterText, parts.character_text);
  blob.add(kUnknownSurface, parts.unknown_surface);
  std::string literal_text;
  blob.add(kLiterals, literals_of(parts, false, literal_text));
  blob.add(kNormalisedLiterals, literals_of(parts, true, literal_text));
  blob.add(kLiteralText, literal_text);
  const std::set<uint32_t> ends(parts.ends.begin(), parts.ends.end());
  blob.add(kEnds, std::vector<uint32_t>(ends.begin(), ends.end()));
  std::string table;
  if ((parts.chat.flags & kHasChatTable) != 0) {
    for (const std::string& text : parts.chat.strings) table += text + '\0';
  }
  blob.add(kChatTable, table);
  blob.add(kTemplates, joined(parts.templates));
  blob.add(kTemplateVariables, joined(parts.template_variables));
  std::string notes;
  for (std::string note : parts.notes) {
    std::replace_if(
        note.begin(), note.end(), [](char c) { return c >= 0 && c < ' '; }, ' ');
    notes += note + '\n';
  }
  blob.add(kNotes, notes);
  std::vector<uint8_t> result = blob.finish(header);

  TokenizerTables tables;
  if (const auto bad = tables.attach(result); !bad.empty()) {
    fail(parts, "the tokenizer is inconsistent in " + std::string(bad));
  }
  return result;
}

}  // namespace brim
