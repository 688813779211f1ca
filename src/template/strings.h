// What templates do with strings, by filters and by methods.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "template/interpreter.h"

namespace brim::tmpl {

inline bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F); }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
inline char upper(char c) { return is_lower(c) ? static_cast<char>(c - 32) : c; }
inline char lower(char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; }

// ASCII letters changed by `change(byte, whether it begins a word)`.
template <typename Change>
Text mapped(const Text& text, const Change& change) {
  Text result;
  bool word_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text.bytes()[i];
    result.append(Text(std::string(1, change(c, word_start)), text.is_input(i)));
    word_start = !(is_upper(c) || is_lower(c) || static_cast<unsigned char>(c) >= 0x80);
  }
  return result;
}

// All characters are of a kind, and there is one.
template <typename Is>
bool all_are(const Text& text, const Is& is) {
  return text.size() > 0 && std::all_of(text.bytes().begin(), text.bytes().end(), is);
}

// Without characters at the ends that stand in `set` (white space if there is none).
Text stripped(const Text& text, const Value* set, bool left, bool right);

// The filter `title`: words begin behind white space and opening brackets only, unlike those of str.title().
Text titled(const Text& text);
Text capitalised(const Text& text);
Value split(Interpreter& interpreter, const Text& text, const Arguments& arguments, bool from_right);
Value split_lines(Interpreter& interpreter, const Text& text, bool keep_ends);
Text replaced(Interpreter& interpreter, const Text& text, const Text& what, const Text& by, int64_t most);
Text joined(Interpreter& interpreter, const std::vector<Value>& items, const Text& by);

// Whether a string begins (ends) with another one, or with one of a tuple.
bool has_end(const Text& text, const Value& with, bool at_start);
Value found_at(const Text& text, size_t byte);
int64_t occurrences(const Text& text, const Text& what);

// "%s"-style formatting.
Text formatted(Interpreter& interpreter, const Text& format, const Arguments& arguments);

// {} and {0} and {name} of Python's str.format, without format specifications.
Text braces_formatted(const Text& format, const Arguments& arguments);

}  // namespace brim::tmpl
