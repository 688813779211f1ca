// UTF-8, strictly (no overlong forms, surrogates or values above U+10FFFF). Freestanding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace brim {

inline constexpr uint32_t kReplacementCharacter = 0xFFFD;
inline constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";  // U+FFFD
inline constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";      // U+2581, SentencePiece's visible space

// The part of a text from `begin`, which is within it, of at most `bytes` bytes. (std::string_view::substr
// throws.)
constexpr std::string_view slice(std::string_view text, size_t begin, size_t bytes = std::string_view::npos) {
  const size_t rest = text.size() - begin;
  return {text.data() + begin, bytes < rest ? bytes : rest};
}

struct Utf8Character {
  uint32_t code;   // U+FFFD when invalid
  uint32_t bytes;  // 1 when invalid, 0 at the end of the text
  bool valid;
};

constexpr bool is_utf8_trail(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// Bytes that a sequence starting with `lead` has; 1 for bytes that start none.
constexpr uint32_t utf8_length(char lead) {
  const auto b = static_cast<uint8_t>(lead);
  return b < 0xC2 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : b < 0xF5 ? 4 : 1;
}

// The character at the start of `text`.
constexpr Utf8Character decode_utf8(std::string_view text) {
  if (text.empty()) return {0, 0, false};
  constexpr Utf8Character kInvalid = {kReplacementCharacter, 1, false};
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  const uint32_t bytes = utf8_length(text[0]);
  if (bytes == 1 || text.size() < bytes) return kInvalid;
  uint32_t code = lead & (0x7Fu >> bytes);
  for (uint32_t i = 1; i < bytes; ++i) {
    if (!is_utf8_trail(text[i])) return kInvalid;
    code = (code << 6) | (static_cast<uint8_t>(text[i]) & 0x3Fu);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return kInvalid;
  return {code, bytes, true};
}

// Bytes at the start of `text` that are a proper prefix of some valid character: more bytes may complete
// it. 0 if the first character is complete or can never become valid.
constexpr uint32_t incomplete_utf8(std::string_view text) {
  if (text.empty()) return 0;
  const uint32_t bytes = utf8_length(text[0]);
  if (bytes <= text.size()) return 0;
  const auto lead = static_cast<uint8_t>(text[0]);
  for (uint32_t i = 1; i < text.size(); ++i) {
    const auto b = static_cast<uint8_t>(text[i]);
    // The second byte of E0, ED, F0 and F4 has a narrower range than 80..BF.
    const uint8_t low = i == 1 && lead == 0xE0 ? 0xA0 : i == 1 && lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = i == 1 && lead == 0xED ? 0x9F : i == 1 && lead == 0xF4 ? 0x8F : 0xBF;
    if (b < low || b > high) return 0;
  }
  return static_cast<uint32_t>(text.size());
}

}  // namespace brim
