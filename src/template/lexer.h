// A template's text as tokens (Jinja's syntax, with trim_blocks and lstrip_blocks as transformers sets them).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brim::tmpl {

enum class TokenKind : uint8_t {
  kText,           // between tags, as it is to be written
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kName,
  kString,  // without quotes, escapes resolved
  kInteger,
  kReal,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  uint32_t line;
  std::string text;
};

// Ends with kEnd. Throws Error naming the line.
std::vector<Token> tokenise(std::string_view text);

}  // namespace brim::tmpl
