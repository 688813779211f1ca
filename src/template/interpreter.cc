#include "template/interpreter.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>

#include "base/concat.h"
#include "base/error.h"
#include "template/builtins.h"
#include "template/methods.h"

namespace brim::tmpl {

namespace {

using Kind = Expression::Kind;

constexpr size_t kMaxSteps = 2'000'000;
constexpr size_t kMaxOutput = size_t{16} << 20;
constexpr uint32_t kMaxCalls = 40;

// An error with its line.
class Located : public Error {
 public:
  using Error::Error;
};

[[noreturn]] void rethrow_at(uint32_t line, const char* what) {
  throw Located(concat("line ", line, ": ", what));
}

// Bounds of a slice as Python takes them: of `size` items, by `step`.
struct Slice {
  int64_t begin, end, step;

  Slice(const std::optional<int64_t>& from, const std::optional<int64_t>& to, int64_t by, int64_t size)
      : step(by) {
    const auto clamp = [&](int64_t i) {
      if (i < 0) i += size;
      const int64_t low = step < 0 ? -1 : 0;
      const int64_t high = step < 0 ? size - 1 : size;
      return std::min(std::max(i, low), high);
    };
    begin = from ? clamp(*from) : step < 0 ? size - 1 : 0;
    end = to ? clamp(*to) : step < 0 ? -1 : size;
  }

