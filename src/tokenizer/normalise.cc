#include "tokenizer/normalise.h"

#include "tokenizer/utf8.h"

namespace brim {
namespace {

// What the first `bytes` bytes of a text become.
struct Replacement {
  std::string_view text;
  uint32_t bytes;
};

// Longest rule of the character map that `text` starts with, by a walk through the Darts-clone double
// array (Yata): a unit holds a label in bits 0-7 (and bit 31 in value units), "has a value" in bit 8, and
// the offset to its children in bits 10-30, shifted by 8 more if bit 9 is set.
Replacement map_character(const TokenizerTables& tables, std::string_view text) {
  const U32View trie(tables.section(kCharacterTrie));
  const auto replacements = tables.section(kCharacterText);
  const auto children = [](uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); };
  Replacement longest = {{}, 0};
  if (trie.size() == 0) return longest;
  uint32_t node = children(trie[0]);
  for (uint32_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= trie.size()) break;
    const uint32_t unit = trie[node];
    if ((unit & 0x800000FFu) != byte) break;
    node ^= children(unit);
    if ((unit & 0x100u) == 0) continue;
    if (node >= trie.size()) break;
    const uint32_t begin = trie[node] & 0x7FFFFFFFu;
    if (begin >= replacements.size()) break;
    uint32_t end = begin;
    while (replacements[end] != 0) ++end;  // validated: the section ends with NUL
    longest = {{reinterpret_cast<const char*>(replacements.data()) + begin, end - begin}, i + 1};
  }
  return longest;
}

Replacement normalise_prefix(const TokenizerTables& tables, std::string_view text) {
  if (const auto literal = tables.match_user_defined(text); literal.bytes != 0) {
    return {slice(text, 0, literal.bytes), literal.bytes};
  }
  if (const auto mapped = map_character(tables, text); mapped.bytes != 0) return mapped;
  const Utf8Character character = decode_utf8(text);
  return {character.valid ? slice(text, 0, character.bytes) : kReplacementUtf8, character.bytes};
}

class Writer {
 public:
  explicit Writer(std::span<char> out) : out_(out) {}

  void append(std::string_view text) {
    if (text.size() > out_.size() - used_) {
      fits_ = false;
      return;
    }
    for (const char c : text) out_[used_++] = c;
  }

  void remove_trailing(std::string_view suffix) {
    while (text().ends_with(suffix)) used_ -= suffix.size();
  }

  std::string_view text() const { return {out_.data(), used_}; }
  bool fits() const { return fits_; }

 private:
  std::span<char> out_;
  size_t used_ = 0;
  bool fits_ = true;
};

bool wants_prefix(const TokenizerTables& tables, std::string_view text, bool at_start) {
  if (!tables.has(kAddDummyPrefix)) return false;
  if (tables.has(kPrefixOnlyFirst) && !at_start) return false;
  return !tables.has(kPrefixUnlessSpace) || !(text.starts_with(' ') || text.starts_with(kSpaceSymbol));
}

}  // namespace

NormalisedText normalise(const TokenizerTables& tables, std::string_view text, bool at_start,
                         std::span<char> out) {
  const bool squeeze = tables.has(kRemoveExtraWhitespaces);
  const std::string_view space = tables.has(kEscapeWhitespaces) ? kSpaceSymbol : std::string_view(" ");
  if (squeeze) {
    while (!text.empty()) {
      const Replacement first = normalise_prefix(tables, text);
      if (first.text != " ") break;
      text.remove_prefix(first.bytes);
    }
  }
  Writer writer(out);
  if (text.empty()) return {};
  if (wants_prefix(tables, text, at_start)) writer.append(space);

  bool after_space = squeeze;
  while (!text.empty() && writer.fits()) {
    const Replacement next = normalise_prefix(tables, text);
    std::string_view piece = next.text;
    while (after_space && piece.starts_with(' ')) piece.remove_prefix(1);
    for (size_t i = 0; i < piece.size(); ++i) writer.append(piece[i] == ' ' ? space : slice(piece, i, 1));
    if (!piece.empty()) after_space = squeeze && piece.ends_with(' ');
    text.remove_prefix(next.bytes);
  }
  if (squeeze) writer.remove_trailing(space);
  return {writer.text(), writer.fits()};
}

}  // namespace brim
