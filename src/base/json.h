// Reading JSON that others wrote, with messages that lead to the place in their file. Hosted.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace brim {

// What keeps `text` from being JSON and where, as "is not valid JSON at line 3, column 7"; lines and columns
// (bytes) count from 1. Empty: nothing does.
std::string json_problem(std::string_view text);

// `check` is nlohmann's: it is told of every key and value. Throws Error "FILE: problem".
template <typename Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& file,
                const typename Json::parser_callback_t& check = nullptr) {
  try {
    return Json::parse(text, check);
  } catch (const nlohmann::json::exception&) {
    throw Error(file + ": " + json_problem(text));
  }
}

}  // namespace brim
