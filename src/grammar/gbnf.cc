// GBNF, as llama.cpp's grammars/README.md describes it.
#include <map>
#include <optional>

#include "base/concat.h"
#include "base/error.h"
#include "base/escape.h"
#include "grammar/grammar.h"
#include "grammar/machine.h"
#include "grammar/syntax.h"
#include "tokenizer/utf8.h"

namespace brim {

namespace {

constexpr uint32_t kMostNesting = 200;
constexpr uint32_t kMostRepetitions = 100'000;

class GbnfParser {
 public:
  explicit GbnfParser(std::string_view text) : text_(text) {}

  Syntax parse() {
    declare("root", 0);  // the text, whichever rule comes first
    skip_space(/*lines=*/true);
    while (!at_end()) {
      parse_rule();
      skip_space(/*lines=*/true);
    }
    if (!syntax_.rules()[0].defined)
      throw Error("grammar: there is no rule 'root', with which the text begins");
    for (RuleId rule = 0; rule < syntax_.rules().size(); ++rule) {
      if (!syntax_.rules()[rule].defined)
        fail_at(first_used_[rule], concat("rule '", syntax_.rules()[rule].name, "' is not defined"));
    }
    return std::move(syntax_);
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char here() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  [[noreturn]] void fail_at(size_t where, const std::string& what) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < where && i < text_.size(); ++i) {
      const bool ends = text_[i] == '\n';
      line += ends ? 1 : 0;
      column = ends ? 1 : column + 1;
    }
    throw Error(concat("grammar: line ", line, ", column ", column, ": ", what));
  }
  [[noreturn]] void fail(const std::string& what) const { fail_at(at_, what); }

