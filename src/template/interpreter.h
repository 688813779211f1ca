// Runs a template's tree.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "template/syntax.h"
#include "template/value.h"

namespace brim::tmpl {

class Interpreter {
 public:
  // `now` is what strftime_now() shows.
  Interpreter(Heap& heap, std::time_t now);

  // A variable of the template.
  void set(std::string_view name, Value value) { scopes_.front().set(name, std::move(value)); }

  // What the template writes. Throws Error naming line and construct, and where it goes on for too long.
  Text run(const Body& body);

  // For filters, tests and functions.
  Heap& heap() { return heap_; }
  std::time_t now() const { return now_; }
  Value call(const Value& function, const Arguments& arguments);
  // The items that a loop over the value takes. Throws Error if it is nothing to loop over.
  std::vector<Value> items_of(const Value& value);
  // value.name as Jinja finds it: methods before members. Undefined if there is none.
  Value attribute(const Value& value, const std::string& name);
  // Counts work against the limit.
  void step(size_t steps = 1);

 private:
  class Scope {
   public:
    const Value* find(std::string_view name) const;
    void set(std::string_view name, Value value);

   private:
    std::vector<std::pair<std::string, Value>> variables_;
  };

  enum class Flow : uint8_t { kOn, kBreak, kContinue };

  Flow execute(const Body& body, Text& out);
  Flow execute(const Statement& statement, Text& out);
  Flow execute_for(const Statement& statement, Text& out);
  Text capture(const Body& body);
  Object* make_macro(const Macro& macro);
  Value call_macro(const Macro& macro, size_t scopes, const Arguments& arguments);
  void assign(const Target& target, Value value);
  void write(const Value& value, Text& out);

  Value evaluate(const Expression& expression);
  Value evaluate_binary(const Expression& expression);
  Value evaluate_compare(const Expression& expression);
  Value evaluate_slice(const Expression& expression);
  Value evaluate_filter(const Expression& expression, const Value* input);
  Arguments arguments_of(const Expression& expression);
  Value lookup(const std::string& name) const;
  Value item(const Value& value, const Value& key);

  Heap& heap_;
  const std::time_t now_;
  std::vector<Scope> scopes_;
  size_t steps_ = 0;
  uint32_t depth_ = 0;  // of macros that call one another
  size_t written_ = 0;
};

}  // namespace brim::tmpl
