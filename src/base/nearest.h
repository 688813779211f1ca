// What a misspelt name was meant to be. Hosted.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace brim {

// The name that differs from `wrong` in the fewest letters (put in, left out, others, or two neighbours
// swapped), if these are few: at most a third of them.
std::optional<std::string> nearest(std::string_view wrong, std::span<const std::string> names);

// "; did you mean NAME?", or nothing where no name is near. Ends a message.
std::string did_you_mean(std::string_view wrong, std::span<const std::string> names);

}  // namespace brim