  template <typename Take>
  void each(const Take& take) const {
    for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) take(static_cast<size_t>(i));
  }
};

int64_t checked(bool overflow, int64_t result) {
  if (overflow) throw Error("a number is too large");
  return result;
}

Value integer_result(const std::string& op, int64_t a, int64_t b) {
  int64_t result = 0;
  if (op == "+") {
    const bool overflow = __builtin_add_overflow(a, b, &result);
    return Value(checked(overflow, result));
  }
  if (op == "-") {
    const bool overflow = __builtin_sub_overflow(a, b, &result);
    return Value(checked(overflow, result));
  }
  if (op == "*") {
    const bool overflow = __builtin_mul_overflow(a, b, &result);
    return Value(checked(overflow, result));
  }
  if (b == 0) throw Error("a division by zero");
  if (op == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
  if (a == std::numeric_limits<int64_t>::min()) throw Error("a number is too large");
  const int64_t quotient = a / b;
  const int64_t rest = a % b;
  const bool down = rest != 0 && (rest < 0) != (b < 0);  // Python rounds down
  if (op == "//") return Value(down ? quotient - 1 : quotient);
  return Value(down ? rest + b : rest);
}

Value real_result(const std::string& op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (b == 0) throw Error("a division by zero");
  if (op == "/") return Value(a / b);
  if (op == "//") return Value(std::floor(a / b));
  return Value(a - b * std::floor(a / b));
}

Value power(const Value& a, const Value& b) {
  int64_t base = 0;
  int64_t exponent = 0;
  if (!a.integer(base) || !b.integer(exponent) || exponent < 0)
    return Value(std::pow(a.number(), b.number()));
  int64_t result = 1;
  for (; exponent > 0; --exponent) {
    const bool overflow = __builtin_mul_overflow(result, base, &result);
    if (checked(overflow, result) == 0 || (result == 1 && base == 1)) break;
    if (base == -1) return Value(int64_t{exponent % 2 == 1 ? -1 : 1});
  }
  return Value(result);
}

}  // namespace

Interpreter::Interpreter(Heap& heap, std::time_t now) : heap_(heap), now_(now), scopes_(1) {}

const Value* Interpreter::Scope::find(std::string_view name) const {
  for (const auto& [known, value] : variables_) {
    if (known == name) return &value;
  }
  return nullptr;
}

void Interpreter::Scope::set(std::string_view name, Value value) {
  for (auto& [known, old] : variables_) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  variables_.emplace_back(name, std::move(value));
}

void Interpreter::step(size_t steps) {
  steps_ += steps;
  if (steps_ > kMaxSteps) throw Error("the template goes on for too long");
}

Text Interpreter::run(const Body& body) {
  scopes_.emplace_back();
  Text out;
  execute(body, out);
  scopes_.pop_back();
  return out;
}

Interpreter::Flow Interpreter::execute(const Body& body, Text& out) {
  for (const auto& statement : body) {
    try {
      step();
      if (const Flow flow = execute(*statement, out); flow != Flow::kOn) return flow;
    } catch (const Located&) {
      throw;
    } catch (const Raised&) {
      throw;
    } catch (const Error& error) {
      rethrow_at(statement->line, error.what());
    }
  }
  return Flow::kOn;
}

void Interpreter::write(const Value& value, Text& out) {
  const Text text = to_text(value);
  written_ += text.size();
  if (written_ > kMaxOutput) throw Error("the template writes more than 16 MiB");
  out.append(text);
}

Text Interpreter::capture(const Body& body) {
  Text out;
  execute(body, out);
  return out;
}

Interpreter::Flow Interpreter::execute(const Statement& statement, Text& out) {
  using StatementKind = Statement::Kind;
  switch (statement.kind) {
    case StatementKind::kText:
      write(Value(statement.text), out);
      return Flow::kOn;
    case StatementKind::kOutput:
      write(evaluate(*statement.value), out);
      return Flow::kOn;
    case StatementKind::kIf:
      for (const auto& [condition, body] : statement.branches) {
        if (condition == nullptr || is_true(evaluate(*condition))) return execute(body, out);
      }
      return Flow::kOn;
    case StatementKind::kFor:
      return execute_for(statement, out);
    case StatementKind::kSet:
      assign(statement.target, evaluate(*statement.value));
      return Flow::kOn;
    case StatementKind::kSetBlock: {
      scopes_.emplace_back();
      Value value(capture(statement.body));
      scopes_.pop_back();
      if (statement.filter != nullptr) value = evaluate_filter(*statement.filter, &value);
      assign(statement.target, std::move(value));
      return Flow::kOn;
    }
    case StatementKind::kMacro:
      scopes_.back().set(statement.macro->name, Value(make_macro(*statement.macro)));
      return Flow::kOn;
    case StatementKind::kCall: {
      const Expression& expression = *statement.value;
      Arguments arguments = arguments_of(expression);
      arguments.named.emplace_back("caller", Value(make_macro(*statement.macro)));
      write(call(evaluate(*expression.parts[0]), arguments), out);
      return Flow::kOn;
    }
    case StatementKind::kFilter: {
      scopes_.emplace_back();
      const Value value(capture(statement.body));
      scopes_.pop_back();
      write(evaluate_filter(*statement.filter, &value), out);
      return Flow::kOn;
    }
    case StatementKind::kWith:
    case StatementKind::kScope: {
      std::vector<Value> values;
      for (const auto& [target, value] : statement.bindings) values.push_back(evaluate(*value));
      scopes_.emplace_back();
      for (size_t i = 0; i < values.size(); ++i) assign(statement.bindings[i].first, std::move(values[i]));
      const Flow flow = execute(statement.body, out);
      scopes_.pop_back();
      return flow;
    }
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::execute_for(const Statement& statement, Text& out) {
  std::vector<Value> items = items_of(evaluate(*statement.value));
  if (statement.condition != nullptr) {
    std::vector<Value> kept;
    for (Value& each : items) {
      scopes_.emplace_back();
      assign(statement.target, each);
      const bool keep = is_true(evaluate(*statement.condition));
      scopes_.pop_back();
      if (keep) kept.push_back(std::move(each));
    }
    items = std::move(kept);
  }
  if (items.empty()) return execute(statement.otherwise, out);

  // Shared with `loop`, which a template can keep for longer than the loop.
  struct State {
    std::vector<Value> items;
    size_t at = 0;
    Value changed;
    bool has_changed = false;
  };
  const auto state = std::make_shared<State>(State{std::move(items), 0, {}, false});
  heap_.charge(state->items.size() * sizeof(Value));
  Heap& heap = heap_;
  const auto attribute = [state, &heap](std::string_view name) -> Value {
    const auto at = static_cast<int64_t>(state->at);
    const auto size = static_cast<int64_t>(state->items.size());
    if (name == "index") return Value(at + 1);
    if (name == "index0") return Value(at);
    if (name == "revindex") return Value(size - at);
    if (name == "revindex0") return Value(size - at - 1);
    if (name == "first") return Value(at == 0);
    if (name == "last") return Value(at + 1 == size);
    if (name == "length") return Value(size);
    if (name == "depth") return Value(int64_t{1});
    if (name == "depth0") return Value(int64_t{0});
    if (name == "previtem") return at == 0 ? Value(Undefined{"loop.previtem"}) : state->items[state->at - 1];
    if (name == "nextitem")
      return at + 1 == size ? Value(Undefined{"loop.nextitem"}) : state->items[state->at + 1];
    if (name == "cycle") {
      return Value(heap.object({.kind = "method",
                                .call =
                                    [state](Interpreter&, const Arguments& arguments) {
                                      if (arguments.positional.empty())
                                        throw Error("loop.cycle wants values");
                                      return arguments.positional[state->at % arguments.positional.size()];
                                    },
                                .attribute = {}}));
    }
    if (name == "changed") {
      return Value(heap.object({.kind = "method",
                                .call =
                                    [state, &heap](Interpreter&, const Arguments& arguments) {
                                      const Value now(heap.list(arguments.positional, true));
                                      const bool same = state->has_changed && equal(now, state->changed);
                                      state->changed = now;
                                      state->has_changed = true;
                                      return Value(!same);
                                    },
                                .attribute = {}}));
    }
    return Value(Undefined{concat("loop.", name)});
  };
  Object* loop = heap_.object({.kind = "loop", .call = {}, .attribute = attribute});

  for (; state->at < state->items.size(); ++state->at) {
    step();
    scopes_.emplace_back();
    scopes_.back().set("loop", Value(loop));
    assign(statement.target, state->items[state->at]);
    const Flow flow = execute(statement.body, out);
    scopes_.pop_back();
    if (flow == Flow::kBreak) break;
  }
  return Flow::kOn;
}

void Interpreter::assign(const Target& target, Value value) {
  if (!target.attribute.empty()) {
    const Value place = lookup(target.names[0]);
    if (place.object() == nullptr || place.object()->variables == nullptr) {
      throw Error(
          concat("'", target.names[0], "' is no namespace, so that '", target.attribute, "' cannot be set"));
    }
    place.object()->variables->set(std::make_shared<const Text>(target.attribute), std::move(value));
    return;
  }
  if (target.names.size() == 1) {
    scopes_.back().set(target.names[0], std::move(value));
    return;
  }
  const std::vector<Value> items = items_of(value);
  if (items.size() != target.names.size()) {
    throw Error(concat(items.size(), " values for ", target.names.size(), " names"));
  }
  for (size_t i = 0; i < items.size(); ++i) scopes_.back().set(target.names[i], items[i]);
}

Object* Interpreter::make_macro(const Macro& macro) {
  return heap_.object(
      {.kind = "macro",
       .call = [&macro, scopes = scopes_.size()](
                   Interpreter& interpreter,
                   const Arguments& arguments) { return interpreter.call_macro(macro, scopes, arguments); },
       .attribute = {}});
}

// A macro sees what stood in the scopes where it was defined.
Value Interpreter::call_macro(const Macro& macro, size_t scopes, const Arguments& arguments) {
  if (++depth_ > kMaxCalls) throw Error(concat("macro '", macro.name, "' calls itself too often"));
  std::vector<Scope> hidden(std::make_move_iterator(scopes_.begin() + static_cast<std::ptrdiff_t>(
                                                                          std::min(scopes, scopes_.size()))),
                            std::make_move_iterator(scopes_.end()));
  scopes_.resize(std::min(scopes, scopes_.size()));
  const size_t outer = scopes_.size();
  scopes_.emplace_back();
  if (arguments.positional.size() > macro.parameters.size()) {
    throw Error(concat("macro '", macro.name, "' takes ", macro.parameters.size(), " arguments"));
  }
  for (const auto& [name, value] : arguments.named) {
    const bool known =
        std::find(macro.parameters.begin(), macro.parameters.end(), name) != macro.parameters.end();
    if (!known && name != "caller")
      throw Error(concat("macro '", macro.name, "' has no parameter '", name, "'"));
    if (name == "caller") scopes_.back().set(name, value);
  }
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const std::string& name = macro.parameters[i];
    if (const Value* given = arguments.find(i, name)) {
      scopes_.back().set(name, *given);
    } else if (macro.defaults[i] != nullptr) {
      scopes_.back().set(name, evaluate(*macro.defaults[i]));
    } else {
      scopes_.back().set(name, Value(Undefined{name}));
    }
  }
  Value result(capture(macro.body));
  scopes_.resize(outer);
  scopes_.insert(scopes_.end(), std::make_move_iterator(hidden.begin()),
                 std::make_move_iterator(hidden.end()));
  --depth_;
  return result;
}

Value Interpreter::call(const Value& function, const Arguments& arguments) {
  if (function.is_undefined())
    throw Error(concat("'", function.as<Undefined>()->name, "' is undefined and cannot be called"));
  if (function.object() == nullptr || !function.object()->call) {
    throw Error(concat(kind_of(function), " cannot be called"));
  }
  return function.object()->call(*this, arguments);
}

std::vector<Value> Interpreter::items_of(const Value& value) {
  if (const List* list = value.list()) {
    step(list->items.size());
    return list->items;
  }
  std::vector<Value> items;
  if (const Dict* dict = value.dict()) {
    for (const auto& [key, member] : dict->items) items.emplace_back(key);
  } else if (const Text* text = value.text()) {
    const std::vector<size_t> offsets = character_offsets(text->bytes());
    heap_.charge(offsets.size() * sizeof(Value) * 4);
    for (size_t i = 0; i + 1 < offsets.size(); ++i) {
      items.emplace_back(text->part(offsets[i], offsets[i + 1] - offsets[i]));
    }
  } else if (!value.is_undefined()) {
    throw Error(concat(kind_of(value), " is nothing to loop over"));
  }
  step(items.size());
  return items;
}

Value Interpreter::lookup(const std::string& name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const Value* value = scope->find(name)) return *value;
  }
  return Value(Undefined{name});
}

