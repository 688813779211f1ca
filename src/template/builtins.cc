#include "template/builtins.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/concat.h"
#include "template/arguments.h"
#include "template/methods.h"
#include "template/strings.h"

namespace brim::tmpl {

namespace {

using Named = const Arguments&;

// ---- filters

// A member of an item: "name", "a.b" or a number.
Value member(Interpreter& interpreter, const Value& value, const Value& path) {
  const Text* text = path.text();
  if (text == nullptr) {
    int64_t index = 0;
    const List* list = value.list();
    if (!path.integer(index) || list == nullptr || index < 0 ||
        index >= static_cast<int64_t>(list->items.size())) {
      return Value(Undefined{"item"});
    }
    return list->items[static_cast<size_t>(index)];
  }
  Value result = value;
  size_t begin = 0;
  while (true) {
    const size_t dot = text->bytes().find('.', begin);
    const std::string name = text->bytes().substr(begin, dot == std::string::npos ? dot : dot - begin);
    const Dict* dict = result.dict();
    const Value* found = dict == nullptr ? nullptr : dict->find(name);
    result = found != nullptr ? *found : result.is_undefined() ? result : interpreter.attribute(result, name);
    if (dot == std::string::npos) return result;
    begin = dot + 1;
  }
}

// select, reject, selectattr, rejectattr.
Value selected(Interpreter& interpreter, const Value& value, Named arguments, bool by_member, bool keep) {
  std::vector<Value> result;
  const size_t test_place = by_member ? 1 : 0;
  Arguments test_arguments;
  for (size_t i = test_place + 1; i < arguments.positional.size(); ++i) {
    test_arguments.positional.push_back(arguments.positional[i]);
  }
  for (const Value& item : interpreter.items_of(value)) {
    const Value subject = by_member ? member(interpreter, item, needed(arguments, 0, "selectattr")) : item;
    const bool holds =
        test_place < arguments.positional.size()
            ? apply_test(text_of(arguments.positional[test_place], "the name of a test").bytes(), subject,
                         test_arguments)
            : is_true(subject);
    if (holds == keep) result.push_back(item);
  }
  return Value(interpreter.heap().list(std::move(result)));
}

Value map_items(Interpreter& interpreter, const Value& value, Named arguments) {
  std::vector<Value> result;
  const Value* path = nullptr;
  const Value* fallback = nullptr;
  for (const auto& [name, given] : arguments.named) {
    if (name == "attribute") path = &given;
    if (name == "default") fallback = &given;
  }
  Arguments filter_arguments;
  for (size_t i = 1; i < arguments.positional.size(); ++i)
    filter_arguments.positional.push_back(arguments.positional[i]);
  for (const Value& item : interpreter.items_of(value)) {
    if (path != nullptr) {
      Value found = member(interpreter, item, *path);
      result.push_back(found.is_undefined() && fallback != nullptr ? *fallback : found);
    } else {
      const std::string& filter = text_of(needed(arguments, 0, "map"), "the name of a filter").bytes();
      result.push_back(apply_filter(interpreter, filter, item, filter_arguments));
    }
  }
  return Value(interpreter.heap().list(std::move(result)));
}

// Strings compare without case unless asked, as Jinja's sort, min, max and unique do.
Value folded(const Value& value, bool case_sensitive) {
  if (case_sensitive || value.text() == nullptr) return value;
  return Value(mapped(*value.text(), [](char c, bool) { return lower(c); }));
}

Value sorted(Interpreter& interpreter, const Value& value, Named arguments) {
  std::vector<Value> items = interpreter.items_of(value);
  const bool reverse = flag_argument(arguments, 0, "reverse", false);
  const bool case_sensitive = flag_argument(arguments, 1, "case_sensitive", false);
  const Value* path = arguments.find(2, "attribute");
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : items) {
    const Value key = path == nullptr ? item : member(interpreter, item, *path);
    keyed.emplace_back(folded(key, case_sensitive), item);
  }
  interpreter.step(items.size() * 20);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? compare(b.first, a.first) < 0 : compare(a.first, b.first) < 0;
  });
  for (size_t i = 0; i < items.size(); ++i) items[i] = keyed[i].second;
  return Value(interpreter.heap().list(std::move(items)));
}

