#include "template/builtins.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/concat.h"

namespace brim::tmpl {

namespace {

using Named = const Arguments&;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F); }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
char upper(char c) { return is_lower(c) ? static_cast<char>(c - 32) : c; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; }

const Text& text_of(const Value& value, const char* what) {
  if (value.is_undefined())
    throw Error(concat(what, " of '", value.as<Undefined>()->name, "', which is undefined"));
  if (value.text() == nullptr) throw Error(concat(what, " wants a string, not ", kind_of(value)));
  return *value.text();
}

Text text_argument(const Arguments& arguments, size_t place, const char* name, const char* fallback) {
  const Value* value = arguments.find(place, name);
  return value == nullptr || value->is_none() ? Text(fallback) : text_of(*value, name);
}

int64_t integer_argument(const Arguments& arguments, size_t place, const char* name, int64_t fallback) {
  const Value* value = arguments.find(place, name);
  if (value == nullptr || value->is_none()) return fallback;
  int64_t result = 0;
  if (!value->integer(result)) throw Error(concat("'", name, "' must be an integer, not ", kind_of(*value)));
  return result;
}

bool flag_argument(const Arguments& arguments, size_t place, const char* name, bool fallback) {
  const Value* value = arguments.find(place, name);
  return value == nullptr ? fallback : is_true(*value);
}

const Value& needed(const Arguments& arguments, size_t place, const char* what) {
  if (place >= arguments.positional.size()) throw Error(concat(what, " wants ", place + 1, " argument(s)"));
  return arguments.positional[place];
}

// ---- strings

// Without characters at the ends that stand in `set` (white space if there is none).
Text stripped(const Text& text, const Value* set, bool left, bool right) {
  const std::string& bytes = text.bytes();
  size_t begin = 0;
  size_t end = bytes.size();
  if (set == nullptr || set->is_none()) {
    while (left && begin < end && is_blank(bytes[begin])) ++begin;
    while (right && end > begin && is_blank(bytes[end - 1])) --end;
    return text.part(begin, end - begin);
  }
  const std::string& characters_of_set = text_of(*set, "strip").bytes();
  const std::vector<size_t> offsets = character_offsets(bytes);
  const std::vector<size_t> set_offsets = character_offsets(characters_of_set);
  const auto in_set = [&](size_t i) {
    const std::string_view character =
        std::string_view(bytes).substr(offsets[i], offsets[i + 1] - offsets[i]);
    for (size_t k = 0; k + 1 < set_offsets.size(); ++k) {
      if (std::string_view(characters_of_set).substr(set_offsets[k], set_offsets[k + 1] - set_offsets[k]) ==
          character) {
        return true;
      }
    }
    return false;
  };
  size_t first = 0;
  size_t last = offsets.size() - 1;
  while (left && first < last && in_set(first)) ++first;
  while (right && last > first && in_set(last - 1)) --last;
  return text.part(offsets[first], offsets[last] - offsets[first]);
}

// ASCII letters changed by `change(byte, whether it begins a word)`.
template <typename Change>
Text mapped(const Text& text, const Change& change) {
  Text result;
  bool word_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text.bytes()[i];
    result.append(Text(std::string(1, change(c, word_start)), text.is_input(i)));
    word_start = !(is_upper(c) || is_lower(c) || static_cast<unsigned char>(c) >= 0x80);
  }
  return result;
}