Value Interpreter::attribute(const Value& value, const std::string& name) {
  if (value.is_undefined()) {
    throw Error(concat("'", value.as<Undefined>()->name, "' is undefined and has no '", name, "'"));
  }
  if (Object* object = value.object()) {
    if (object->variables != nullptr) {
      const Value* variable = object->variables->find(name);
      return variable == nullptr ? Value(Undefined{name}) : *variable;
    }
    return object->attribute ? object->attribute(name) : Value(Undefined{name});
  }
  Value method = method_of(*this, value, name);
  if (!method.is_undefined()) return method;
  if (const Dict* dict = value.dict()) {
    if (const Value* member = dict->find(name)) return *member;
  }
  return Value(Undefined{name});
}

Value Interpreter::item(const Value& value, const Value& key) {
  if (const Text* name = key.text()) {
    if (const Dict* dict = value.dict()) {
      if (const Value* member = dict->find(name->bytes())) return *member;
    }
    return attribute(value, name->bytes());
  }
  if (value.is_undefined())
    throw Error(concat("'", value.as<Undefined>()->name, "' is undefined and has no items"));
  int64_t index = 0;
  if (!key.integer(index)) return Value(Undefined{"item"});
  if (const List* list = value.list()) {
    if (index < 0) index += static_cast<int64_t>(list->items.size());
    if (index < 0 || index >= static_cast<int64_t>(list->items.size()))
      return Value(Undefined{concat("item ", index)});
    return list->items[static_cast<size_t>(index)];
  }
  if (const Text* text = value.text()) {
    const std::vector<size_t> offsets = character_offsets(text->bytes());
    step(offsets.size() / 64);
    const auto count = static_cast<int64_t>(offsets.size()) - 1;
    if (index < 0) index += count;
    if (index < 0 || index >= count) return Value(Undefined{concat("character ", index)});
    const auto i = static_cast<size_t>(index);
    return Value(text->part(offsets[i], offsets[i + 1] - offsets[i]));
  }
  return Value(Undefined{concat("item ", index)});
}