Value dict_sorted(Interpreter& interpreter, const Value& value, Named arguments) {
  if (value.dict() == nullptr) throw Error(concat("dictsort wants a dictionary, not ", kind_of(value)));
  const bool case_sensitive = flag_argument(arguments, 0, "case_sensitive", false);
  const bool by_value = text_argument(arguments, 1, "by", "key").bytes() == "value";
  const bool reverse = flag_argument(arguments, 2, "reverse", false);
  Arguments sort_arguments;
  sort_arguments.positional = {Value(reverse), Value(case_sensitive), Value(int64_t{by_value ? 1 : 0})};
  return sorted(interpreter, items_of_dict(interpreter, *value.dict()), sort_arguments);
}

Value extreme(Interpreter& interpreter, const Value& value, Named arguments, bool largest) {
  const std::vector<Value> items = interpreter.items_of(value);
  if (items.empty()) return Value(Undefined{largest ? "max of nothing" : "min of nothing"});
  const bool case_sensitive = flag_argument(arguments, 0, "case_sensitive", false);
  const Value* path = arguments.find(1, "attribute");
  const auto key = [&](const Value& item) {
    return folded(path == nullptr ? item : member(interpreter, item, *path), case_sensitive);
  };
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    const int order = compare(key(items[i]), key(items[best]));
    if (largest ? order > 0 : order < 0) best = i;
  }
  return items[best];
}

Value unique(Interpreter& interpreter, const Value& value, Named arguments) {
  const bool case_sensitive = flag_argument(arguments, 0, "case_sensitive", false);
  std::vector<Value> result;
  std::vector<Value> keys;
  for (const Value& item : interpreter.items_of(value)) {
    const Value key = folded(item, case_sensitive);
    interpreter.step(keys.size());
    if (std::any_of(keys.begin(), keys.end(), [&](const Value& other) { return equal(key, other); }))
      continue;
    keys.push_back(key);
    result.push_back(item);
  }
  return Value(interpreter.heap().list(std::move(result)));
}

Value length_of(const Value& value) {
  if (value.is_undefined()) return Value(int64_t{0});
  if (const Text* text = value.text()) return Value(static_cast<int64_t>(characters(text->bytes())));
  if (const List* list = value.list()) return Value(static_cast<int64_t>(list->items.size()));
  if (const Dict* dict = value.dict()) return Value(static_cast<int64_t>(dict->items.size()));
  throw Error(concat(kind_of(value), " has no length"));
}

// indent(width=4, first=false, blank=false)
Text indented(Interpreter& interpreter, const Text& text, Named arguments) {
  const Value* width = arguments.find(0, "width");
  const int64_t spaces =
      width != nullptr && width->text() != nullptr ? 0 : integer_argument(arguments, 0, "width", 4);
  if (spaces < 0 || spaces > 1000) throw Error("indent: the width must be 0 to 1000");
  const Text by = width != nullptr && width->text() != nullptr
                      ? *width->text()
                      : Text(std::string(static_cast<size_t>(spaces), ' '));
  const bool first = flag_argument(arguments, 1, "first", false);
  const bool blank = flag_argument(arguments, 2, "blank", false);
  Text result;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.bytes().find('\n', begin), text.size());
    if ((begin > 0 || first) && (blank || end > begin)) result.append(by);
    interpreter.heap().charge(by.size() + end - begin);
    result.append(text.part(begin, end - begin));
    if (end < text.size()) result.append("\n");
    begin = end + 1;
  }
  return result;
}

Value to_integer(const Value& value, Named arguments) {
  const int64_t fallback = integer_argument(arguments, 0, "default", 0);
  int64_t integer = 0;
  if (value.integer(integer)) return Value(integer);
  constexpr double kMost = 9e18;
  double real = 0;
  if (const double* number = value.as<double>()) {
    real = *number;
  } else if (const Text* text = value.text()) {
    const std::string trimmed = stripped(*text, nullptr, true, true).bytes();
    char* end = nullptr;
    real = std::strtod(trimmed.c_str(), &end);
    if (trimmed.empty() || *end != 0) return Value(fallback);
    if (trimmed.find_first_not_of("+-0123456789") == std::string::npos && trimmed.size() < 19) {
      return Value(static_cast<int64_t>(std::strtoll(trimmed.c_str(), nullptr, 10)));
    }
  } else {
    return Value(fallback);
  }
  return std::abs(real) < kMost ? Value(static_cast<int64_t>(real)) : Value(fallback);
}

