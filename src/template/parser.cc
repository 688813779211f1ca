#include "template/parser.h"

#include <algorithm>
#include <initializer_list>

#include "base/concat.h"
#include "base/error.h"
#include "template/lexer.h"

namespace brim::tmpl {

namespace {

using Kind = Expression::Kind;

constexpr uint32_t kMaxDepth = 150;

ExpressionPtr make(Kind kind, uint32_t line, std::string name = {}) {
  return std::make_unique<Expression>(Expression{.kind = kind, .line = line, .name = std::move(name)});
}

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(tokenise(text)) {}

  Body run() {
    Body body = read_body({});
    if (now().kind != TokenKind::kEnd) refuse(concat("'", block_name_, "' ends nothing"));
    return body;
  }

 private:
  // Counts how deep the parser itself is.
  class Nested {
   public:
    explicit Nested(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMaxDepth) parser_.refuse("is nested too deeply");
    }
    ~Nested() { --parser_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser& parser_;
  };

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(concat("line ", now().line, ": ", what));
  }

  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take() {
    Token token = now();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }

  bool is(std::string_view op) const { return now().kind == TokenKind::kOperator && now().text == op; }
  bool is_name(std::string_view name) const { return now().kind == TokenKind::kName && now().text == name; }

  bool take_if(std::string_view op) {
    if (!is(op)) return false;
    take();
    return true;
  }
  bool take_name_if(std::string_view name) {
    if (!is_name(name)) return false;
    take();
    return true;
  }

  void expect(std::string_view op) {
    if (!take_if(op)) refuse(concat("'", now().text, "' stands where '", op, "' should"));
  }
  std::string expect_name() {
    if (now().kind != TokenKind::kName) refuse(concat("'", now().text, "' stands where a name should"));
    return take().text;
  }
  void expect_end(TokenKind kind) {
    if (now().kind != kind) refuse(concat("'", now().text, "' stands where the tag should end"));
    take();
  }

  // Statements up to a block whose name is one of `ends`; the name is then in block_name_, and the block's
  // other tokens come next.
  Body read_body(std::initializer_list<std::string_view> ends) {
    const Nested nested(*this);
    Body body;
    while (now().kind != TokenKind::kEnd) {
      const Token token = take();
      if (token.kind == TokenKind::kText) {
        body.push_back(statement(Statement::Kind::kText, token.line));
        body.back()->text = Text(token.text);
      } else if (token.kind == TokenKind::kVariableBegin) {
        body.push_back(statement(Statement::Kind::kOutput, token.line));
        body.back()->value = read_tuple();
        expect_end(TokenKind::kVariableEnd);
      } else {
        block_name_ = expect_name();
        if (std::find(ends.begin(), ends.end(), block_name_) != ends.end()) return body;
        if (block_name_.starts_with("end") || block_name_ == "else" || block_name_ == "elif") {
          refuse(concat("'", block_name_, "' ends nothing that is open"));
        }
        open_.emplace_back(block_name_, token.line);
        body.push_back(read_block(open_.back().first, token.line));
        open_.pop_back();
      }
    }
    if (ends.size() > 0) {
      throw Error(concat("line ", open_.back().second, ": '", open_.back().first, "' has no '",
                         *(ends.end() - 1), "'"));
    }
    return body;
  }

  static std::unique_ptr<Statement> statement(Statement::Kind kind, uint32_t line) {
    return std::make_unique<Statement>(Statement{.kind = kind, .line = line});
  }

  Body read_body_to(std::string_view end) {
    Body body = read_body({end});
    expect_end(TokenKind::kBlockEnd);
    return body;
  }

