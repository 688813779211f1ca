#include "template/methods.h"

#include <algorithm>
#include <map>
#include <string>

#include "template/arguments.h"
#include "template/strings.h"

namespace brim::tmpl {

Value items_of_dict(Interpreter& interpreter, const Dict& dict) {
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    items.emplace_back(interpreter.heap().list({Value(key), value}, true));
  }
  return Value(interpreter.heap().list(std::move(items)));
}

namespace {

using Named = const Arguments&;

using TextMethod = Value (*)(Interpreter&, const Text&, Named);

const std::map<std::string_view, TextMethod>& text_methods() {
  static const std::map<std::string_view, TextMethod> methods = {
      {"strip", [](Interpreter&, const Text& t,
                   Named a) { return Value(stripped(t, a.find(0, "chars"), true, true)); }},
      {"lstrip", [](Interpreter&, const Text& t,
                    Named a) { return Value(stripped(t, a.find(0, "chars"), true, false)); }},
      {"rstrip", [](Interpreter&, const Text& t,
                    Named a) { return Value(stripped(t, a.find(0, "chars"), false, true)); }},
      {"split", [](Interpreter& i, const Text& t, Named a) { return split(i, t, a, false); }},
      {"rsplit", [](Interpreter& i, const Text& t, Named a) { return split(i, t, a, true); }},
      {"splitlines", [](Interpreter& i, const Text& t,
                        Named a) { return split_lines(i, t, flag_argument(a, 0, "keepends", false)); }},
      {"startswith", [](Interpreter&, const Text& t,
                        Named a) { return Value(has_end(t, needed(a, 0, "startswith"), true)); }},
      {"endswith", [](Interpreter&, const Text& t,
                      Named a) { return Value(has_end(t, needed(a, 0, "endswith"), false)); }},
      {"upper", [](Interpreter&, const Text& t,
                   Named) { return Value(mapped(t, [](char c, bool) { return upper(c); })); }},
      {"lower", [](Interpreter&, const Text& t,
                   Named) { return Value(mapped(t, [](char c, bool) { return lower(c); })); }},
      {"title",
       [](Interpreter&, const Text& t, Named) {
         return Value(mapped(t, [](char c, bool start) { return start ? upper(c) : lower(c); }));
       }},
      {"capitalize", [](Interpreter&, const Text& t, Named) { return Value(capitalised(t)); }},
      {"replace",
       [](Interpreter& i, const Text& t, Named a) {
         return Value(replaced(i, t, text_of(needed(a, 0, "replace"), "replace"),
                               text_of(needed(a, 1, "replace"), "replace"),
                               integer_argument(a, 2, "count", -1)));
       }},
      {"join", [](Interpreter& i, const Text& t,
                  Named a) { return Value(joined(i, i.items_of(needed(a, 0, "join")), t)); }},
      {"find",
       [](Interpreter&, const Text& t, Named a) {
         return found_at(t, t.bytes().find(text_of(needed(a, 0, "find"), "find").bytes()));
       }},
      {"rfind",
       [](Interpreter&, const Text& t, Named a) {
         return found_at(t, t.bytes().rfind(text_of(needed(a, 0, "rfind"), "rfind").bytes()));
       }},
      {"index",
       [](Interpreter&, const Text& t, Named a) {
         const size_t at = t.bytes().find(text_of(needed(a, 0, "index"), "index").bytes());
         if (at == std::string::npos) throw Error("index: the string is not there");
         return found_at(t, at);
       }},
      {"count", [](Interpreter&, const Text& t,
                   Named a) { return Value(occurrences(t, text_of(needed(a, 0, "count"), "count"))); }},
      {"removeprefix",
       [](Interpreter&, const Text& t, Named a) {
         const Text& end = text_of(needed(a, 0, "removeprefix"), "removeprefix");
         return Value(t.bytes().starts_with(end.bytes()) ? t.part(end.size()) : t);
       }},
      {"removesuffix",
       [](Interpreter&, const Text& t, Named a) {
         const Text& end = text_of(needed(a, 0, "removesuffix"), "removesuffix");
         return Value(t.bytes().ends_with(end.bytes()) ? t.part(0, t.size() - end.size()) : t);
       }},
      {"partition",
       [](Interpreter& i, const Text& t, Named a) {
         const Text& by = text_of(needed(a, 0, "partition"), "partition");
         const size_t at = t.bytes().find(by.bytes());
         std::vector<Value> parts;
         parts.emplace_back(t.part(0, at));
         parts.emplace_back(at == std::string::npos ? Text() : t.part(at, by.size()));
         parts.emplace_back(at == std::string::npos ? Text() : t.part(at + by.size()));
         return Value(i.heap().list(std::move(parts), true));
       }},
      {"isdigit", [](Interpreter&, const Text& t,
                     Named) { return Value(all_are(t, [](char c) { return c >= '0' && c <= '9'; })); }},
      {"isalpha", [](Interpreter&, const Text& t,
                     Named) { return Value(all_are(t, [](char c) { return is_upper(c) || is_lower(c); })); }},
      {"isalnum",
       [](Interpreter&, const Text& t, Named) {
         return Value(
             all_are(t, [](char c) { return is_upper(c) || is_lower(c) || (c >= '0' && c <= '9'); }));
       }},
      {"isspace", [](Interpreter&, const Text& t, Named) { return Value(all_are(t, is_blank)); }},
      {"isupper",
       [](Interpreter&, const Text& t, Named) {
         return Value(std::any_of(t.bytes().begin(), t.bytes().end(), is_upper) &&
                      std::none_of(t.bytes().begin(), t.bytes().end(), is_lower));
       }},
      {"islower",
       [](Interpreter&, const Text& t, Named) {
         return Value(std::any_of(t.bytes().begin(), t.bytes().end(), is_lower) &&
                      std::none_of(t.bytes().begin(), t.bytes().end(), is_upper));
       }},
      {"format", [](Interpreter&, const Text& t, Named a) { return Value(braces_formatted(t, a)); }},
  };
  return methods;
}

using DictMethod = Value (*)(Interpreter&, const Dict&, Named);

const std::map<std::string_view, DictMethod>& dict_methods() {
  static const std::map<std::string_view, DictMethod> methods = {
      {"items", [](Interpreter& i, const Dict& d, Named) { return items_of_dict(i, d); }},
      {"keys",
       [](Interpreter& i, const Dict& d, Named) {
         std::vector<Value> keys;
         for (const auto& [key, value] : d.items) keys.emplace_back(key);
         return Value(i.heap().list(std::move(keys)));
       }},
      {"values",
       [](Interpreter& i, const Dict& d, Named) {
         std::vector<Value> values;
         for (const auto& [key, value] : d.items) values.push_back(value);
         return Value(i.heap().list(std::move(values)));
       }},
      {"get",
       [](Interpreter&, const Dict& d, Named a) {
         const Text* key = needed(a, 0, "get").text();
         const Value* found = key == nullptr ? nullptr : d.find(key->bytes());
         if (found != nullptr) return *found;
         const Value* fallback = a.find(1, "default");
         return fallback == nullptr ? Value() : *fallback;
       }},
      {"copy",
       [](Interpreter& i, const Dict& d, Named) {
         Dict* copy = i.heap().dict();
         copy->items = d.items;
         i.heap().charge(d.items.size() * sizeof(d.items[0]));
         return Value(copy);
       }},
  };
  return methods;
}

using ListMethod = Value (*)(const List&, Named);

const std::map<std::string_view, ListMethod>& list_methods() {
  static const std::map<std::string_view, ListMethod> methods = {
      {"index",
       [](const List& l, Named a) {
         for (size_t i = 0; i < l.items.size(); ++i) {
           if (equal(l.items[i], needed(a, 0, "index"))) return Value(static_cast<int64_t>(i));
         }
         throw Error("index: the value is not in the list");
       }},
      {"count",
       [](const List& l, Named a) {
         return Value(static_cast<int64_t>(std::count_if(l.items.begin(), l.items.end(), [&](const Value& v) {
           return equal(v, needed(a, 0, "count"));
         })));
       }},
  };
  return methods;
}

}  // namespace

Value method_of(Interpreter& interpreter, const Value& value, std::string_view name) {
  const Value none(Undefined{std::string(name)});
  const auto bound = [&](auto function) {
    return Value(interpreter.heap().object({.kind = "method", .call = std::move(function), .attribute = {}}));
  };
  if (const auto* text = value.as<TextPtr>()) {
    const auto found = text_methods().find(name);
    if (found == text_methods().end()) return none;
    return bound([self = *text, method = found->second](Interpreter& i, const Arguments& a) {
      i.step(self->size() / 256);
      return method(i, *self, a);
    });
  }
  if (const Dict* dict = value.dict()) {
    const auto found = dict_methods().find(name);
    if (found == dict_methods().end()) return none;
    return bound(
        [dict, method = found->second](Interpreter& i, const Arguments& a) { return method(i, *dict, a); });
  }
  if (const List* list = value.list()) {
    const auto found = list_methods().find(name);
    if (found == list_methods().end()) return none;
    return bound(
        [list, method = found->second](Interpreter&, const Arguments& a) { return method(*list, a); });
  }
  return none;
}

}  // namespace brim::tmpl