Value to_real(const Value& value, Named arguments) {
  if (value.is_number()) return Value(value.number());
  const Value* fallback = arguments.find(0, "default");
  const double otherwise = fallback == nullptr ? 0.0 : fallback->number();
  if (value.text() == nullptr) return Value(otherwise);
  const std::string trimmed = stripped(*value.text(), nullptr, true, true).bytes();
  char* end = nullptr;
  const double real = std::strtod(trimmed.c_str(), &end);
  return Value(trimmed.empty() || *end != 0 ? otherwise : real);
}

Value rounded(const Value& value, Named arguments) {
  if (!value.is_number()) throw Error(concat("round wants a number, not ", kind_of(value)));
  const int64_t digits = integer_argument(arguments, 0, "precision", 0);
  const std::string method = text_argument(arguments, 1, "method", "common").bytes();
  if (digits < -15 || digits > 15) throw Error("round: the precision must be -15 to 15");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.number() * scale;
  const double whole = method == "ceil"    ? std::ceil(scaled)
                       : method == "floor" ? std::floor(scaled)
                                           : std::nearbyint(scaled);
  return Value(whole / scale);
}

Text escaped(const Text& text) {
  Text result;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text.bytes()[i];
    const char* by = c == '&'    ? "&amp;"
                     : c == '<'  ? "&lt;"
                     : c == '>'  ? "&gt;"
                     : c == '"'  ? "&#34;"
                     : c == '\'' ? "&#39;"
                                 : nullptr;
    result.append(by == nullptr ? text.part(i, 1) : Text(by));
  }
  return result;
}

Value to_json_filter(const Value& value, Named arguments) {
  JsonStyle style;
  style.indent = integer_argument(arguments, 1, "indent", -1);
  for (const auto& [name, given] : arguments.named) {
    if (name == "sort_keys") style.sort_keys = is_true(given);
  }
  if (style.indent > 100) throw Error("tojson: the indent is too large");
  if (style.indent >= 0) style.item_separator.pop_back();
  if (const Value* separators = arguments.find(2, "separators");
      separators != nullptr && separators->list() != nullptr) {
    const auto& both = separators->list()->items;
    if (both.size() != 2) throw Error("tojson: separators are two strings");
    style.item_separator = text_of(both[0], "tojson").bytes();
    style.key_separator = text_of(both[1], "tojson").bytes();
  }
  return Value(to_json(value, style));
}

Value reversed(Interpreter& interpreter, const Value& value) {
  std::vector<Value> items = interpreter.items_of(value);
  std::reverse(items.begin(), items.end());
  if (value.text() == nullptr) return Value(interpreter.heap().list(std::move(items)));
  return Value(joined(interpreter, items, Text()));
}

Value summed(Interpreter& interpreter, const Value& value, Named arguments) {
  const Value* path = arguments.find(0, "attribute");
  double total = 0;
  int64_t integers = 0;
  bool all_integer = true;
  for (const Value& item : interpreter.items_of(value)) {
    const Value number = path == nullptr || path->is_none() ? item : member(interpreter, item, *path);
    if (!number.is_number()) throw Error(concat("sum of ", kind_of(number)));
    int64_t integer = 0;
    all_integer =
        number.integer(integer) && !__builtin_add_overflow(integers, integer, &integers) && all_integer;
    total += number.number();
  }
  return all_integer ? Value(integers) : Value(total);
}

using Filter = Value (*)(Interpreter&, const Value&, Named);

template <Value (*method)(Interpreter&, const Text&, Named)>
Value of_text(Interpreter& interpreter, const Value& value, Named arguments) {
  return method(interpreter, to_text(value), arguments);
}