// The filter `title`: words begin behind white space and opening brackets only, unlike those of str.title().
Text titled(const Text& text) {
  bool start = true;
  return mapped(text, [&](char c, bool) {
    const char result = start ? upper(c) : lower(c);
    start = is_blank(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    return result;
  });
}

Text capitalised(const Text& text) {
  bool first = true;
  return mapped(text, [&](char c, bool) { return std::exchange(first, false) ? upper(c) : lower(c); });
}

Value split(Interpreter& interpreter, const Text& text, const Arguments& arguments, bool from_right) {
  const Value* separator = arguments.find(0, "sep");
  int64_t most = integer_argument(arguments, 1, "maxsplit", -1);
  const std::string& bytes = text.bytes();
  std::vector<std::pair<size_t, size_t>> parts;  // begin, end
  if (separator == nullptr || separator->is_none()) {
    // Runs of white space; what is left over after maxsplit keeps its own.
    if (from_right) {
      size_t end = bytes.size();
      while (true) {
        while (end > 0 && is_blank(bytes[end - 1])) --end;
        if (end == 0) break;
        size_t begin = end;
        while (begin > 0 && most != 0 && !is_blank(bytes[begin - 1])) --begin;
        if (most == 0) begin = 0;
        parts.emplace_back(begin, end);
        end = begin;
        if (most-- == 0) break;
      }
      std::reverse(parts.begin(), parts.end());
    } else {
      size_t begin = 0;
      while (true) {
        while (begin < bytes.size() && is_blank(bytes[begin])) ++begin;
        if (begin == bytes.size()) break;
        size_t end = most == 0 ? bytes.size() : begin;
        while (end < bytes.size() && !is_blank(bytes[end])) ++end;
        parts.emplace_back(begin, end);
        begin = end;
        if (most-- == 0) break;
      }
    }
  } else {
    const std::string& by = text_of(*separator, "split").bytes();
    if (by.empty()) throw Error("split by an empty string");
    if (from_right) {
      size_t end = bytes.size();
      for (; most != 0; --most) {
        const size_t at = end < by.size() ? std::string::npos : bytes.rfind(by, end - by.size());
        if (at == std::string::npos) break;
        parts.emplace_back(at + by.size(), end);
        end = at;
      }
      parts.emplace_back(0, end);
      std::reverse(parts.begin(), parts.end());
    } else {
      size_t begin = 0;
      for (; most != 0; --most) {
        const size_t at = bytes.find(by, begin);
        if (at == std::string::npos) break;
        parts.emplace_back(begin, at);
        begin = at + by.size();
      }
      parts.emplace_back(begin, bytes.size());
    }
  }
  interpreter.heap().charge(bytes.size() + parts.size() * 128);
  interpreter.step(parts.size());
  std::vector<Value> items;
  for (const auto& [begin, end] : parts) items.emplace_back(text.part(begin, end - begin));
  return Value(interpreter.heap().list(std::move(items)));
}

Value split_lines(Interpreter& interpreter, const Text& text, bool keep_ends) {
  const std::string& bytes = text.bytes();
  std::vector<Value> lines;
  for (size_t begin = 0; begin < bytes.size();) {
    size_t end = begin;
    while (end < bytes.size() && !(bytes[end] >= '\n' && bytes[end] <= '\r')) ++end;
    size_t next = std::min(end + 1, bytes.size());
    if (end + 1 < bytes.size() && bytes[end] == '\r' && bytes[end + 1] == '\n') ++next;
    lines.emplace_back(text.part(begin, (keep_ends ? next : end) - begin));
    begin = next;
  }
  interpreter.heap().charge(bytes.size() + lines.size() * 128);
  interpreter.step(lines.size());
  return Value(interpreter.heap().list(std::move(lines)));
}

Text replaced(Interpreter& interpreter, const Text& text, const Text& what, const Text& by, int64_t most) {
  Text result;
  size_t begin = 0;
  const auto put = [&](const Text& part) {
    interpreter.heap().charge(part.size() + 1);
    result.append(part);
  };
  if (what.size() == 0) {
    // Python puts it before each character and at the end.
    const std::vector<size_t> offsets = character_offsets(text.bytes());
    for (size_t i = 0; i < offsets.size(); ++i) {
      if (most < 0 || most-- > 0) put(by);
      if (i + 1 < offsets.size()) put(text.part(offsets[i], offsets[i + 1] - offsets[i]));
    }
    return result;
  }
  for (; most != 0; --most) {
    const size_t at = text.bytes().find(what.bytes(), begin);
    if (at == std::string::npos) break;
    put(text.part(begin, at - begin));
    put(by);
    begin = at + what.size();
  }
  put(text.part(begin));
  return result;
}

Text joined(Interpreter& interpreter, const std::vector<Value>& items, const Text& by) {
  Text result;
  for (size_t i = 0; i < items.size(); ++i) {
    const Text item = to_text(items[i]);
    interpreter.heap().charge(item.size() + by.size());
    if (i > 0) result.append(by);
    result.append(item);
  }
  return result;
}

// Whether a string begins (ends) with another one, or with one of a tuple.
bool has_end(const Text& text, const Value& with, bool at_start) {
  if (const List* list = with.list()) {
    return std::any_of(list->items.begin(), list->items.end(),
                       [&](const Value& one) { return has_end(text, one, at_start); });
  }
  const std::string& other = text_of(with, at_start ? "startswith" : "endswith").bytes();
  return at_start ? text.bytes().starts_with(other) : text.bytes().ends_with(other);
}

// All characters are of a kind, and there is one.
template <typename Is>
bool all_are(const Text& text, const Is& is) {
  return text.size() > 0 && std::all_of(text.bytes().begin(), text.bytes().end(), is);
}

Value found_at(const Text& text, size_t byte) {
  if (byte == std::string::npos) return Value(int64_t{-1});
  return Value(static_cast<int64_t>(characters(std::string_view(text.bytes()).substr(0, byte))));
}

int64_t occurrences(const Text& text, const Text& what) {
  if (what.size() == 0) return static_cast<int64_t>(characters(text.bytes())) + 1;
  int64_t count = 0;
  for (size_t at = text.bytes().find(what.bytes()); at != std::string::npos;
       at = text.bytes().find(what.bytes(), at + what.size())) {
    ++count;
  }
  return count;
}

// "%s"-style formatting.
Text formatted(Interpreter& interpreter, const Text& format, const Arguments& arguments) {
  const std::string& bytes = format.bytes();
  Text result;
  size_t next = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '%') {
      result.append(format.part(i, 1));
      continue;
    }
    std::string spec;
    for (++i;
         i < bytes.size() && (bytes[i] == '.' || bytes[i] == '-' || (bytes[i] >= '0' && bytes[i] <= '9'));
         ++i) {
      spec += bytes[i];
    }
    if (i == bytes.size() || spec.size() > 5) throw Error("a format is not complete");
    if (bytes[i] == '%') {
      result.append("%");
      continue;
    }
    const Value& value = needed(arguments, next++, "format");
    char room[512];
    switch (bytes[i]) {
      case 's':
        result.append(to_text(value));
        break;
      case 'r':
        write_repr(value, result);
        break;
      case 'd':
      case 'i': {
        if (!value.is_number()) throw Error(concat("%d wants a number, not ", kind_of(value)));
        std::snprintf(room, sizeof room, concat("%", spec, "lld").c_str(),
                      static_cast<long long>(value.number()));
        result.append(room);
        break;
      }
      case 'f':
        if (!value.is_number()) throw Error(concat("%f wants a number, not ", kind_of(value)));
        std::snprintf(room, sizeof room, concat("%", spec, "f").c_str(), value.number());
        result.append(room);
        break;
      default:
        throw Error(concat("the format %", bytes[i], " is not supported"));
    }
    interpreter.heap().charge(64);
  }
  if (next < arguments.positional.size()) throw Error("a format takes fewer values than it is given");
  return result;
}

