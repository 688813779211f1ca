// The content of a prompt's region: tokens, and the K and V that they have. Freestanding: the firmware reads
// it too. docs/image-format.md, "Prompt".
#pragma once

#include <cstdint>
#include <optional>

#include "image/header.h"

namespace brim {

enum class PromptKind : uint32_t {
  kText = 0,    // what a text to go on from begins with
  kSystem = 1,  // the system prompt of a chat
};

// Everything begins with a sector, as a card is read in these.
inline constexpr uint64_t kPromptAlignment = 512;
constexpr uint64_t in_prompt(uint64_t bytes) {
  return (bytes + kPromptAlignment - 1) / kPromptAlignment * kPromptAlignment;
}

// Behind it: ids of the tokens, u32 each; the text, UTF-8; the parts.
struct PromptHead {
  PromptKind kind;
  uint32_t tokens;  // whose K and V are there, from position 0 on
  // Of what was asked for: the tokens of a system prompt have the template's text round it.
  uint32_t text_bytes;
  uint32_t parts;
};
static_assert(sizeof(PromptHead) == 16);

// One contiguous piece of the KV cache. Behind it: its bytes.
struct PromptPart {
  uint64_t address;  // physical
  uint64_t bytes;
};
static_assert(sizeof(PromptPart) == 16);

// Null when the head can be that of the image's prompt, else what is wrong with it.
constexpr const char* check_prompt(const PromptHead& head, const ImageHeader& image) {
  if (head.kind != PromptKind::kText && head.kind != PromptKind::kSystem) return "its kind is unknown";
  if (head.tokens == 0 || head.tokens > image.context) return "it has no tokens, or more than the context";
  return nullptr;
}

// The model in whose KV cache the part lies; none: in no cache.
constexpr std::optional<uint16_t> model_of(const PromptPart& part, const ImageHeader& image) {
  for (uint32_t i = 0; i < image.region_count; ++i) {
    const RegionEntry& region = image.regions[i];
    const bool cache = region.kind == RegionKind::kKv || region.kind == RegionKind::kKvScales;
    if (cache && region.range().contains(part.address, part.bytes)) return region.model;
  }
  return std::nullopt;
}

}  // namespace brim
