#include "tokenizer/recognise.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/concat.h"
#include "tokenizer/chat_table.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

// Code points of the alphabet: printable bytes of Latin-1 stand for themselves, the others for U+0100 on.
const std::array<uint32_t, 256>& byte_alphabet() {
  static const std::array<uint32_t, 256> alphabet = [] {
    std::array<uint32_t, 256> codes{};
    uint32_t next = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
      codes[byte] = printable ? byte : next++;
    }
    return codes;
  }();
  return alphabet;
}

// All codes of the alphabet are below this.
constexpr uint32_t kAlphabetEnd = 0x144;

}  // namespace

std::optional<std::string> spelt_bytes(std::string_view piece) {
  static const std::array<int, kAlphabetEnd> bytes = [] {
    std::array<int, kAlphabetEnd> byte_of{};
    byte_of.fill(-1);
    for (int byte = 0; byte < 256; ++byte) byte_of[byte_alphabet()[static_cast<size_t>(byte)]] = byte;
    return byte_of;
  }();
  std::string result;
  while (!piece.empty()) {
    const Utf8Character c = decode_utf8(piece);
    if (!c.valid || c.code >= kAlphabetEnd || bytes[c.code] < 0) return std::nullopt;
    result += static_cast<char>(bytes[c.code]);
    piece.remove_prefix(c.bytes);
  }
  return result;
}

std::string byte_character(uint8_t byte) {
  const uint32_t code = byte_alphabet()[byte];
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

PreTokenizer rule_of_pattern(std::string_view pattern) {
  if (pattern == R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)") {
    return PreTokenizer::kGpt2;
  }
  if (pattern ==
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
      R"(\s*[\r\n]+|\s+(?!\S)|\s+)") {
    return PreTokenizer::kLlama3;
  }
  if (pattern == R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
                 R"(\s*[\r\n]+|\s+(?!\S)|\s+)") {
    return PreTokenizer::kQwen2;
  }
  return PreTokenizer::kNone;
}

uint32_t find_token(const TokenizerParts& parts, std::string_view text) {
  if (text.empty()) return kNoToken;
  for (const AddedToken& token : parts.added) {
    if (parts.pieces[token.id] == text) return token.id;
  }
  const auto found = std::find(parts.pieces.begin(), parts.pieces.end(), text);
  return found == parts.pieces.end() ? kNoToken : static_cast<uint32_t>(found - parts.pieces.begin());
}

void add_token(const AddedToken& token, TokenizerParts& parts) {
  std::erase_if(parts.added, [&](const AddedToken& other) { return other.id == token.id; });
  parts.added.push_back(token);
}

void add_known_ends(TokenizerParts& parts) {
  // What published models end texts and turns with; llama.cpp knows the same by name.
  static constexpr std::array<std::string_view, 15> kKnownEnds = {"</s>",
                                                                  "<|eot_id|>",
                                                                  "<|im_end|>",
                                                                  "<|end_of_text|>",
                                                                  "<|endoftext|>",
                                                                  "<|eom_id|>",
                                                                  "<|end|>",
                                                                  "<end_of_turn>",
                                                                  "<|end_of_turn|>",
                                                                  "<EOT>",
                                                                  "<|eot|>",
                                                                  "<|endofturn|>",
                                                                  "<|END_OF_TURN_TOKEN|>",
                                                                  "<end_of_utterance>",
                                                                  "<\uFF5Cend\u2581of\u2581sentence\uFF5C>"};
  for (const AddedToken& token : parts.added) {
    if (std::find(kKnownEnds.begin(), kKnownEnds.end(), parts.pieces[token.id]) != kKnownEnds.end()) {
      parts.ends.push_back(token.id);
    }
  }
}

void limit_added_tokens(uint32_t vocabulary, TokenizerParts& parts) {
  const auto is_added = [&](uint32_t id) {
    return parts.pieces[id].empty() || std::any_of(parts.added.begin(), parts.added.end(),
                                                   [&](const AddedToken& token) { return token.id == id; });
  };
  for (uint32_t id = vocabulary; id < parts.pieces.size(); ++id) {
    if (!is_added(id)) return;
  }
  for (uint32_t id = vocabulary; id < parts.pieces.size(); ++id) {
    if (parts.pieces[id].empty()) continue;
    parts.notes.push_back(concat("added token \"", parts.pieces[id], "\" (", id,
                                 ") is left out: the model has ", vocabulary, " tokens"));
  }
  if (parts.pieces.size() <= vocabulary) return;
  const auto outside = [&](uint32_t id) { return id != kNoToken && id >= vocabulary; };
  std::erase_if(parts.added, [&](const AddedToken& token) { return outside(token.id); });
  std::erase_if(parts.ends, outside);
  if (outside(parts.bos)) parts.bos = kNoToken;
  if (outside(parts.unknown)) parts.unknown = kNoToken;
  parts.pieces.resize(vocabulary);
  parts.types.resize(vocabulary);
  if (!parts.scores.empty()) parts.scores.resize(vocabulary);
}

void finish_parts(TokenizerParts& parts) {
  add_known_ends(parts);
  const auto is_markup = [&](uint32_t id) {
    if (id == parts.bos || std::find(parts.ends.begin(), parts.ends.end(), id) != parts.ends.end())
      return true;
    return std::any_of(parts.templates.begin(), parts.templates.end(), [&](const auto& named) {
      return named.second.find(parts.pieces[id]) != std::string::npos;
    });
  };
  for (AddedToken& token : parts.added) {
    // A token that is plain text wherever it stands ("  ", "\n") may well occur in a template.
    const bool plain = parts.pieces[token.id].find_first_not_of(" \t\r\n") == std::string::npos;
    if (!plain && is_markup(token.id)) token.flags |= kLiteralSpecial;
  }
  derive_chat_table(parts);
}

}  // namespace brim