Arguments Interpreter::arguments_of(const Expression& expression) {
  Arguments arguments;
  for (size_t i = 1; i < expression.parts.size(); ++i)
    arguments.positional.push_back(evaluate(*expression.parts[i]));
  for (const auto& [name, value] : expression.named) arguments.named.emplace_back(name, evaluate(*value));
  return arguments;
}

Value Interpreter::evaluate_filter(const Expression& expression, const Value* input) {
  // In a chain of {% filter a | b %}, the innermost has no value of its own.
  const Expression* inner = expression.parts[0].get();
  const Value value = inner == nullptr                                   ? *input
                      : input != nullptr && inner->kind == Kind::kFilter ? evaluate_filter(*inner, input)
                                                                         : evaluate(*inner);
  return apply_filter(*this, expression.name, value, arguments_of(expression));
}

Value Interpreter::evaluate(const Expression& expression) {
  step();
  const auto part = [&](size_t i) { return evaluate(*expression.parts[i]); };
  switch (expression.kind) {
    case Kind::kConstant:
      return expression.constant;
    case Kind::kName: {
      Value value = lookup(expression.name);
      return value.is_undefined() && value.as<Undefined>()->name == expression.name
                 ? [&] {
                     Value function = global_function(*this, expression.name);
                     return function.is_undefined() ? value : function;
                   }()
                 : value;
    }
    case Kind::kList:
    case Kind::kTuple: {
      std::vector<Value> items;
      for (size_t i = 0; i < expression.parts.size(); ++i) items.push_back(part(i));
      return Value(heap_.list(std::move(items), expression.kind == Kind::kTuple));
    }
    case Kind::kDict: {
      Dict* dict = heap_.dict();
      for (size_t i = 0; i < expression.parts.size(); i += 2) {
        const Value key = part(i);
        if (key.text() == nullptr) throw Error(concat("keys must be strings, not ", kind_of(key)));
        dict->set(*key.as<TextPtr>(), part(i + 1));
      }
      heap_.charge(dict->items.size() * sizeof(dict->items[0]));
      return Value(dict);
    }
    case Kind::kAttribute:
      return attribute(part(0), expression.name);
    case Kind::kItem: {
      const Value value = part(0);
      return item(value, part(1));
    }
    case Kind::kSlice:
      return evaluate_slice(expression);
    case Kind::kCall: {
      const Value function = part(0);
      return call(function, arguments_of(expression));
    }
    case Kind::kFilter:
      // default() is what undefined values are for; all other filters get what they get.
      return evaluate_filter(expression, nullptr);
    case Kind::kTest: {
      const Value value = part(0);
      return Value(apply_test(expression.name, value, arguments_of(expression)));
    }
    case Kind::kNot:
      return Value(!is_true(part(0)));
    case Kind::kUnary: {
      const Value value = part(0);
      if (!value.is_number()) throw Error(concat("'", expression.name, "' before ", kind_of(value)));
      if (expression.name == "+") return value;
      int64_t integer = 0;
      return value.integer(integer) ? integer_result("-", 0, integer) : Value(-value.number());
    }
    case Kind::kBinary:
      return evaluate_binary(expression);
    case Kind::kCompare:
      return evaluate_compare(expression);
    case Kind::kIf:
      if (is_true(part(1))) return part(0);
      return expression.parts[2] == nullptr ? Value(Undefined{"the value of 'if' without 'else'"}) : part(2);
  }
  return {};
}

