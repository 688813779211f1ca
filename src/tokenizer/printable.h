// Text of others on a terminal: without what could move its cursor, colour what follows or worse.
// Freestanding, but for what returns a std::string.
#pragma once

#if __STDC_HOSTED__
#include <string>
#endif
#include <string_view>

#include "tokenizer/utf8.h"

namespace brim {

// No control character (C0, DEL, C1) and no separator of lines or paragraphs: nothing that does something to
// a terminal but fill it.
constexpr bool is_printable(Utf8Character c) {
  const bool control = c.code < 0x20 || (c.code >= 0x7F && c.code < 0xA0);
  return c.valid && !control && c.code != 0x2028 && c.code != 0x2029;
}

constexpr bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character c = decode_utf8(text);
    if (!is_printable(c)) return false;
    text = slice(text, c.bytes);
  }
  return true;
}

#if __STDC_HOSTED__
// The text with a question mark in place of every character that is not printable.
inline std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Character c = decode_utf8(text);
    if (is_printable(c))
      result.append(text.substr(0, c.bytes));
    else
      result += '?';
    text.remove_prefix(c.bytes);
  }
  return result;
}
#endif

}  // namespace brim
