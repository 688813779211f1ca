#include "template/lexer.h"

#include <algorithm>
#include <array>

#include "base/concat.h"
#include "base/error.h"
#include "base/escape.h"

namespace brim::tmpl {

namespace {

constexpr size_t kMaxTokens = 1u << 20;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Line ends as "\n", and none at the very end.
std::string with_plain_lines(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      result += text[i];
      continue;
    }
    result += '\n';
    if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
  }
  if (result.ends_with('\n')) result.pop_back();
  return result;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(with_plain_lines(text)) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) {
      const size_t tag = next_tag();
      write_text(tag);
      if (tag == std::string::npos) break;
      const char kind = text_[tag + 1];
      take(2);
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) take(1);
      if (kind == '#') {
        skip_comment();
      } else if (kind == '{') {
        add(TokenKind::kVariableBegin, "{{");
        read_code("}}", TokenKind::kVariableEnd);
      } else if (!skip_raw()) {
        add(TokenKind::kBlockBegin, "{%");
        read_code("%}", TokenKind::kBlockEnd);
      }
    }
    add(TokenKind::kEnd, "the end of the template");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void refuse(uint32_t line, const std::string& what) const {
    throw Error(concat("line ", line, ": ", what));
  }

  void add(TokenKind kind, std::string text) {
    if (tokens_.size() >= kMaxTokens) refuse(line_, "the template is too long");
    tokens_.push_back({kind, line_, std::move(text)});
  }

  // Steps over bytes, counting lines.
  void take(size_t bytes) {
    line_ +=
        static_cast<uint32_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
  }

  bool starts(std::string_view with) const { return std::string_view(text_).substr(at_).starts_with(with); }

  size_t next_tag() const {
    for (size_t i = at_; i + 1 < text_.size(); ++i) {
      if (text_[i] == '{' && (text_[i + 1] == '{' || text_[i + 1] == '%' || text_[i + 1] == '#')) return i;
    }
    return std::string::npos;
  }

  // The text up to a tag, without the white space that the tag removes.
  void write_text(size_t tag) {
    const size_t end = std::min(tag, text_.size());
    std::string text = text_.substr(at_, end - at_);
    if (tag != std::string::npos)
      strip_before(text, text_[tag + 1], tag + 2 < text_.size() ? text_[tag + 2] : ' ');
    if (!text.empty()) add(TokenKind::kText, std::move(text));
    take(end - at_);
  }

  void strip_before(std::string& text, char kind, char sign) const {
    if (sign == '-') {
      while (!text.empty() && is_blank(text.back())) text.pop_back();
    } else if (sign != '+' && kind != '{') {
      const size_t line_break = text.rfind('\n');
      const size_t begin = line_break == std::string::npos ? 0 : line_break + 1;
      const bool at_line_start = line_break != std::string::npos || at_ == 0 || text_[at_ - 1] == '\n';
      if (at_line_start &&
          std::all_of(text.begin() + static_cast<std::ptrdiff_t>(begin), text.end(), is_blank)) {
        text.resize(begin);
      }
    }
  }

  // Steps over the end of a tag; `blocks` lose the line break behind them.
  bool take_end(std::string_view end, bool block) {
    const bool minus = starts(std::string("-") + std::string(end));
    const bool plus = block && starts(std::string("+") + std::string(end));
    if (!minus && !plus && !starts(end)) return false;
    take(end.size() + (minus || plus ? 1 : 0));
    if (minus) {
      size_t blanks = 0;
      while (at_ + blanks < text_.size() && is_blank(text_[at_ + blanks])) ++blanks;
      take(blanks);
    } else if (block && !plus && starts("\n")) {
      take(1);
    }
    return true;
  }

  void skip_comment() {
    const uint32_t begin = line_;
    while (at_ < text_.size()) {
      if (take_end("#}", true)) return;
      take(1);
    }
    refuse(begin, "a comment '{#' has no end");
  }

  // {% raw %} ... {% endraw %}: what stands between is text.
  bool skip_raw() {
    size_t at = at_;
    const auto skip_blanks = [&] {
      while (at < text_.size() && is_blank(text_[at])) ++at;
    };
    const auto has_word = [&](std::string_view word) {
      if (!std::string_view(text_).substr(at).starts_with(word)) return false;
      at += word.size();
      return true;
    };
    skip_blanks();
    if (!has_word("raw")) return false;
    skip_blanks();
    const size_t close = at;
    if (!has_word("%}") && !has_word("-%}")) return false;
    const uint32_t begin = line_;
    take(close - at_);
    take_end("%}", false);
    for (size_t tag = text_.find("{%", at_); tag != std::string::npos; tag = text_.find("{%", tag + 2)) {
      at = tag + 2;
      const char sign = at < text_.size() ? text_[at] : ' ';
      if (sign == '-' || sign == '+') ++at;
      skip_blanks();
      if (!has_word("endraw")) continue;
      skip_blanks();
      std::string text = text_.substr(at_, tag - at_);
      strip_before(text, '%', sign);
      if (!text.empty()) add(TokenKind::kText, std::move(text));
      take(at - at_);
      if (!take_end("%}", true)) refuse(line_, "'endraw' is not followed by '%}'");
      return true;
    }
    refuse(begin, "'raw' has no 'endraw'");
  }

  void read_code(std::string_view end, TokenKind end_kind) {
    const uint32_t begin = line_;
    size_t open = 0;  // brackets: "}}" inside them closes dictionaries
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (open == 0) {
        const uint32_t line = line_;
        if (take_end(end, end_kind == TokenKind::kBlockEnd)) {
          tokens_.push_back({end_kind, line, std::string(end)});
          return;
        }
      }
      if (is_blank(c)) {
        take(1);
      } else if (is_name_start(c)) {
        size_t size = 1;
        while (at_ + size < text_.size() && (is_name_start(text_[at_ + size]) || is_digit(text_[at_ + size])))
          ++size;
        add(TokenKind::kName, text_.substr(at_, size));
        take(size);
      } else if (is_digit(c)) {
        read_number();
      } else if (c == '"' || c == '\'') {
        read_string(c);
      } else {
        read_operator(open);
      }
    }
    refuse(begin, concat("'", end == "}}" ? "{{" : "{%", "' has no '", end, "'"));
  }

  void read_number() {
    size_t size = 0;
    bool real = false;
    const auto digits = [&] {
      while (at_ + size < text_.size() && (is_digit(text_[at_ + size]) || text_[at_ + size] == '_')) ++size;
    };
    const auto digit_at = [&](size_t i) { return at_ + i < text_.size() && is_digit(text_[at_ + i]); };
    digits();
    if (at_ + size < text_.size() && text_[at_ + size] == '.' && digit_at(size + 1)) {
      real = true;
      ++size;
      digits();
    }
    if (at_ + size < text_.size() && (text_[at_ + size] == 'e' || text_[at_ + size] == 'E')) {
      const bool sign =
          at_ + size + 1 < text_.size() && (text_[at_ + size + 1] == '-' || text_[at_ + size + 1] == '+');
      if (digit_at(size + (sign ? 2 : 1))) {
        real = true;
        size += sign ? 2 : 1;
        digits();
      }
    }
    std::string text = text_.substr(at_, size);
    std::erase(text, '_');
    if (text.size() > (real ? 40 : 18)) refuse(line_, concat("the number ", text, " is too long"));
    add(real ? TokenKind::kReal : TokenKind::kInteger, std::move(text));
    take(size);
  }

  void read_string(char quote) {
    const uint32_t begin = line_;
    std::string value;
    take(1);
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] != '\\' || at_ + 1 == text_.size()) {
        value += text_[at_];
        take(1);
        continue;
      }
      const char c = text_[at_ + 1];
      take(2);
      read_escape(c, value);
    }
    if (at_ >= text_.size()) refuse(begin, "a string has no end");
    tokens_.push_back({TokenKind::kString, begin, std::move(value)});
    take(1);
  }

  // The escapes of Python's strings; others stand for themselves.
  void read_escape(char c, std::string& value) {
    static constexpr std::array<std::pair<char, char>, 10> kPlain = {{{'n', '\n'},
                                                                      {'t', '\t'},
                                                                      {'r', '\r'},
                                                                      {'\\', '\\'},
                                                                      {'\'', '\''},
                                                                      {'"', '"'},
                                                                      {'a', '\a'},
                                                                      {'b', '\b'},
                                                                      {'f', '\f'},
                                                                      {'v', '\v'}}};
    for (const auto& [name, meaning] : kPlain) {
      if (c != name) continue;
      value += meaning;
      return;
    }
    if (c == '\n') return;
    if (c >= '0' && c <= '7') {
      uint32_t code = static_cast<uint32_t>(c - '0');
      for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i, take(1)) {
        code = code * 8 + static_cast<uint32_t>(text_[at_] - '0');
      }
      append_utf8(code, value);
      return;
    }
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) {
      value += '\\';
      value += c;
      return;
    }
    uint32_t code = 0;
    for (size_t i = 0; i < digits; ++i, take(1)) {
      const auto digit = at_ < text_.size() ? hex_digit(text_[at_]) : std::nullopt;
      if (!digit) refuse(line_, concat("the escape \\", c, " wants ", digits, " hexadecimal digits"));
      code = code * 16 + *digit;
    }
    if (code > 0x10FFFF) refuse(line_, "an escape is beyond U+10FFFF");
    append_utf8(code, value);
  }

  void read_operator(size_t& open) {
    static constexpr std::string_view kOperators[] = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "*",
                                                      "/",  "%",  "~",  "<",  ">",  "=",  "(", ")", "[",
                                                      "]",  "{",  "}",  ",",  ":",  ".",  "|", ";"};
    for (const std::string_view op : kOperators) {
      if (!starts(op)) continue;
      if (op == "(" || op == "[" || op == "{") ++open;
      if ((op == ")" || op == "]" || op == "}") && open > 0) --open;
      add(TokenKind::kOperator, std::string(op));
      take(op.size());
      return;
    }
    refuse(line_, concat("'", text_.substr(at_, 1), "' has no meaning in a tag"));
  }

  const std::string text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenise(std::string_view text) { return Lexer(text).run(); }

}  // namespace brim::tmpl