  std::unique_ptr<Statement> read_block(std::string name, uint32_t line) {
    if (name == "if") return read_if(line);
    if (name == "for") return read_for(line);
    if (name == "set") return read_set(line);
    if (name == "macro") return read_macro(line);
    if (name == "call") return read_call_block(line);
    if (name == "with") return read_with(line);
    if (name == "filter") {
      auto result = statement(Statement::Kind::kFilter, line);
      result->filter = read_bare_filter();
      expect_end(TokenKind::kBlockEnd);
      result->body = read_body_to("endfilter");
      return result;
    }
    if (name == "generation") {
      auto result = statement(Statement::Kind::kScope, line);
      expect_end(TokenKind::kBlockEnd);
      result->body = read_body_to("endgeneration");
      return result;
    }
    if (name == "break" || name == "continue") {
      if (loops_ == 0) refuse(concat("'", name, "' stands outside of a loop"));
      auto result = statement(name == "break" ? Statement::Kind::kBreak : Statement::Kind::kContinue, line);
      expect_end(TokenKind::kBlockEnd);
      return result;
    }
    throw Error(concat("line ", line, ": the tag '", name, "' is not supported"));
  }

  std::unique_ptr<Statement> read_if(uint32_t line) {
    auto result = statement(Statement::Kind::kIf, line);
    ExpressionPtr condition = read_tuple();
    while (true) {
      expect_end(TokenKind::kBlockEnd);
      Body body = condition == nullptr ? read_body({"endif"}) : read_body({"elif", "else", "endif"});
      result->branches.emplace_back(std::move(condition), std::move(body));
      if (block_name_ == "endif") break;
      condition = block_name_ == "elif" ? read_tuple() : nullptr;
    }
    expect_end(TokenKind::kBlockEnd);
    return result;
  }

  std::unique_ptr<Statement> read_for(uint32_t line) {
    auto result = statement(Statement::Kind::kFor, line);
    result->target = read_target(false);
    if (!take_name_if("in")) refuse("'for' is not followed by names and 'in'");
    result->value = read_tuple(/*with_condition=*/false);
    if (take_name_if("if")) result->condition = read_expression();
    if (is_name("recursive")) refuse("'for ... recursive' is not supported");
    expect_end(TokenKind::kBlockEnd);
    ++loops_;
    result->body = read_body({"else", "endfor"});
    --loops_;
    expect_end(TokenKind::kBlockEnd);
    if (block_name_ == "else") result->otherwise = read_body_to("endfor");
    return result;
  }

  Target read_target(bool with_attribute) {
    const bool parentheses = take_if("(");
    Target target;
    target.names.push_back(expect_name());
    if (with_attribute && take_if(".")) {
      target.attribute = expect_name();
      return target;
    }
    while (take_if(",")) {
      if (now().kind != TokenKind::kName || is_name("in")) break;
      target.names.push_back(expect_name());
    }
    if (parentheses) expect(")");
    return target;
  }

  std::unique_ptr<Statement> read_set(uint32_t line) {
    Target target = read_target(true);
    if (take_if("=")) {
      auto result = statement(Statement::Kind::kSet, line);
      result->target = std::move(target);
      result->value = read_tuple();
      expect_end(TokenKind::kBlockEnd);
      return result;
    }
    auto result = statement(Statement::Kind::kSetBlock, line);
    result->target = std::move(target);
    if (is("|")) {
      take();
      result->filter = read_bare_filter();
    }
    expect_end(TokenKind::kBlockEnd);
    result->body = read_body_to("endset");
    return result;
  }

  void read_parameters(Macro& macro) {
    expect("(");
    while (!is(")")) {
      macro.parameters.push_back(expect_name());
      macro.defaults.push_back(take_if("=") ? read_expression() : nullptr);
      if (!take_if(",")) break;
    }
    expect(")");
  }

  std::unique_ptr<Statement> read_macro(uint32_t line) {
    auto result = statement(Statement::Kind::kMacro, line);
    result->macro = std::make_unique<Macro>();
    result->macro->name = expect_name();
    read_parameters(*result->macro);
    read_macro_body(*result->macro, "endmacro");
    return result;
  }

  void read_macro_body(Macro& macro, std::string_view end) {
    expect_end(TokenKind::kBlockEnd);
    const uint32_t loops = std::exchange(loops_, 0);
    macro.body = read_body_to(end);
    loops_ = loops;
  }

