#include "grammar/pattern.h"

#include "base/concat.h"
#include "base/error.h"
#include "base/escape.h"
#include "tokenizer/utf8.h"

namespace brim {

namespace {

constexpr uint32_t kMostNesting = 100;
constexpr uint32_t kMostRepetitions = 100'000;

using Codes = std::vector<CodeRange>;

const Codes kDigits = {{'0', '9'}};
const Codes kWordCharacters = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// WhiteSpace and LineTerminator of ECMA-262.
const Codes kSpaces = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680},
                       {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                       {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Codes kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class PatternParser {
 public:
  PatternParser(Syntax& syntax, JsonText& json, std::string_view text)
      : syntax_(syntax), json_(json), text_(text) {}

  ExpressionId parse() {
    std::vector<ExpressionId> parts;
    do {
      std::vector<ExpressionId> sequence;
      if (!take('^')) sequence.push_back(anything());
      sequence.push_back(parse_sequence(0));
      if (!take('$')) sequence.push_back(anything());
      parts.push_back(syntax_.sequence(std::move(sequence)));
    } while (take('|'));
    if (!at_end()) fail(concat("'", std::string(1, here()), "' here"));
    return syntax_.choice(std::move(parts));
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char here() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(concat("pattern: ", what, " (byte ", at_ + 1, ") is not supported"));
  }

  ExpressionId anything() { return syntax_.repeat(json_.character(), 0, Syntax::kUnbounded); }

  ExpressionId parse_choice(uint32_t nesting) {
    if (nesting > kMostNesting) fail("nesting as deep as this");
    std::vector<ExpressionId> parts;
    do {
      parts.push_back(parse_sequence(nesting));
    } while (take('|'));
    return syntax_.choice(std::move(parts));
  }

  ExpressionId parse_sequence(uint32_t nesting) {
    std::vector<ExpressionId> parts;
    while (!at_end() && here() != '|' && here() != ')' && here() != '$')
      parts.push_back(parse_repetitions(parse_part(nesting)));
    if (here() == '$' && nesting > 0) fail("$ within a group");
    return parts.empty() ? syntax_.nothing() : syntax_.sequence(std::move(parts));
  }

  ExpressionId parse_part(uint32_t nesting) {
    if (here() == '^') fail("^ that is not at the beginning");
    if (take('(')) {
      if (take('?') && !take(':')) fail("a group of the kind (?...");
      const ExpressionId inner = parse_choice(nesting + 1);
      if (!take(')')) fail("a group without )");
      return inner;
    }
    if (take('[')) return json_.character_of(parse_set());
    if (take('.')) return json_.character_of(complement(kLineEnds));
    if (here() == '*' || here() == '+' || here() == '?' || here() == '{') fail("a repetition of nothing");
    if (take('\\')) return json_.character_of(parse_escape(/*in_set=*/false));
    const uint32_t code = parse_character();
    return json_.character_of({{code, code}});
  }

  uint32_t parse_character() {
    const Utf8Character character = decode_utf8(text_.substr(at_));
    if (!character.valid) fail("what is no UTF-8");
    at_ += character.bytes;
    return character.code;
  }

  Codes parse_set() {
    const bool negated = take('^');
    Codes codes;
    while (!take(']')) {
      if (at_end()) fail("a set without ]");
      const Codes first = parse_set_member();
      const bool is_range = here() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
      if (!is_range) {
        codes.insert(codes.end(), first.begin(), first.end());
        continue;
      }
      ++at_;
      const Codes last = parse_set_member();
      if (first.size() != 1 || last.size() != 1 || first[0].first != first[0].last ||
          last[0].first != last[0].last || last[0].first < first[0].first) {
        fail("this range in a set");
      }
      codes.push_back({first[0].first, last[0].first});
    }
    return negated ? complement(codes) : normalised(std::move(codes));
  }

  Codes parse_set_member() {
    if (take('\\')) return parse_escape(/*in_set=*/true);
    if (at_end()) fail("a set without ]");
    const uint32_t code = parse_character();
    return {{code, code}};
  }

  Codes parse_escape(bool in_set) {
    const char c = here();
    if (at_end()) fail("\\ at the end");
    const auto one = [](uint32_t code) { return Codes{{code, code}}; };
    ++at_;
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return complement(kDigits);
      case 'w':
        return kWordCharacters;
      case 'W':
        return complement(kWordCharacters);
      case 's':
        return kSpaces;
      case 'S':
        return complement(kSpaces);
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 't':
        return one('\t');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case 'x':
        return one(parse_hex(2));
      case 'u':
        return one(parse_hex(4));
      default:
        break;
    }
    if (c == '0' && (here() < '0' || here() > '9')) return one(0);
    if (c == 'b' && in_set) return one('\b');
    const bool letter_or_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter_or_digit || static_cast<uint8_t>(c) >= 0x80) fail(concat("\\", std::string(1, c)));
    return one(static_cast<uint8_t>(c));
  }

  uint32_t parse_hex(uint32_t digits) {
    uint32_t code = 0;
    for (uint32_t i = 0; i < digits; ++i, ++at_) {
      const std::optional<uint32_t> digit = hex_digit(here());
      if (!digit) fail("a hexadecimal escape without its digits");
      code = code * 16 + *digit;
    }
    if (code >= 0xD800 && code < 0xE000) fail("half a surrogate pair");
    return code;
  }

  ExpressionId parse_repetitions(ExpressionId part) {
    if (take('*')) {
      part = syntax_.repeat(part, 0, Syntax::kUnbounded);
    } else if (take('+')) {
      part = syntax_.repeat(part, 1, Syntax::kUnbounded);
    } else if (take('?')) {
      part = syntax_.optional(part);
    } else if (here() == '{') {
      part = parse_braces(part);
    } else {
      return part;
    }
    take('?');  // lazy: the same texts
    return part;
  }

  ExpressionId parse_braces(ExpressionId part) {
    ++at_;
    const uint32_t least = parse_count();
    uint32_t most = least;
    if (take(',')) most = here() == '}' ? Syntax::kUnbounded : parse_count();
    if (!take('}') || most < least) fail("this repetition");
    return syntax_.repeat(part, least, most);
  }

  uint32_t parse_count() {
    uint32_t count = 0;
    const size_t begin = at_;
    for (; here() >= '0' && here() <= '9'; ++at_) {
      count = count * 10 + static_cast<uint32_t>(here() - '0');
      if (count > kMostRepetitions) fail("as many repetitions as this");
    }
    if (at_ == begin) fail("a repetition without a number");
    return count;
  }

  Syntax& syntax_;
  JsonText& json_;
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

ExpressionId pattern_body(Syntax& syntax, JsonText& json, std::string_view pattern) {
  return PatternParser(syntax, json, pattern).parse();
}

}  // namespace brim