  void skip_space(bool lines) {
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '#') {
        while (!at_end() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }

  std::string parse_name() {
    const size_t begin = at_;
    while (!at_end() && is_name(text_[at_])) ++at_;
    if (at_ == begin) fail("here should be the name of a rule");
    return std::string(text_.substr(begin, at_ - begin));
  }

  RuleId declare(const std::string& name, size_t where) {
    const auto [at, is_new] = names_.try_emplace(name, static_cast<RuleId>(syntax_.rules().size()));
    if (is_new) {
      syntax_.declare(name);
      first_used_.push_back(where);
    }
    return at->second;
  }

  void parse_rule() {
    const size_t begin = at_;
    const std::string name = parse_name();
    skip_space(false);
    if (text_.substr(at_, 3) != "::=") fail(concat("behind the name '", name, "' should be ::="));
    at_ += 3;
    const RuleId rule = declare(name, begin);
    if (syntax_.rules()[rule].defined) fail_at(begin, concat("rule '", name, "' is defined twice"));
    skip_space(true);
    const ExpressionId body = parse_choice(0);
    syntax_.define(rule, body);
    if (!at_end() && here() != '\n' && here() != '\r') fail("here should be the end of the line");
  }

  // Behind the last alternative, which in parentheses may be on another line, and outside where the next line
  // goes on with |.
  ExpressionId parse_choice(uint32_t nesting) {
    if (nesting > kMostNesting) fail(concat("more than ", kMostNesting, " parentheses within one another"));
    std::vector<ExpressionId> parts;
    do {
      skip_space(true);
      parts.push_back(parse_sequence(nesting));
      const size_t end = at_;
      skip_space(true);
      if (nesting == 0 && here() != '|') at_ = end;
    } while (take('|'));
    return syntax_.choice(std::move(parts));
  }

  ExpressionId parse_sequence(uint32_t nesting) {
    std::vector<ExpressionId> parts;
    while (true) {
      const std::optional<ExpressionId> part = parse_part(nesting);
      if (!part) break;
      parts.push_back(parse_repetitions(*part));
      skip_space(nesting > 0);
    }
    return parts.empty() ? syntax_.nothing() : syntax_.sequence(std::move(parts));
  }

  std::optional<ExpressionId> parse_part(uint32_t nesting) {
    const char c = here();
    if (c == '"') return parse_literal();
    if (c == '[') return parse_class();
    if (take('.')) return syntax_.character({{0, kLastCode}});
    if (take('(')) {
      const ExpressionId inner = parse_choice(nesting + 1);
      if (!take(')')) fail("here should be )");
      return inner;
    }
    if (c == '<' || (c == '!' && text_.substr(at_, 2) == "!<"))
      fail("tokens in a grammar (<...>) are not supported; write their text");
    if (!at_end() && is_name(c)) {
      const size_t begin = at_;
      return syntax_.call(declare(parse_name(), begin));
    }
    return std::nullopt;
  }

  ExpressionId parse_literal() {
    const size_t begin = at_++;
    std::string bytes;
    while (!take('"')) {
      if (at_end()) fail_at(begin, "this text has no closing \"");
      append_utf8(parse_character(), bytes);
    }
    return syntax_.literal(bytes);
  }

  ExpressionId parse_class() {
    const size_t begin = at_++;
    const bool negated = take('^');
    std::vector<CodeRange> ranges;
    while (!take(']')) {
      if (at_end()) fail_at(begin, "this set of characters has no closing ]");
      const size_t first_at = at_;
      const uint32_t first = parse_character();
      uint32_t last = first;
      if (here() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        last = parse_character();
      }
      if (last < first) fail_at(first_at, "this range of characters runs backwards");
      ranges.push_back({first, last});
    }
    return syntax_.character(negated ? complement(ranges) : std::move(ranges));
  }

  // One character of a literal or a set.
  uint32_t parse_character() {
    if (here() == '\\') return parse_escape();
    const Utf8Character character = decode_utf8(text_.substr(at_));
    if (!character.valid) fail(at_end() ? "the grammar ends too early" : "this is no valid UTF-8");
    at_ += character.bytes;
    return character.code;
  }

  uint32_t parse_escape() {
    const size_t begin = at_++;
    const char c = here();
    ++at_;
    switch (c) {
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<uint8_t>(c);
      case 'x':
        return parse_hex(begin, 2);
      case 'u':
        return parse_hex(begin, 4);
      case 'U':
        return parse_hex(begin, 8);
      default:
        fail_at(begin,
                "there is no such escape; known are \\n \\r \\t \\\\ \\\" \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH");
    }
  }

  uint32_t parse_hex(size_t begin, uint32_t digits) {
    uint64_t code = 0;
    for (uint32_t i = 0; i < digits; ++i) {
      const std::optional<uint32_t> digit = hex_digit(here());
      if (!digit) fail_at(begin, concat("this escape needs ", digits, " hexadecimal digits"));
      code = code * 16 + *digit;
      ++at_;
    }
    if (code > kLastCode || (code >= 0xD800 && code < 0xE000)) fail_at(begin, "there is no such character");
    return static_cast<uint32_t>(code);
  }

  ExpressionId parse_repetitions(ExpressionId part) {
    for (uint32_t count = 0;; ++count) {
      if (count > kMostNesting) fail("too many repetitions of repetitions");
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
    }
  }

  ExpressionId parse_braces(ExpressionId part) {
    const size_t begin = at_++;
    skip_space(false);
    const std::optional<uint32_t> least = parse_count();
    uint32_t most = least.value_or(0);
    skip_space(false);
    if (take(',')) {
      skip_space(false);
      most = parse_count().value_or(Syntax::kUnbounded);
    } else if (!least) {
      fail_at(begin, "here should be {m}, {m,} or {m,n}");
    }
    skip_space(false);
    if (!take('}')) fail("here should be }");
    if (most < least.value_or(0)) fail_at(begin, "the most repetitions are fewer than the least");
    return syntax_.repeat(part, least.value_or(0), most);
  }

  std::optional<uint32_t> parse_count() {
    if (here() < '0' || here() > '9') return std::nullopt;
    uint32_t count = 0;
    while (here() >= '0' && here() <= '9') {
      count = count * 10 + static_cast<uint32_t>(here() - '0');
      if (count > kMostRepetitions) fail(concat("more than ", kMostRepetitions, " repetitions"));
      ++at_;
    }
    return count;
  }

  std::string_view text_;
  size_t at_ = 0;
  Syntax syntax_;
  std::map<std::string, RuleId> names_;
  std::vector<size_t> first_used_;  // by rule
};

}  // namespace

std::shared_ptr<const Grammar> compile_gbnf(std::string_view text) {
  const Syntax syntax = GbnfParser(text).parse();
  return std::make_shared<const Grammar>(std::make_unique<const Machine>(syntax));
}

}  // namespace brim