// {} and {0} and {name} of Python's str.format, without format specifications.
Text braces_formatted(const Text& format, const Arguments& arguments) {
  const std::string& bytes = format.bytes();
  Text result;
  size_t next = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] == '{' || bytes[i] == '}') && i + 1 < bytes.size() && bytes[i + 1] == bytes[i]) {
      result.append(format.part(i++, 1));
      continue;
    }
    if (bytes[i] != '{') {
      result.append(format.part(i, 1));
      continue;
    }
    const size_t close = bytes.find('}', i);
    if (close == std::string::npos) throw Error("a format is not complete");
    const std::string name = bytes.substr(i + 1, close - i - 1);
    const bool number =
        !name.empty() && name.size() < 4 && name.find_first_not_of("0123456789") == std::string::npos;
    const Value* value = name.empty() ? arguments.find(next++, "")
                                      : arguments.find(number ? std::stoul(name) : SIZE_MAX, name);
    if (value == nullptr) throw Error(concat("the format {", name, "} has no value"));
    result.append(to_text(*value));
    i = close;
  }
  return result;
}

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

// ---- dictionaries and lists

Value items_of_dict(Interpreter& interpreter, const Dict& dict) {
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    items.emplace_back(interpreter.heap().list({Value(key), value}, true));
  }
  return Value(interpreter.heap().list(std::move(items)));
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
