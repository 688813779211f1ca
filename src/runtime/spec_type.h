// What drafts tokens, by the names that llama.cpp has for it. Freestanding.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace brim {

enum class SpecType : uint8_t {
  kAuto,   // whatever there is
  kNgram,  // looking up what followed the last tokens before
  kNone,
};

inline constexpr auto kSpecTypes = std::to_array<std::string_view>({"auto", "ngram", "none"});

constexpr std::string_view name_of(SpecType type) { return kSpecTypes[static_cast<size_t>(type)]; }

constexpr std::optional<SpecType> spec_type_named(std::string_view name) {
  for (size_t i = 0; i < kSpecTypes.size(); ++i) {
    if (name == kSpecTypes[i]) return static_cast<SpecType>(i);
  }
  return std::nullopt;
}

}  // namespace brim