const std::map<std::string_view, Filter>& filters() {
  static const std::map<std::string_view, Filter> all = {
      {"abs",
       [](Interpreter&, const Value& v, Named) {
         if (!v.is_number()) throw Error(concat("abs wants a number, not ", kind_of(v)));
         int64_t i = 0;
         return v.integer(i) && i != INT64_MIN ? Value(i < 0 ? -i : i) : Value(std::abs(v.number()));
       }},
      {"capitalize", [](Interpreter&, const Value& v, Named) { return Value(capitalised(to_text(v))); }},
      {"count", [](Interpreter&, const Value& v, Named) { return length_of(v); }},
      {"default",
       [](Interpreter&, const Value& v, Named a) {
         const bool use = v.is_undefined() || (flag_argument(a, 1, "boolean", false) && !is_true(v));
         const Value* fallback = a.find(0, "default_value");
         return !use ? v : fallback == nullptr ? Value(Text()) : *fallback;
       }},
      {"dictsort", dict_sorted},
      {"escape", [](Interpreter&, const Value& v, Named) { return Value(escaped(to_text(v))); }},
      {"first",
       [](Interpreter& i, const Value& v, Named) {
         const auto items = i.items_of(v);
         return items.empty() ? Value(Undefined{"first of nothing"}) : items.front();
       }},
      {"float", [](Interpreter&, const Value& v, Named a) { return to_real(v, a); }},
      {"format",
       [](Interpreter& i, const Value& v, Named a) { return Value(formatted(i, text_of(v, "format"), a)); }},
      {"indent", [](Interpreter& i, const Value& v, Named a) { return Value(indented(i, to_text(v), a)); }},
      {"int", [](Interpreter&, const Value& v, Named a) { return to_integer(v, a); }},
      {"items",
       [](Interpreter& i, const Value& v, Named) {
         if (v.is_undefined()) return Value(i.heap().list());
         if (v.dict() == nullptr) throw Error(concat("items wants a dictionary, not ", kind_of(v)));
         return items_of_dict(i, *v.dict());
       }},
      {"join",
       [](Interpreter& i, const Value& v, Named a) {
         std::vector<Value> items = i.items_of(v);
         if (const Value* path = a.find(1, "attribute")) {
           for (Value& item : items) item = member(i, item, *path);
         }
         return Value(joined(i, items, text_argument(a, 0, "d", "")));
       }},
      {"last",
       [](Interpreter& i, const Value& v, Named) {
         const auto items = i.items_of(v);
         return items.empty() ? Value(Undefined{"last of nothing"}) : items.back();
       }},
      {"length", [](Interpreter&, const Value& v, Named) { return length_of(v); }},
      {"list", [](Interpreter& i, const Value& v, Named) { return Value(i.heap().list(i.items_of(v))); }},
      {"lower", [](Interpreter&, const Value& v,
                   Named) { return Value(mapped(to_text(v), [](char c, bool) { return lower(c); })); }},
      {"map", map_items},
      {"max", [](Interpreter& i, const Value& v, Named a) { return extreme(i, v, a, true); }},
      {"min", [](Interpreter& i, const Value& v, Named a) { return extreme(i, v, a, false); }},
      {"reject", [](Interpreter& i, const Value& v, Named a) { return selected(i, v, a, false, false); }},
      {"rejectattr", [](Interpreter& i, const Value& v, Named a) { return selected(i, v, a, true, false); }},
      {"replace",
       [](Interpreter& i, const Value& v, Named a) {
         return Value(replaced(i, to_text(v), to_text(needed(a, 0, "replace")),
                               to_text(needed(a, 1, "replace")), integer_argument(a, 2, "count", -1)));
       }},
      {"reverse", [](Interpreter& i, const Value& v, Named) { return reversed(i, v); }},
      {"round", [](Interpreter&, const Value& v, Named a) { return rounded(v, a); }},
      {"safe", [](Interpreter&, const Value& v, Named) { return v; }},
      {"select", [](Interpreter& i, const Value& v, Named a) { return selected(i, v, a, false, true); }},
      {"selectattr", [](Interpreter& i, const Value& v, Named a) { return selected(i, v, a, true, true); }},
      {"sort", sorted},
      {"string", [](Interpreter&, const Value& v, Named) { return Value(to_text(v)); }},
      {"sum", summed},
      {"title", [](Interpreter&, const Value& v, Named) { return Value(titled(to_text(v))); }},
      {"tojson",
       [](Interpreter& i, const Value& v, Named a) {
         Value json = to_json_filter(v, a);
         i.heap().charge(json.text()->size());
         return json;
       }},
      {"trim", [](Interpreter&, const Value& v,
                  Named a) { return Value(stripped(to_text(v), a.find(0, "chars"), true, true)); }},
      {"unique", unique},
      {"upper", [](Interpreter&, const Value& v,
                   Named) { return Value(mapped(to_text(v), [](char c, bool) { return upper(c); })); }},
      {"wordcount",
       [](Interpreter& i, const Value& v, Named) { return length_of(split(i, to_text(v), {}, false)); }},
  };
  return all;
}

// ---- tests

