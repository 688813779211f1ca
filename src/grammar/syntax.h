// A grammar as its two languages write it: rules over expressions. Expressions live in the syntax and are
// known by their number, so that no nesting of theirs is a nesting of calls when they are destroyed.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace brim {

// Code points from first to last.
struct CodeRange {
  uint32_t first;
  uint32_t last;
};

inline constexpr uint32_t kLastCode = 0x10FFFF;

// Sorted, without overlaps and gaps of nothing; surrogates, which no text has, are left out.
std::vector<CodeRange> normalised(std::vector<CodeRange> ranges);
// All other code points.
std::vector<CodeRange> complement(const std::vector<CodeRange>& ranges);

using ExpressionId = uint32_t;
using RuleId = uint32_t;

class Syntax {
 public:
  static constexpr uint32_t kUnbounded = std::numeric_limits<uint32_t>::max();

  enum class Kind : uint8_t { kLiteral, kCharacter, kSequence, kChoice, kRepeat, kRule };

  struct Expression {
    Kind kind;
    std::string bytes = {};                   // kLiteral; empty: nothing
    std::vector<CodeRange> codes = {};        // kCharacter: one of these; normalised
    std::vector<ExpressionId> children = {};  // kSequence, kChoice, kRepeat (one)
    uint32_t least = 0, most = 0;             // kRepeat: how often
    RuleId rule = 0;                          // kRule
  };

  struct Rule {
    std::string name;
    ExpressionId body = 0;
    bool defined = false;
  };

  // The first rule that is declared is the text.
  RuleId declare(std::string name);
  void define(RuleId rule, ExpressionId body);
  RuleId rule(std::string name, ExpressionId body);

  // Each throws Error where the syntax becomes too large or too deep.
  ExpressionId literal(std::string_view bytes);
  ExpressionId character(std::vector<CodeRange> codes);
  ExpressionId sequence(std::vector<ExpressionId> parts);
  ExpressionId choice(std::vector<ExpressionId> parts);
  ExpressionId repeat(ExpressionId part, uint32_t least, uint32_t most);
  ExpressionId optional(ExpressionId part) { return repeat(part, 0, 1); }
  ExpressionId call(RuleId rule);
  ExpressionId nothing() { return literal({}); }

  const Expression& expression(ExpressionId id) const { return expressions_[id]; }
  const std::vector<Rule>& rules() const { return rules_; }

 private:
  ExpressionId add(Expression expression);

  std::vector<Expression> expressions_;
  std::vector<uint32_t> depths_;  // of expressions, with what is within them
  std::vector<Rule> rules_;
};

}  // namespace brim
