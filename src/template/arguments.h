// Reads the arguments of filters, functions and methods. All throw Error where one is not what it should be.
#pragma once

#include <cstdint>

#include "base/concat.h"
#include "base/error.h"
#include "template/interpreter.h"

namespace brim::tmpl {

inline const Text& text_of(const Value& value, const char* what) {
  if (value.is_undefined())
    throw Error(concat(what, " of '", value.as<Undefined>()->name, "', which is undefined"));
  if (value.text() == nullptr) throw Error(concat(what, " wants a string, not ", kind_of(value)));
  return *value.text();
}

inline Text text_argument(const Arguments& arguments, size_t place, const char* name, const char* fallback) {
  const Value* value = arguments.find(place, name);
  return value == nullptr || value->is_none() ? Text(fallback) : text_of(*value, name);
}

inline int64_t integer_argument(const Arguments& arguments, size_t place, const char* name,
                                int64_t fallback) {
  const Value* value = arguments.find(place, name);
  if (value == nullptr || value->is_none()) return fallback;
  int64_t result = 0;
  if (!value->integer(result)) throw Error(concat("'", name, "' must be an integer, not ", kind_of(*value)));
  return result;
}

inline bool flag_argument(const Arguments& arguments, size_t place, const char* name, bool fallback) {
  const Value* value = arguments.find(place, name);
  return value == nullptr ? fallback : is_true(*value);
}

inline const Value& needed(const Arguments& arguments, size_t place, const char* what) {
  if (place >= arguments.positional.size()) throw Error(concat(what, " wants ", place + 1, " argument(s)"));
  return arguments.positional[place];
}

}  // namespace brim::tmpl