Value Interpreter::evaluate_binary(const Expression& expression) {
  const std::string& op = expression.name;
  Value a = evaluate(*expression.parts[0]);
  if (op == "and") return is_true(a) ? evaluate(*expression.parts[1]) : a;
  if (op == "or") return is_true(a) ? a : evaluate(*expression.parts[1]);
  const Value b = evaluate(*expression.parts[1]);
  if (op == "~") {
    Text text = to_text(a);
    text.append(to_text(b));
    heap_.charge(text.size());
    return Value(std::move(text));
  }
  if (op == "+" && a.text() != nullptr && b.text() != nullptr) {
    heap_.charge(a.text()->size() + b.text()->size());
    Text text = *a.text();
    text.append(*b.text());
    return Value(std::move(text));
  }
  if (op == "+" && a.list() != nullptr && b.list() != nullptr && a.list()->tuple == b.list()->tuple) {
    std::vector<Value> items = a.list()->items;
    items.insert(items.end(), b.list()->items.begin(), b.list()->items.end());
    return Value(heap_.list(std::move(items), a.list()->tuple));
  }
  int64_t i = 0;
  int64_t k = 0;
  if (op == "*" && (a.text() != nullptr || a.list() != nullptr) && b.integer(k)) {
    const auto times = static_cast<size_t>(std::max<int64_t>(k, 0));
    const size_t size = a.text() != nullptr ? a.text()->size() : a.list()->items.size() * sizeof(Value);
    if (size > 0 && times > (size_t{1} << 26) / size) throw Error("a value is repeated too often");
    heap_.charge(size * times);
    Text text;
    std::vector<Value> items;
    for (size_t n = 0; n < times && size > 0; ++n) {
      if (a.text() != nullptr) {
        text.append(*a.text());
      } else {
        items.insert(items.end(), a.list()->items.begin(), a.list()->items.end());
      }
    }
    return a.text() != nullptr ? Value(std::move(text))
                               : Value(heap_.list(std::move(items), a.list()->tuple));
  }
  if (op == "%" && a.text() != nullptr) {
    Arguments arguments;
    if (b.list() != nullptr && b.list()->tuple) {
      arguments.positional = b.list()->items;
    } else {
      arguments.positional = {b};
    }
    return apply_filter(*this, "format", a, arguments);
  }
  if (!a.is_number() || !b.is_number()) {
    const auto name = [](const Value& value) {
      return value.is_undefined() ? concat("'", value.as<Undefined>()->name, "', which is undefined,")
                                  : kind_of(value);
    };
    throw Error(concat("'", op, "' between ", name(a), " and ", name(b)));
  }
  if (op == "**") return power(a, b);
  return a.integer(i) && b.integer(k) ? integer_result(op, i, k) : real_result(op, a.number(), b.number());
}

