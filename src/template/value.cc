#include "template/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/concat.h"
#include "base/error.h"

namespace brim::tmpl {

namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;  // of everything that one rendering makes
constexpr int kMaxNesting = 100;

void check_depth(int depth) {
  if (depth > kMaxNesting) throw Error("values are nested too deeply");
}

size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t bytes = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 1;
  if (bytes > text.size()) return 1;
  for (size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 1;
  }
  return bytes;
}

// repr() of a float: the shortest digits that give it back.
std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
  const std::string text(digits, end);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) {
    char shown[16];
    std::snprintf(shown, sizeof shown, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return text.substr(0, e) + shown;
  }
  char fixed[400];
  const auto fixed_end = std::to_chars(fixed, fixed + sizeof fixed, value, std::chars_format::fixed).ptr;
  std::string result(fixed, fixed_end);
  if (result.find('.') == std::string::npos) result += ".0";
  return result;
}

std::string quoted(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  std::string result(1, quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\r') {
      result += "\\r";
    } else if (c == '\t') {
      result += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", byte);
      result += code;
    } else {
      result += c;
    }
  }
  return result + quote;
}

std::string json_string(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\t':
        result += "\\t";
        break;
      case '\b':
        result += "\\b";
        break;
      case '\f':
        result += "\\f";
        break;
      default:
        if (byte < 0x20) {
          char code[8];
          std::snprintf(code, sizeof code, "\\u%04x", byte);
          result += code;
        } else {
          result += c;
        }
    }
  }
  return result + '"';
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}

  void write(const Value& value, int depth) {
    check_depth(depth);
    if (const Text* text = value.text()) {
      has_input_ |= text->has_input();
      out_ += json_string(text->bytes());
    } else if (const List* list = value.list()) {
      write_items('[', ']', list->items.size(), depth, [&](size_t i) { write(list->items[i], depth + 1); });
    } else if (const Dict* dict = value.dict()) {
      write_dict(*dict, depth);
    } else if (const bool* flag = value.as<bool>()) {
      out_ += *flag ? "true" : "false";
    } else if (value.is_none()) {
      out_ += "null";
    } else if (value.is_number()) {
      out_ += to_text(value).bytes();
    } else {
      throw Error(concat("tojson: ", kind_of(value), " is no JSON"));
    }
  }

  Text take() { return Text(std::move(out_), has_input_); }

 private:
  void write_dict(const Dict& dict, int depth) {
    std::vector<size_t> order(dict.items.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (style_.sort_keys) {
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return dict.items[a].first->bytes() < dict.items[b].first->bytes();
      });
    }
    write_items('{', '}', order.size(), depth, [&](size_t i) {
      const auto& [key, value] = dict.items[order[i]];
      has_input_ |= key->has_input();
      out_ += json_string(key->bytes()) + style_.key_separator;
      write(value, depth + 1);
    });
  }

  template <typename WriteItem>
  void write_items(char open, char close, size_t count, int depth, const WriteItem& write_item) {
    out_ += open;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out_ += style_.item_separator;
      new_line(depth + 1);
      write_item(i);
    }
    if (count > 0) new_line(depth);
    out_ += close;
  }

  void new_line(int depth) {
    if (style_.indent < 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(style_.indent) * static_cast<size_t>(depth), ' ');
    if (out_.size() > kMaxBytes) throw Error("tojson: the text is too long");
  }

  const JsonStyle& style_;
  std::string out_;
  bool has_input_ = false;
};

}  // namespace

Value* Dict::find(std::string_view key) {
  return const_cast<Value*>(static_cast<const Dict*>(this)->find(key));
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : items) {
    if (name->bytes() == key) return &value;
  }
  return nullptr;
}

void Dict::set(const TextPtr& key, Value value) {
  if (Value* old = find(key->bytes())) {
    *old = std::move(value);
  } else {
    items.emplace_back(key, std::move(value));
  }
}

const Value* Arguments::find(size_t place, std::string_view name) const {
  if (place < positional.size()) return &positional[place];
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

double Value::number() const {
  if (const bool* flag = as<bool>()) return *flag ? 1 : 0;
  if (const int64_t* integer = as<int64_t>()) return static_cast<double>(*integer);
  const double* real = as<double>();
  return real == nullptr ? 0 : *real;
}

bool Value::integer(int64_t& out) const {
  if (const bool* flag = as<bool>()) {
    out = *flag ? 1 : 0;
    return true;
  }
  const int64_t* value = as<int64_t>();
  if (value != nullptr) out = *value;
  return value != nullptr;
}

List* Heap::list(std::vector<Value> items, bool tuple) {
  charge(sizeof(List) + items.size() * sizeof(Value));
  return &lists_.emplace_back(List{std::move(items), tuple});
}

Dict* Heap::dict() {
  charge(sizeof(Dict));
  return &dicts_.emplace_back();
}

Object* Heap::object(Object object) {
  charge(sizeof(Object));
  return &objects_.emplace_back(std::move(object));
}

void Heap::charge(size_t bytes) {
  charged_ += bytes;
  if (charged_ > kMaxBytes) throw Error("the template makes more than 64 MiB of values");
}

std::string kind_of(const Value& value) {
  if (value.is_undefined()) return "an undefined value";
  if (value.is_none()) return "none";
  if (value.as<bool>() != nullptr) return "a boolean";
  if (value.as<int64_t>() != nullptr) return "an integer";
  if (value.as<double>() != nullptr) return "a real number";
  if (value.text() != nullptr) return "a string";
  if (const List* list = value.list()) return list->tuple ? "a tuple" : "a list";
  if (value.dict() != nullptr) return "a dictionary";
  return "a " + value.object()->kind;
}

bool is_true(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_number()) return value.number() != 0;
  if (const Text* text = value.text()) return text->size() > 0;
  if (const List* list = value.list()) return !list->items.empty();
  if (const Dict* dict = value.dict()) return !dict->items.empty();
  return true;
}

