#include "grammar/syntax.h"

#include <algorithm>

#include "base/error.h"

namespace brim {

namespace {

constexpr uint32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;
constexpr size_t kMostExpressions = 1u << 20;
constexpr uint32_t kMostDepth = 4000;  // what walks through an expression calls itself for each level

}  // namespace

std::vector<CodeRange> normalised(std::vector<CodeRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  std::vector<CodeRange> result;
  const auto add = [&](uint32_t first, uint32_t last) {
    if (first > last) return;
    if (!result.empty() && result.back().last + 1 >= first) {
      result.back().last = std::max(result.back().last, last);
    } else {
      result.push_back({first, last});
    }
  };
  for (const CodeRange& range : ranges) {
    if (range.first < kFirstSurrogate) add(range.first, std::min(range.last, kFirstSurrogate - 1));
    if (range.last > kLastSurrogate)
      add(std::max(range.first, kLastSurrogate + 1), std::min(range.last, kLastCode));
  }
  return result;
}

std::vector<CodeRange> complement(const std::vector<CodeRange>& ranges) {
  std::vector<CodeRange> result;
  uint32_t next = 0;
  for (const CodeRange& range : normalised(ranges)) {
    if (range.first > next) result.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCode) result.push_back({next, kLastCode});
  return normalised(std::move(result));
}

RuleId Syntax::declare(std::string name) {
  rules_.push_back({.name = std::move(name)});
  return static_cast<RuleId>(rules_.size() - 1);
}

void Syntax::define(RuleId rule, ExpressionId body) {
  rules_[rule].body = body;
  rules_[rule].defined = true;
}

RuleId Syntax::rule(std::string name, ExpressionId body) {
  const RuleId id = declare(std::move(name));
  define(id, body);
  return id;
}

ExpressionId Syntax::add(Expression expression) {
  if (expressions_.size() >= kMostExpressions)
    throw Error("the grammar is too large; allow fewer or shorter alternatives");
  uint32_t depth = 1;
  for (const ExpressionId child : expression.children) depth = std::max(depth, depths_[child] + 1);
  if (depth > kMostDepth)
    throw Error("the grammar nests too deep; write inner parts as rules of their own, or shorter lists");
  depths_.push_back(depth);
  expressions_.push_back(std::move(expression));
  return static_cast<ExpressionId>(expressions_.size() - 1);
}

ExpressionId Syntax::literal(std::string_view bytes) {
  return add({.kind = Kind::kLiteral, .bytes = std::string(bytes)});
}

ExpressionId Syntax::character(std::vector<CodeRange> codes) {
  return add({.kind = Kind::kCharacter, .codes = normalised(std::move(codes))});
}

ExpressionId Syntax::sequence(std::vector<ExpressionId> parts) {
  return parts.size() == 1 ? parts[0] : add({.kind = Kind::kSequence, .children = std::move(parts)});
}

ExpressionId Syntax::choice(std::vector<ExpressionId> parts) {
  return parts.size() == 1 ? parts[0] : add({.kind = Kind::kChoice, .children = std::move(parts)});
}

ExpressionId Syntax::repeat(ExpressionId part, uint32_t least, uint32_t most) {
  return add({.kind = Kind::kRepeat, .children = {part}, .least = least, .most = most});
}

ExpressionId Syntax::call(RuleId rule) { return add({.kind = Kind::kRule, .rule = rule}); }

}  // namespace brim