bool is_in(const Value& value, const Value& container) {
  if (const Text* text = container.text()) {
    if (value.text() == nullptr) throw Error(concat("'in' looks for ", kind_of(value), " in a string"));
    return text->bytes().find(value.text()->bytes()) != std::string::npos;
  }
  if (const List* list = container.list()) {
    return std::any_of(list->items.begin(), list->items.end(),
                       [&](const Value& item) { return equal(item, value); });
  }
  if (const Dict* dict = container.dict())
    return value.text() != nullptr && dict->find(value.text()->bytes()) != nullptr;
  if (container.is_undefined()) return false;
  throw Error(concat("'in' looks into ", kind_of(container)));
}

bool is_iterable(const Value& v) {
  return v.text() != nullptr || v.list() != nullptr || v.dict() != nullptr || v.is_undefined();
}

int64_t rest_of(const Value& value, const Value& by) {
  int64_t i = 0;
  int64_t k = 0;
  if (!value.integer(i) || !by.integer(k) || k == 0 || k == -1) {
    throw Error("a test of divisibility wants integers");
  }
  return i % k;
}

using Test = bool (*)(const Value&, Named);

const std::map<std::string_view, Test>& tests() {
  constexpr Test kEqual = [](const Value& v, Named a) { return equal(v, needed(a, 0, "a test")); };
  constexpr Test kUnequal = [](const Value& v, Named a) { return !equal(v, needed(a, 0, "a test")); };
  constexpr Test kLess = [](const Value& v, Named a) { return compare(v, needed(a, 0, "a test")) < 0; };
  constexpr Test kAtMost = [](const Value& v, Named a) { return compare(v, needed(a, 0, "a test")) <= 0; };
  constexpr Test kGreater = [](const Value& v, Named a) { return compare(v, needed(a, 0, "a test")) > 0; };
  constexpr Test kAtLeast = [](const Value& v, Named a) { return compare(v, needed(a, 0, "a test")) >= 0; };
  static const std::map<std::string_view, Test> all = {
      {"boolean", [](const Value& v, Named) { return v.as<bool>() != nullptr; }},
      {"callable", [](const Value& v, Named) { return v.object() != nullptr && v.object()->call; }},
      {"defined", [](const Value& v, Named) { return !v.is_undefined(); }},
      {"divisibleby", [](const Value& v, Named a) { return rest_of(v, needed(a, 0, "divisibleby")) == 0; }},
      {"eq", kEqual},
      {"equalto", kEqual},
      {"even", [](const Value& v, Named) { return rest_of(v, Value(int64_t{2})) == 0; }},
      {"false", [](const Value& v, Named) { return v.as<bool>() != nullptr && !*v.as<bool>(); }},
      {"float", [](const Value& v, Named) { return v.as<double>() != nullptr; }},
      {"ge", kAtLeast},
      {"greaterthan", kGreater},
      {"gt", kGreater},
      {"in", [](const Value& v, Named a) { return is_in(v, needed(a, 0, "in")); }},
      {"integer", [](const Value& v, Named) { return v.as<int64_t>() != nullptr; }},
      {"iterable", [](const Value& v, Named) { return is_iterable(v); }},
      {"le", kAtMost},
      {"lessthan", kLess},
      {"lower",
       [](const Value& v, Named) {
         const std::string text = to_text(v).bytes();
         return std::any_of(text.begin(), text.end(), is_lower) &&
                std::none_of(text.begin(), text.end(), is_upper);
       }},
      {"lt", kLess},
      {"mapping", [](const Value& v, Named) { return v.dict() != nullptr; }},
      {"ne", kUnequal},
      {"none", [](const Value& v, Named) { return v.is_none(); }},
      {"number", [](const Value& v, Named) { return v.is_number(); }},
      {"odd", [](const Value& v, Named) { return rest_of(v, Value(int64_t{2})) != 0; }},
      {"sameas",
       [](const Value& v, Named a) {
         const Value& other = needed(a, 0, "sameas");
         return v.is_number() == other.is_number() &&
                (v.as<bool>() != nullptr) == (other.as<bool>() != nullptr) && equal(v, other);
       }},
      {"sequence", [](const Value& v, Named) { return is_iterable(v); }},
      {"string", [](const Value& v, Named) { return v.text() != nullptr; }},
      {"true", [](const Value& v, Named) { return v.as<bool>() != nullptr && *v.as<bool>(); }},
      {"undefined", [](const Value& v, Named) { return v.is_undefined(); }},
      {"upper",
       [](const Value& v, Named) {
         const std::string text = to_text(v).bytes();
         return std::any_of(text.begin(), text.end(), is_upper) &&
                std::none_of(text.begin(), text.end(), is_lower);
       }},
  };
  return all;
}

