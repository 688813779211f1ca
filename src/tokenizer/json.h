// Lenient access to JSON files: what is absent or of another kind is as if it were not there. Hosted code.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/json.h"

namespace brim {

using Json = nlohmann::json;

// json[key], or null where there is none.
inline const Json& at(const Json& json, const char* key) {
  static const Json null;
  if (!json.is_object()) return null;
  const auto found = json.find(key);
  return found == json.end() ? null : *found;
}

inline std::string text_or(const Json& json, const std::string& fallback) {
  return json.is_string() ? json.get<std::string>() : fallback;
}

inline bool flag_or(const Json& json, bool fallback) {
  return json.is_boolean() ? json.get<bool>() : fallback;
}

}  // namespace brim
