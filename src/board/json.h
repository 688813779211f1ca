// A board file as JSON: with the board that it is like filled in, and settings applied.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

namespace brim {

// The text of file `file` as one whole description. Throws Error for text that is no JSON object, a "like"
// that is no built-in board, and a setting or "set" whose key the description does not have.
nlohmann::json board_json(std::string_view text, const std::string& file,
                          std::span<const std::string> settings);

}  // namespace brim
