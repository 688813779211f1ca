#include "tokenizer/pretokenize.h"

#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

// The character at one place of a text.
struct Character {
  uint32_t code = 0;
  uint32_t bytes = 0;  // 0: the end of the text
  CharacterClass kind = CharacterClass::kSpace;

  bool is(CharacterClass wanted) const { return bytes != 0 && kind == wanted; }
  bool is_line_break() const { return bytes != 0 && (code == '\r' || code == '\n'); }
};

Character character_at(std::string_view text, uint32_t at) {
  if (at >= text.size()) return {};
  const Utf8Character c = decode_utf8(slice(text, at));
  return {c.code, c.bytes, c.valid ? character_class(c.code) : CharacterClass::kOther};
}

// End of the run of characters of one class that starts at `at`, at most `limit` of them.
uint32_t run_end(std::string_view text, uint32_t at, CharacterClass kind, uint32_t limit = UINT32_MAX) {
  for (Character c = character_at(text, at); limit > 0 && c.is(kind); c = character_at(text, at)) {
    at += c.bytes;
    --limit;
  }
  return at;
}

uint32_t line_breaks_end(std::string_view text, uint32_t at) {
  while (character_at(text, at).is_line_break()) ++at;
  return at;
}

// Letters of an English contraction after its apostrophe: 's 't 're 've 'm 'll 'd. 0 if there is none.
// Without regard to case if `fold`, in which U+017F, the long s, is an s.
uint32_t contraction_bytes(std::string_view text, bool fold) {
  if (!text.starts_with('\'')) return 0;
  constexpr std::string_view kLongS = "\xC5\xBF";
  const auto letter = [&](uint32_t at) {
    if (at >= text.size()) return '\0';
    const char c = text[at];
    return fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return letter(2) == 'e' ? 3 : 0;
    case 'l':
      return letter(2) == 'l' ? 3 : 0;
    default:
      return fold && slice(text, 1).starts_with(kLongS) ? 1 + static_cast<uint32_t>(kLongS.size()) : 0;
  }
}

// \s+(?!\S)|\s+ on the white space [0, end): all of it if the text ends there, else all but the last
// character, which goes with the next word, unless it is the only one.
uint32_t space_word(std::string_view text, uint32_t end, bool text_ends) {
  if (text_ends) return end;
  uint32_t last = end - 1;
  while (last > 0 && is_utf8_trail(text[last])) --last;
  return last == 0 ? end : last;
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// With `digits_apart`, numbers are first cut out one by one, so that the rule sees the text end before each.
uint32_t gpt2_word(std::string_view text, bool digits_apart) {
  if (const uint32_t bytes = contraction_bytes(text, false); bytes != 0) return bytes;
  const uint32_t body = text[0] == ' ' ? 1 : 0;
  const Character c = character_at(text, body);
  if (digits_apart && c.is(CharacterClass::kNumber)) return body == 0 ? c.bytes : body;
  if (c.bytes != 0 && c.kind != CharacterClass::kSpace) return run_end(text, body, c.kind);
  const uint32_t end = run_end(text, 0, CharacterClass::kSpace);
  const Character next = character_at(text, end);
  return space_word(text, end, next.bytes == 0 || (digits_apart && next.is(CharacterClass::kNumber)));
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
uint32_t llama3_word(std::string_view text, uint32_t digits) {
  if (const uint32_t bytes = contraction_bytes(text, true); bytes != 0) return bytes;
  const Character first = character_at(text, 0);
  if (first.is(CharacterClass::kLetter)) return run_end(text, 0, CharacterClass::kLetter);
  if (first.is(CharacterClass::kNumber)) return run_end(text, 0, CharacterClass::kNumber, digits);
  if (!first.is_line_break() && character_at(text, first.bytes).is(CharacterClass::kLetter)) {
    return run_end(text, first.bytes, CharacterClass::kLetter);
  }
  const uint32_t body = text[0] == ' ' ? 1 : 0;
  if (character_at(text, body).is(CharacterClass::kOther)) {
    return line_breaks_end(text, run_end(text, body, CharacterClass::kOther));
  }
  const uint32_t end = run_end(text, 0, CharacterClass::kSpace);
  for (uint32_t after_break = end; after_break > 0; --after_break) {
    const char last = text[after_break - 1];
    if (last == '\r' || last == '\n') return after_break;
  }
  return space_word(text, end, end == text.size());
}

}  // namespace

uint32_t first_word(PreTokenizer rule, std::string_view text) {
  if (text.empty()) return 0;
  switch (rule) {
    case PreTokenizer::kGpt2:
      return gpt2_word(text, false);
    case PreTokenizer::kLlama3:
      return llama3_word(text, 3);
    case PreTokenizer::kQwen2:
      return llama3_word(text, 1);
    case PreTokenizer::kSmolLm:
      return gpt2_word(text, true);
    case PreTokenizer::kNone:
      break;
  }
  return static_cast<uint32_t>(text.size());
}

}  // namespace brim
