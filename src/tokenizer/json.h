// Lenient access to JSON files: what is absent or of another kind is as if it were not there. Hosted code.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

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

// Throws Error naming the file.
inline Json parse_json(std::string_view text, const std::string& name) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw Error(name + ": is no valid JSON; fetch the file again");
  return json;
}

}  // namespace brim