bool equal(const Value& a, const Value& b, int depth) {
  check_depth(depth);
  if (a.is_number() && b.is_number()) {
    int64_t i = 0;
    int64_t k = 0;
    return a.integer(i) && b.integer(k) ? i == k : a.number() == b.number();
  }
  if (a.text() != nullptr && b.text() != nullptr) return a.text()->bytes() == b.text()->bytes();
  if (a.is_none() || a.is_undefined()) return a.is_none() ? b.is_none() : b.is_undefined();
  if (const List* x = a.list(), *y = b.list(); x != nullptr && y != nullptr) {
    return x->tuple == y->tuple &&
           std::equal(x->items.begin(), x->items.end(), y->items.begin(), y->items.end(),
                      [&](const Value& v, const Value& w) { return equal(v, w, depth + 1); });
  }
  if (const Dict* x = a.dict(), *y = b.dict(); x != nullptr && y != nullptr) {
    if (x->items.size() != y->items.size()) return false;
    return std::all_of(x->items.begin(), x->items.end(), [&](const auto& item) {
      const Value* other = y->find(item.first->bytes());
      return other != nullptr && equal(item.second, *other, depth + 1);
    });
  }
  return a.object() != nullptr && a.object() == b.object();
}

int compare(const Value& a, const Value& b, int depth) {
  check_depth(depth);
  if (a.is_number() && b.is_number()) {
    int64_t i = 0;
    int64_t k = 0;
    if (a.integer(i) && b.integer(k)) return i < k ? -1 : i > k ? 1 : 0;
    return a.number() < b.number() ? -1 : a.number() > b.number() ? 1 : 0;
  }
  if (a.text() != nullptr && b.text() != nullptr) {
    const int order = a.text()->bytes().compare(b.text()->bytes());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (const List* x = a.list(), *y = b.list(); x != nullptr && y != nullptr) {
    for (size_t i = 0; i < std::min(x->items.size(), y->items.size()); ++i) {
      if (!equal(x->items[i], y->items[i], depth + 1)) return compare(x->items[i], y->items[i], depth + 1);
    }
    return x->items.size() < y->items.size() ? -1 : x->items.size() > y->items.size() ? 1 : 0;
  }
  throw Error(concat(kind_of(a), " and ", kind_of(b), " cannot be put in order"));
}

Text to_text(const Value& value) {
  if (const Text* text = value.text()) return *text;
  Text out;
  if (!value.is_undefined()) write_repr(value, out);
  return out;
}

void write_repr(const Value& value, Text& out, int depth) {
  check_depth(depth);
  const auto write_all = [&](const std::vector<Value>& items) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.append(", ");
      write_repr(items[i], out, depth + 1);
    }
  };
  if (out.size() > kMaxBytes) throw Error("the text of a value is too long");
  if (const Text* text = value.text()) {
    out.append(Text(quoted(text->bytes()), text->has_input()));
  } else if (const bool* flag = value.as<bool>()) {
    out.append(*flag ? "True" : "False");
  } else if (const int64_t* integer = value.as<int64_t>()) {
    out.append(std::to_string(*integer));
  } else if (const double* real = value.as<double>()) {
    out.append(real_text(*real));
  } else if (value.is_none()) {
    out.append("None");
  } else if (value.is_undefined()) {
    out.append("Undefined");
  } else if (const List* list = value.list()) {
    out.append(list->tuple ? "(" : "[");
    write_all(list->items);
    if (list->tuple && list->items.size() == 1) out.append(",");
    out.append(list->tuple ? ")" : "]");
  } else if (const Dict* dict = value.dict()) {
    out.append("{");
    for (size_t i = 0; i < dict->items.size(); ++i) {
      if (i > 0) out.append(", ");
      const Text& key = *dict->items[i].first;
      out.append(Text(quoted(key.bytes()), key.has_input()));
      out.append(": ");
      write_repr(dict->items[i].second, out, depth + 1);
    }
    out.append("}");
  } else {
    out.append(concat("<", value.object()->kind, ">"));
  }
}

Text to_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.write(value, 0);
  return writer.take();
}

Value from_json(const nlohmann::ordered_json& json, bool input, Heap& heap, int depth) {
  check_depth(depth);
  if (json.is_string()) {
    heap.charge(json.get_ref<const std::string&>().size());
    return Value(Text(json.get<std::string>(), input));
  }
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_integer()) {
    // Beyond 64 signed bits Python's integers go on, as real numbers do here.
    if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return Value(static_cast<double>(json.get<uint64_t>()));
    }
    return Value(json.get<int64_t>());
  }
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const auto& item : json) items.push_back(from_json(item, input, heap, depth + 1));
    return Value(heap.list(std::move(items)));
  }
  if (json.is_object()) {
    Dict* dict = heap.dict();
    heap.charge(json.size() * sizeof(dict->items[0]));
    for (const auto& [key, value] : json.items()) {
      dict->items.emplace_back(std::make_shared<const Text>(key, input),
                               from_json(value, input && !(key == "role" && depth == 1), heap, depth + 1));
    }
    return Value(dict);
  }
  return {};
}

size_t characters(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(character_bytes(text));
  return count;
}

std::vector<size_t> character_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.size(); at += character_bytes(text.substr(at))) offsets.push_back(at);
  offsets.push_back(text.size());
  return offsets;
}

}  // namespace brim::tmpl
