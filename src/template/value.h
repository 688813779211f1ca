// What templates compute with: Python's values, as far as chat templates use them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "template/text.h"

namespace brim::tmpl {

class Value;
class Interpreter;

struct Undefined {
  std::string name;  // for messages
};
struct None {};
struct List {
  std::vector<Value> items;
  bool tuple = false;
};
struct Dict {
  std::vector<std::pair<TextPtr, Value>> items;  // in the order of insertion

  Value* find(std::string_view key);
  const Value* find(std::string_view key) const;
  void set(const TextPtr& key, Value value);
};
// What a call hands over.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  // The argument at a place, or of a name; null if it was not given.
  const Value* find(size_t place, std::string_view name) const;
};
// Something that can be called, with attributes if it has some: macros, methods, loop, namespaces.
struct Object {
  std::string kind;  // "macro", "namespace", ... for messages
  std::function<Value(Interpreter&, const Arguments&)> call;
  std::function<Value(std::string_view name)> attribute;  // Undefined for none
  Dict* variables = nullptr;                              // a namespace's
};

// Lists, dictionaries and objects live in a Heap until the end of rendering.
class Value {
 public:
  Value() : value_(None{}) {}
  explicit Value(Undefined undefined) : value_(std::move(undefined)) {}
  explicit Value(bool value) : value_(value) {}
  explicit Value(int64_t value) : value_(value) {}
  explicit Value(double value) : value_(value) {}
  explicit Value(Text text) : value_(std::make_shared<const Text>(std::move(text))) {}
  explicit Value(TextPtr text) : value_(std::move(text)) {}
  explicit Value(List* list) : value_(list) {}
  explicit Value(Dict* dict) : value_(dict) {}
  explicit Value(Object* object) : value_(object) {}

  // Null where the value is of another kind.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value_);
  }
  const Text* text() const {
    const auto* pointer = as<TextPtr>();
    return pointer == nullptr ? nullptr : pointer->get();
  }
  const List* list() const { return pointee<List>(); }
  const Dict* dict() const { return pointee<Dict>(); }
  Object* object() const { return pointee<Object>(); }

  bool is_undefined() const { return as<Undefined>() != nullptr; }
  bool is_none() const { return as<None>() != nullptr; }
  bool is_number() const { return as<bool>() || as<int64_t>() || as<double>(); }
  // Of a bool, an integer or a real number.
  double number() const;
  // Of a bool or an integer; false for others.
  bool integer(int64_t& out) const;

 private:
  template <typename T>
  T* pointee() const {
    const auto* pointer = as<T*>();
    return pointer == nullptr ? nullptr : *pointer;
  }

  std::variant<Undefined, None, bool, int64_t, double, TextPtr, List*, Dict*, Object*> value_;
};

// Owns what values point to, and counts what all of it takes.
class Heap {
 public:
  List* list(std::vector<Value> items = {}, bool tuple = false);
  Dict* dict();
  Object* object(Object object);

  // Counts bytes against the limit. Throws Error beyond it.
  void charge(size_t bytes);

 private:
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Object> objects_;
  size_t charged_ = 0;
};

// "string", "list", ... as Python's and Jinja's messages call them.
std::string kind_of(const Value& value);

bool is_true(const Value& value);
// Throws Error beyond a depth of nesting.
bool equal(const Value& a, const Value& b, int depth = 0);
// -1, 0 or 1; throws Error if the two have no order.
int compare(const Value& a, const Value& b, int depth = 0);

// As str() and repr() of Python.
Text to_text(const Value& value);
void write_repr(const Value& value, Text& out, int depth = 0);

// As json.dumps(ensure_ascii=False) of Python; indent < 0: on one line. If anything in it came from outside,
// all of the result counts as such.
struct JsonStyle {
  int64_t indent = -1;
  bool sort_keys = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
Text to_json(const Value& value, const JsonStyle& style);

// Texts count as from outside if `input`, except what the members of a list have under the key "role".
Value from_json(const nlohmann::ordered_json& json, bool input, Heap& heap, int depth = 0);

// Characters (code points; bytes that are no UTF-8 each by itself).
size_t characters(std::string_view text);
// Where each character begins, and the end.
std::vector<size_t> character_offsets(std::string_view text);

}  // namespace brim::tmpl