  std::unique_ptr<Statement> read_call_block(uint32_t line) {
    auto result = statement(Statement::Kind::kCall, line);
    result->macro = std::make_unique<Macro>();
    result->macro->name = "caller";
    if (is("(")) read_parameters(*result->macro);
    result->value = read_expression();
    if (result->value->kind != Kind::kCall) refuse("'call' is not followed by a call");
    read_macro_body(*result->macro, "endcall");
    return result;
  }

  std::unique_ptr<Statement> read_with(uint32_t line) {
    auto result = statement(Statement::Kind::kWith, line);
    while (now().kind == TokenKind::kName) {
      Target target = read_target(false);
      expect("=");
      result->bindings.emplace_back(std::move(target), read_expression());
      if (!take_if(",")) break;
    }
    expect_end(TokenKind::kBlockEnd);
    result->body = read_body_to("endwith");
    return result;
  }

  // ---- expressions

  ExpressionPtr finished(ExpressionPtr expression) const {
    uint32_t below = 0;
    for (const ExpressionPtr& part : expression->parts) {
      if (part != nullptr) below = std::max(below, part->depth);
    }
    for (const auto& [name, part] : expression->named) below = std::max(below, part->depth);
    expression->depth = below + 1;
    if (expression->depth > 2 * kMaxDepth) refuse("an expression is too long");
    return expression;
  }

  ExpressionPtr read_expression(bool with_condition = true) {
    const Nested nested(*this);
    ExpressionPtr value = read_or();
    while (with_condition && is_name("if")) {
      auto result = make(Kind::kIf, take().line);
      result->parts.push_back(std::move(value));
      result->parts.push_back(read_or());
      result->parts.push_back(take_name_if("else") ? read_expression() : nullptr);
      value = finished(std::move(result));
    }
    return value;
  }

  // "a, b" is a tuple; one expression is itself.
  ExpressionPtr read_tuple(bool with_condition = true) {
    ExpressionPtr first = read_expression(with_condition);
    if (!is(",")) return first;
    auto tuple = make(Kind::kTuple, first->line);
    tuple->parts.push_back(std::move(first));
    while (take_if(",")) {
      if (now().kind == TokenKind::kVariableEnd || now().kind == TokenKind::kBlockEnd || is(")")) break;
      tuple->parts.push_back(read_expression(with_condition));
    }
    return finished(std::move(tuple));
  }

  ExpressionPtr binary(std::string op, ExpressionPtr left, ExpressionPtr right) {
    auto result = make(Kind::kBinary, left->line, std::move(op));
    result->parts.push_back(std::move(left));
    result->parts.push_back(std::move(right));
    return finished(std::move(result));
  }

  ExpressionPtr read_or() {
    ExpressionPtr left = read_and();
    while (take_name_if("or")) left = binary("or", std::move(left), read_and());
    return left;
  }

  ExpressionPtr read_and() {
    ExpressionPtr left = read_not();
    while (take_name_if("and")) left = binary("and", std::move(left), read_not());
    return left;
  }

  ExpressionPtr read_not() {
    if (!is_name("not")) return read_compare();
    const Nested nested(*this);
    auto result = make(Kind::kNot, take().line);
    result->parts.push_back(read_not());
    return finished(std::move(result));
  }

  ExpressionPtr read_compare() {
    ExpressionPtr first = read_sum();
    std::vector<std::string> operators;
    std::vector<ExpressionPtr> others;
    while (true) {
      if (is("==") || is("!=") || is("<") || is("<=") || is(">") || is(">=")) {
        operators.push_back(take().text);
      } else if (is_name("in")) {
        operators.push_back(take().text);
      } else if (is_name("not") && next().kind == TokenKind::kName && next().text == "in") {
        take();
        take();
        operators.push_back("not in");
      } else {
        break;
      }
      others.push_back(read_sum());
    }
    if (operators.empty()) return first;
    auto result = make(Kind::kCompare, first->line);
    result->parts.push_back(std::move(first));
    for (ExpressionPtr& other : others) result->parts.push_back(std::move(other));
    result->operators = std::move(operators);
    return finished(std::move(result));
  }

