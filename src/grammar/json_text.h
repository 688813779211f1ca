// JSON itself (RFC 8259) as rules of a syntax, each made when it is first asked for.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "grammar/syntax.h"

namespace brim {

class JsonText {
 public:
  explicit JsonText(Syntax& syntax) : syntax_(syntax) {}

  // Nothing, a space, or a line break and some spaces: where a text may be laid out for people.
  ExpressionId space();

  // One character of a string, written as it is or escaped; every escape is of a whole character.
  ExpressionId character();
  // One of these characters of a string, written in one way.
  ExpressionId character_of(const std::vector<CodeRange>& codes);
  // A string without escapes that is none of the names.
  ExpressionId string_besides(std::span<const std::string> names);

  ExpressionId string();
  ExpressionId integer();
  ExpressionId number();
  ExpressionId boolean();
  ExpressionId object();
  ExpressionId array();
  ExpressionId value();

  // name ":" value, where `name` is a string with its quotes.
  ExpressionId member(ExpressionId name, ExpressionId value);
  // The same behind a comma.
  ExpressionId next(ExpressionId element);
  // What stands between the brackets.
  ExpressionId in_braces(ExpressionId inner) { return enclosed("{", inner, "}"); }
  ExpressionId in_brackets(ExpressionId inner) { return enclosed("[", inner, "]"); }
  ExpressionId in_quotes(ExpressionId inner);

  // A text as a string, quotes included.
  static std::string quoted(std::string_view text);
  static constexpr uint32_t kMostNameBytes = 1000;  // of a name of string_besides()

 private:
  ExpressionId enclosed(const char* open, ExpressionId inner, const char* close);
  // Calls the rule, which `body` makes if it was not there yet.
  ExpressionId once(std::optional<RuleId>& rule, const char* name, const std::function<ExpressionId()>& body);

  Syntax& syntax_;
  std::optional<RuleId> space_, character_, string_, integer_, number_, object_, array_, value_;
};

}  // namespace brim
