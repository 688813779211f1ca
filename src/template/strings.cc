#include "template/strings.h"

#include <cstdio>
#include <cstdlib>

#include "base/concat.h"
#include "template/arguments.h"

namespace brim::tmpl {

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

bool has_end(const Text& text, const Value& with, bool at_start) {
  if (const List* list = with.list()) {
    return std::any_of(list->items.begin(), list->items.end(),
                       [&](const Value& one) { return has_end(text, one, at_start); });
  }
  const std::string& other = text_of(with, at_start ? "startswith" : "endswith").bytes();
  return at_start ? text.bytes().starts_with(other) : text.bytes().ends_with(other);
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

}  // namespace brim::tmpl