  ExpressionPtr read_sum() {
    ExpressionPtr left = read_concatenation();
    while (is("+") || is("-")) {
      const std::string op = take().text;
      left = binary(op, std::move(left), read_concatenation());
    }
    return left;
  }

  ExpressionPtr read_concatenation() {
    ExpressionPtr left = read_product();
    while (take_if("~")) left = binary("~", std::move(left), read_product());
    return left;
  }

  ExpressionPtr read_product() {
    ExpressionPtr left = read_power();
    while (is("*") || is("/") || is("//") || is("%")) {
      const std::string op = take().text;
      left = binary(op, std::move(left), read_power());
    }
    return left;
  }

  ExpressionPtr read_power() {
    ExpressionPtr left = read_unary(true);
    while (take_if("**")) left = binary("**", std::move(left), read_unary(true));
    return left;
  }

  ExpressionPtr read_unary(bool with_filters) {
    const Nested nested(*this);
    ExpressionPtr value;
    if (is("-") || is("+")) {
      const Token op = take();
      value = make(Kind::kUnary, op.line, op.text);
      value->parts.push_back(read_unary(false));
      value = finished(std::move(value));
    } else {
      value = read_primary();
    }
    value = read_postfix(std::move(value));
    return with_filters ? read_filters(std::move(value)) : std::move(value);
  }

  ExpressionPtr constant(Value value) {
    auto result = make(Kind::kConstant, now().line);
    result->constant = std::move(value);
    return result;
  }

  ExpressionPtr read_primary() {
    const Token token = now();
    switch (token.kind) {
      case TokenKind::kName: {
        take();
        const std::string& name = token.text;
        if (name == "true" || name == "True") return constant(Value(true));
        if (name == "false" || name == "False") return constant(Value(false));
        if (name == "none" || name == "None") return constant({});
        return make(Kind::kName, token.line, name);
      }
      case TokenKind::kString: {
        std::string text;
        while (now().kind == TokenKind::kString) text += take().text;
        return constant(Value(Text(std::move(text))));
      }
      case TokenKind::kInteger:
        take();
        return constant(Value(static_cast<int64_t>(std::stoll(token.text))));
      case TokenKind::kReal:
        take();
        return constant(Value(std::strtod(token.text.c_str(), nullptr)));
      default:
        break;
    }
    if (is("(")) return read_parentheses();
    if (is("[")) return read_list();
    if (is("{")) return read_dict();
    refuse(concat("'", token.text, "' stands where a value should"));
  }

  ExpressionPtr read_parentheses() {
    const uint32_t line = take().line;
    if (take_if(")")) return make(Kind::kTuple, line);
    ExpressionPtr value = read_tuple();
    expect(")");
    return value;
  }

  ExpressionPtr read_list() {
    auto list = make(Kind::kList, take().line);
    while (!is("]")) {
      list->parts.push_back(read_expression());
      if (!take_if(",")) break;
    }
    expect("]");
    return finished(std::move(list));
  }

  ExpressionPtr read_dict() {
    auto dict = make(Kind::kDict, take().line);
    while (!is("}")) {
      dict->parts.push_back(read_expression());
      expect(":");
      dict->parts.push_back(read_expression());
      if (!take_if(",")) break;
    }
    expect("}");
    return finished(std::move(dict));
  }

