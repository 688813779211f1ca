// What drafts tokens, by the names that llama.cpp has for it. Freestanding.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace brim {

enum class SpecType : uint8_t {
  kAuto,   // whatever there is, the more promising first
  kNgram,  // looking up what followed the last tokens before
  kDraft,  // the image's draft model
  kNone,
};

inline constexpr auto kSpecTypes = std::to_array<std::string_view>({"auto", "ngram", "draft", "none"});

constexpr bool uses_ngram(SpecType type) { return type == SpecType::kAuto || type == SpecType::kNgram; }
constexpr bool uses_draft_model(SpecType type) { return type == SpecType::kAuto || type == SpecType::kDraft; }

// A Speculation's drafters, in the order in which they are added.
inline constexpr uint32_t kNgramDrafter = 0;
inline constexpr uint32_t kModelDrafter = 1;

constexpr std::string_view name_of(SpecType type) { return kSpecTypes[static_cast<size_t>(type)]; }

constexpr std::optional<SpecType> spec_type_named(std::string_view name) {
  for (size_t i = 0; i < kSpecTypes.size(); ++i) {
    if (name == kSpecTypes[i]) return static_cast<SpecType>(i);
  }
  return std::nullopt;
}

}  // namespace brim