// ---- functions

Value make_range(Interpreter& interpreter, Named arguments) {
  int64_t bounds[3] = {0, 0, 1};
  const size_t count = arguments.positional.size();
  if (count < 1 || count > 3) throw Error("range wants one to three integers");
  for (size_t i = 0; i < count; ++i) {
    if (!arguments.positional[i].integer(bounds[count == 1 ? 1 : i])) throw Error("range wants integers");
  }
  const auto [begin, end, step] = bounds;
  if (step == 0) throw Error("range by steps of zero");
  constexpr double kMost = 100'000;  // as Jinja's sandbox
  if ((static_cast<double>(end) - static_cast<double>(begin)) / static_cast<double>(step) > kMost) {
    throw Error("range has more than 100000 numbers");
  }
  std::vector<Value> items;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  interpreter.step(items.size());
  return Value(interpreter.heap().list(std::move(items)));
}

Value make_namespace(Interpreter& interpreter, Named arguments) {
  Dict* variables = interpreter.heap().dict();
  for (const Value& given : arguments.positional) {
    if (given.dict() == nullptr) throw Error("namespace wants a dictionary or named values");
    for (const auto& [key, value] : given.dict()->items) variables->set(key, value);
  }
  for (const auto& [name, value] : arguments.named) variables->set(std::make_shared<const Text>(name), value);
  Object object{.kind = "namespace", .call = {}, .attribute = {}};
  object.variables = variables;
  return Value(interpreter.heap().object(std::move(object)));
}

Value make_dict(Interpreter& interpreter, Named arguments) {
  Dict* dict = interpreter.heap().dict();
  for (const Value& given : arguments.positional) {
    if (given.dict() == nullptr) throw Error("dict wants a dictionary or named values");
    for (const auto& [key, value] : given.dict()->items) dict->set(key, value);
  }
  for (const auto& [name, value] : arguments.named) dict->set(std::make_shared<const Text>(name), value);
  return Value(dict);
}

Value format_time(Interpreter& interpreter, Named arguments) {
  const std::string& format = text_of(needed(arguments, 0, "strftime_now"), "strftime_now").bytes();
  const std::time_t now = interpreter.now();
  std::tm parts{};
  localtime_r(&now, &parts);
  char room[512];
  const size_t size = std::strftime(room, sizeof room, format.c_str(), &parts);
  return Value(Text(std::string(room, size)));
}

using Function = Value (*)(Interpreter&, Named);

const std::map<std::string_view, Function>& functions() {
  static const std::map<std::string_view, Function> all = {
      {"range", make_range},
      {"namespace", make_namespace},
      {"dict", make_dict},
      {"strftime_now", format_time},
      {"raise_exception",
       [](Interpreter&, Named a) -> Value {
         throw Raised(concat("the chat template refuses this conversation: ",
                             to_text(needed(a, 0, "raise_exception")).bytes()));
       }},
  };
  return all;
}

}  // namespace

Value apply_filter(Interpreter& interpreter, const std::string& name, const Value& value,
                   const Arguments& arguments) {
  const std::string_view known = name == "d" ? "default" : name == "e" ? "escape" : std::string_view(name);
  const auto found = filters().find(known);
  if (found == filters().end()) throw Error(concat("the filter '", name, "' is not supported"));
  if (const Text* text = value.text()) interpreter.step(text->size() / 256);
  return found->second(interpreter, value, arguments);
}

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments) {
  const auto found = tests().find(name);
  if (found == tests().end()) throw Error(concat("the test '", name, "' is not supported"));
  return found->second(value, arguments);
}

Value global_function(Interpreter& interpreter, std::string_view name) {
  const auto found = functions().find(name);
  if (found == functions().end()) return Value(Undefined{std::string(name)});
  const Function function = found->second;
  return Value(interpreter.heap().object(
      {.kind = "function",
       .call = [function](Interpreter& i, const Arguments& a) { return function(i, a); },
       .attribute = {}}));
}

}  // namespace brim::tmpl