  ExpressionPtr read_postfix(ExpressionPtr value) {
    while (true) {
      if (take_if(".")) {
        const uint32_t line = now().line;
        if (now().kind == TokenKind::kInteger) {
          auto item = make(Kind::kItem, line);
          item->parts.push_back(std::move(value));
          item->parts.push_back(constant(Value(static_cast<int64_t>(std::stoll(take().text)))));
          value = finished(std::move(item));
          continue;
        }
        auto attribute = make(Kind::kAttribute, line, expect_name());
        attribute->parts.push_back(std::move(value));
        value = finished(std::move(attribute));
      } else if (is("[")) {
        value = read_subscript(std::move(value));
      } else if (is("(")) {
        value = read_call(std::move(value));
      } else {
        return value;
      }
    }
  }

  ExpressionPtr read_subscript(ExpressionPtr value) {
    const uint32_t line = take().line;
    std::vector<ExpressionPtr> parts;
    parts.push_back(std::move(value));
    bool slice = false;
    parts.push_back(is(":") ? nullptr : read_tuple());
    while (take_if(":")) {
      slice = true;
      if (parts.size() == 4) refuse("a slice has more than three parts");
      parts.push_back(is(":") || is("]") ? nullptr : read_expression());
    }
    expect("]");
    auto result = make(slice ? Kind::kSlice : Kind::kItem, line);
    if (slice) parts.resize(4);
    result->parts = std::move(parts);
    return finished(std::move(result));
  }

  // "(a, b, c=d)", added to the parts and names of an expression.
  void read_arguments(Expression& call) {
    expect("(");
    while (!is(")")) {
      if (is("*") || is("**")) refuse("'*' before an argument is not supported");
      if (now().kind == TokenKind::kName && next().kind == TokenKind::kOperator && next().text == "=") {
        std::string name = take().text;
        take();
        call.named.emplace_back(std::move(name), read_expression());
      } else {
        call.parts.push_back(read_expression());
      }
      if (!take_if(",")) break;
    }
    expect(")");
  }

  ExpressionPtr read_call(ExpressionPtr function) {
    auto call = make(Kind::kCall, now().line);
    call->parts.push_back(std::move(function));
    read_arguments(*call);
    return finished(std::move(call));
  }

  ExpressionPtr read_filters(ExpressionPtr value) {
    while (true) {
      if (take_if("|")) {
        value = read_filter(std::move(value));
      } else if (is_name("is")) {
        value = read_test(std::move(value));
      } else if (is("(")) {
        value = read_call(std::move(value));
      } else {
        return value;
      }
    }
  }

  ExpressionPtr read_filter(ExpressionPtr value) {
    auto filter = make(Kind::kFilter, now().line, expect_name());
    filter->parts.push_back(std::move(value));
    if (is("(")) read_arguments(*filter);
    return finished(std::move(filter));
  }

  // Filters without what they are applied to: name(...) | name ...
  ExpressionPtr read_bare_filter() {
    ExpressionPtr filter = read_filter(nullptr);
    while (take_if("|")) filter = read_filter(std::move(filter));
    return filter;
  }

  ExpressionPtr read_test(ExpressionPtr value) {
    const uint32_t line = take().line;
    const bool negated = take_name_if("not");
    auto test = make(Kind::kTest, line, expect_name());
    test->parts.push_back(std::move(value));
    const TokenKind kind = now().kind;
    if (is("(")) {
      read_arguments(*test);
    } else if ((kind == TokenKind::kName && !is_name("else") && !is_name("or") && !is_name("and") &&
                !is_name("is") && !is_name("if") && !is_name("in") && !is_name("not")) ||
               kind == TokenKind::kString || kind == TokenKind::kInteger || kind == TokenKind::kReal ||
               is("[") || is("{")) {
      test->parts.push_back(read_postfix(read_primary()));
    }
    ExpressionPtr result = finished(std::move(test));
    if (!negated) return result;
    auto inverse = make(Kind::kNot, line);
    inverse->parts.push_back(std::move(result));
    return finished(std::move(inverse));
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  uint32_t loops_ = 0;
  std::string block_name_;
  std::vector<std::pair<std::string, uint32_t>> open_;  // blocks that are being read, with their lines
};

}  // namespace

Body parse(std::string_view text) { return Parser(text).run(); }

}  // namespace brim::tmpl
