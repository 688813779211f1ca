// A prompt that an image brings with its K and V, so that it need not be run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "image/mapped_image.h"
#include "image/prompt_region.h"

namespace brim {

struct BakedPrompt {
  PromptKind kind = PromptKind::kText;
  std::string text;
  std::vector<uint32_t> tokens;
  // Pieces of the KV cache in the order of kv_ranges(program, tokens.size()); of the mapped image.
  std::vector<std::span<const uint8_t>> cache;
  // Likewise of the draft model's. Empty: the image has none, or its context is shorter than the prompt.
  std::vector<std::span<const uint8_t>> draft_cache;

  // What the draft model's cache holds.
  std::span<const uint32_t> draft_tokens() const {
    return draft_cache.empty() ? std::span<const uint32_t>() : tokens;
  }
};

// The image's; none if it has none. Throws Error, naming the image, where it is malformed or its pieces are
// not those of the image's program.
std::optional<BakedPrompt> baked_prompt(const MappedImage& image);

// Writes a copy of `image` with `prompt`, in the place of the one that it may have, to `path`. Throws Error
// as OutputFile does.
void write_with_prompt(const MappedImage& image, const BakedPrompt& prompt,
                       const std::filesystem::path& path);

}  // namespace brim
