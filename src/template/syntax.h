// A template as a tree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "template/value.h"

namespace brim::tmpl {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind : uint8_t {
    kConstant,   // constant
    kName,       // name
    kList,       // parts
    kTuple,      // parts
    kDict,       // parts: key, value, key, value ...
    kAttribute,  // parts[0].name
    kItem,       // parts[0][parts[1]]
    kSlice,      // parts[0][parts[1]:parts[2]:parts[3]], null where left out
    kCall,       // parts[0](parts[1..], named)
    kFilter,     // parts[0] | name(parts[1..], named); parts[0] is null in {% filter %}
    kTest,       // parts[0] is name(parts[1..])
    kNot,        // parts[0]
    kUnary,      // name: + or -
    kBinary,     // parts[0] name parts[1]; name: an operator, "and", "or"
    kCompare,    // parts[0] operators[0] parts[1] operators[1] parts[2] ...
    kIf,         // parts[0] if parts[1] else parts[2], which may be null
  };

  Kind kind;
  uint32_t line;
  uint32_t depth = 1;  // of the tree below
  std::string name = {};
  Value constant = {};
  std::vector<ExpressionPtr> parts = {};
  std::vector<std::pair<std::string, ExpressionPtr>> named = {};
  std::vector<std::string> operators = {};
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

// Names that values are given to: one, several (a, b), or an attribute of a namespace (ns.x).
struct Target {
  std::vector<std::string> names;
  std::string attribute;  // of names[0]; empty: none
};

struct Macro {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExpressionPtr> defaults;  // one per parameter, null for none
  Body body;
};

struct Statement {
  enum class Kind : uint8_t {
    kText,      // text
    kOutput,    // value
    kIf,        // branches; the last one's condition may be null
    kFor,       // target, value, condition (of the items, may be null), body, otherwise
    kSet,       // target, value
    kSetBlock,  // target, body, filter (may be null)
    kMacro,     // macro
    kCall,      // value, a call, with macro as its caller
    kFilter,    // filter, body
    kWith,      // bindings, body
    kScope,     // body: generation blocks, which only training looks at
    kBreak,
    kContinue,
  };

  Kind kind;
  uint32_t line;
  Text text = {};
  ExpressionPtr value = {};
  ExpressionPtr condition = {};
  ExpressionPtr filter = {};
  Target target = {};
  std::vector<std::pair<ExpressionPtr, Body>> branches = {};
  std::vector<std::pair<Target, ExpressionPtr>> bindings = {};
  Body body = {};
  Body otherwise = {};
  std::unique_ptr<Macro> macro = {};
};

}  // namespace brim::tmpl
