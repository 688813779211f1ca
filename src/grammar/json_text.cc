#include "grammar/json_text.h"

#include <map>
#include <nlohmann/json.hpp>

#include "grammar/number_range.h"
#include "tokenizer/utf8.h"

namespace brim {

namespace {

constexpr uint32_t kFirstPlain = 0x20;

// Characters that stand in a string as they are.
std::vector<CodeRange> plain_characters() {
  return complement({{0, kFirstPlain - 1}, {'"', '"'}, {'\\', '\\'}});
}

std::vector<CodeRange> both(const std::vector<CodeRange>& a, const std::vector<CodeRange>& b) {
  std::vector<CodeRange> outside = complement(a);
  const std::vector<CodeRange> more = complement(b);
  outside.insert(outside.end(), more.begin(), more.end());
  return complement(outside);
}

bool contains(const std::vector<CodeRange>& codes, uint32_t code) {
  for (const CodeRange& range : codes) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

}  // namespace

std::string JsonText::quoted(std::string_view text) { return nlohmann::json(text).dump(); }

ExpressionId JsonText::once(std::optional<RuleId>& rule, const char* name,
                            const std::function<ExpressionId()>& body) {
  if (!rule) {
    rule = syntax_.declare(name);  // before its body, which may call it
    syntax_.define(*rule, body());
  }
  return syntax_.call(*rule);
}

ExpressionId JsonText::space() {
  constexpr uint32_t kMostIndent = 20;
  return once(space_, "space", [&] {
    const ExpressionId indent = syntax_.repeat(syntax_.character({{' ', ' '}, {'\t', '\t'}}), 0, kMostIndent);
    return syntax_.choice(
        {syntax_.nothing(), syntax_.literal(" "), syntax_.sequence({syntax_.literal("\n"), indent})});
  });
}

ExpressionId JsonText::character() {
  return once(character_, "character", [&] {
    const auto set = [&](std::vector<CodeRange> codes) { return syntax_.character(std::move(codes)); };
    const auto digit = [&] { return set({{'0', '9'}, {'a', 'f'}, {'A', 'F'}}); };
    // \uXXXX: no surrogate, or a pair of them.
    const CodeRange low_d = {'d', 'd'}, high_d = {'D', 'D'};
    const ExpressionId single =
        syntax_.choice({syntax_.sequence({set({{'0', '9'}, {'a', 'c'}, {'e', 'f'}, {'A', 'C'}, {'E', 'F'}}),
                                          digit(), digit(), digit()}),
                        syntax_.sequence({set({low_d, high_d}), set({{'0', '7'}}), digit(), digit()})});
    const ExpressionId pair = syntax_.sequence(
        {set({low_d, high_d}), set({{'8', '9'}, {'a', 'b'}, {'A', 'B'}}), digit(), digit(),
         syntax_.literal("\\u"), set({low_d, high_d}), set({{'c', 'f'}, {'C', 'F'}}), digit(), digit()});
    const ExpressionId letter = set(
        {{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}});
    const ExpressionId escape =
        syntax_.choice({letter, syntax_.sequence({syntax_.literal("u"), syntax_.choice({single, pair})})});
    return syntax_.choice({set(plain_characters()), syntax_.sequence({syntax_.literal("\\"), escape})});
  });
}

ExpressionId JsonText::character_of(const std::vector<CodeRange>& codes) {
  std::vector<ExpressionId> parts;
  if (auto plain = both(codes, plain_characters()); !plain.empty())
    parts.push_back(syntax_.character(std::move(plain)));
  const auto add = [&](uint32_t code) {
    if (!contains(codes, code)) return;
    const std::string text = quoted(std::string(1, static_cast<char>(code)));
    parts.push_back(syntax_.literal(std::string_view(text).substr(1, text.size() - 2)));
  };
  for (uint32_t code = 0; code < kFirstPlain; ++code) add(code);
  add('"');
  add('\\');
  return syntax_.choice(std::move(parts));
}

ExpressionId JsonText::in_quotes(ExpressionId inner) {
  return syntax_.sequence({syntax_.literal("\""), inner, syntax_.literal("\"")});
}

ExpressionId JsonText::string_besides(std::span<const std::string> names) {
  struct Node {
    std::map<uint32_t, size_t> children;  // by character
    bool is_name = false;
  };
  std::vector<Node> trie(1);
  for (const std::string& name : names) {
    size_t at = 0;
    for (std::string_view rest = name; !rest.empty();) {
      const Utf8Character character = decode_utf8(rest);
      rest.remove_prefix(character.bytes);
      const auto [child, is_new] = trie[at].children.try_emplace(character.code, trie.size());
      const size_t next = child->second;
      if (is_new) trie.emplace_back();
      at = next;
    }
    trie[at].is_name = true;
  }
  // From the leaves up: what may follow behind each node.
  std::vector<ExpressionId> behind(trie.size());
  for (size_t i = trie.size(); i > 0; --i) {
    const Node& node = trie[i - 1];
    std::vector<CodeRange> continues;
    std::vector<ExpressionId> parts;
    if (!node.is_name) parts.push_back(syntax_.nothing());
    for (const auto& [code, child] : node.children) {
      continues.push_back({code, code});
      const std::vector<CodeRange> plain = both({{code, code}}, plain_characters());
      if (!plain.empty()) parts.push_back(syntax_.sequence({syntax_.character(plain), behind[child]}));
    }
    const ExpressionId other = syntax_.character(both(complement(continues), plain_characters()));
    const ExpressionId any = syntax_.repeat(syntax_.character(plain_characters()), 0, Syntax::kUnbounded);
    parts.push_back(syntax_.sequence({other, any}));
    behind[i - 1] = syntax_.choice(std::move(parts));
  }
  return in_quotes(behind[0]);
}

ExpressionId JsonText::string() {
  return once(string_, "string",
              [&] { return in_quotes(syntax_.repeat(character(), 0, Syntax::kUnbounded)); });
}

ExpressionId JsonText::integer() {
  return once(integer_, "integer", [&] { return *integers_within(syntax_, std::nullopt, std::nullopt); });
}

ExpressionId JsonText::number() {
  constexpr uint32_t kMostExponentDigits = 2;
  return once(number_, "number", [&] {
    const auto digits = [&](uint32_t least, uint32_t most) {
      return syntax_.repeat(syntax_.character({{'0', '9'}}), least, most);
    };
    const ExpressionId whole = syntax_.choice(
        {syntax_.literal("0"),
         syntax_.sequence({syntax_.character({{'1', '9'}}), digits(0, kMostIntegerDigits - 1)})});
    const ExpressionId fraction =
        syntax_.optional(syntax_.sequence({syntax_.literal("."), digits(1, kMostFractionDigits)}));
    const ExpressionId exponent = syntax_.optional(syntax_.sequence(
        {syntax_.character({{'e', 'e'}, {'E', 'E'}}),
         syntax_.optional(syntax_.character({{'+', '+'}, {'-', '-'}})), digits(1, kMostExponentDigits)}));
    return syntax_.sequence({syntax_.optional(syntax_.literal("-")), whole, fraction, exponent});
  });
}

ExpressionId JsonText::boolean() {
  return syntax_.choice({syntax_.literal("true"), syntax_.literal("false")});
}

ExpressionId JsonText::member(ExpressionId name, ExpressionId value) {
  return syntax_.sequence({name, syntax_.literal(":"), space(), value});
}

ExpressionId JsonText::next(ExpressionId element) {
  return syntax_.sequence({syntax_.literal(","), space(), element});
}

ExpressionId JsonText::enclosed(const char* open, ExpressionId inner, const char* close) {
  return syntax_.sequence({syntax_.literal(open), space(), inner, space(), syntax_.literal(close)});
}

ExpressionId JsonText::object() {
  return once(object_, "object", [&] {
    const ExpressionId first = member(string(), value());
    const ExpressionId more = syntax_.repeat(next(member(string(), value())), 0, Syntax::kUnbounded);
    return in_braces(syntax_.optional(syntax_.sequence({first, more})));
  });
}

ExpressionId JsonText::array() {
  return once(array_, "array", [&] {
    const ExpressionId more = syntax_.repeat(next(value()), 0, Syntax::kUnbounded);
    return in_brackets(syntax_.optional(syntax_.sequence({value(), more})));
  });
}

ExpressionId JsonText::value() {
  return once(value_, "value", [&] {
    return syntax_.choice({object(), array(), string(), number(), boolean(), syntax_.literal("null")});
  });
}

}  // namespace brim