Value Interpreter::evaluate_compare(const Expression& expression) {
  Value left = evaluate(*expression.parts[0]);
  for (size_t i = 0; i < expression.operators.size(); ++i) {
    const std::string& op = expression.operators[i];
    Value right = evaluate(*expression.parts[i + 1]);
    bool holds = false;
    if (op == "==" || op == "!=") {
      holds = equal(left, right) == (op == "==");
    } else if (op == "in" || op == "not in") {
      Arguments arguments;
      arguments.positional = {right};
      if (right.list() != nullptr) step(right.list()->items.size());
      holds = apply_test("in", left, arguments) == (op == "in");
    } else {
      const int order = compare(left, right);
      holds = op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
    }
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::evaluate_slice(const Expression& expression) {
  const Value value = evaluate(*expression.parts[0]);
  const auto bound = [&](size_t part) -> std::optional<int64_t> {
    if (expression.parts[part] == nullptr) return std::nullopt;
    const Value number = evaluate(*expression.parts[part]);
    if (number.is_none()) return std::nullopt;
    int64_t result = 0;
    if (!number.integer(result)) throw Error(concat("a slice by ", kind_of(number)));
    constexpr int64_t kMost = int64_t{1} << 40;
    return std::clamp(result, -kMost, kMost);
  };
  const auto from = bound(1);
  const auto to = bound(2);
  const int64_t by = bound(3).value_or(1);
  if (by == 0) throw Error("a slice by steps of zero");
  if (const List* list = value.list()) {
    std::vector<Value> items;
    step(list->items.size());
    Slice(from, to, by, static_cast<int64_t>(list->items.size())).each([&](size_t i) {
      items.push_back(list->items[i]);
    });
    return Value(heap_.list(std::move(items), list->tuple));
  }
  const Text* text = value.text();
  if (text == nullptr) throw Error(concat(kind_of(value), " cannot be cut into slices"));
  const std::vector<size_t> offsets = character_offsets(text->bytes());
  heap_.charge(text->size());
  Text result;
  const Slice slice(from, to, by, static_cast<int64_t>(offsets.size()) - 1);
  if (by == 1) {
    if (slice.begin < slice.end) {
      const size_t begin = offsets[static_cast<size_t>(slice.begin)];
      result = text->part(begin, offsets[static_cast<size_t>(slice.end)] - begin);
    }
  } else {
    slice.each([&](size_t i) { result.append(text->part(offsets[i], offsets[i + 1] - offsets[i])); });
  }
  return Value(std::move(result));
}

}  // namespace brim::tmpl
