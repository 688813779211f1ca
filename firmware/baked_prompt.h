// A prompt that the image brings with its K and V (image/prompt_region.h): read from the card into the KV
// cache.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/fat32.h"
#include "image/header.h"

namespace brim {

class BakedPrompt {
 public:
  // Nothing to do where the image has none; else it must be the last that writes to the first positions of
  // the KV cache. False, with what is wrong on the console, if the card does not have it.
  bool load(const ImageHeader& image, Fat32* volume);

  // Whose K and V stand in the cache: its first kMostTokens.
  std::span<const uint32_t> tokens() const { return {tokens_, count_}; }
  // Whose K and V stand in the draft model's cache: the same, or none.
  std::span<const uint32_t> draft_tokens() const { return {tokens_, with_draft_ ? count_ : 0}; }
  // The system prompt that conversations begin with; empty: none.
  std::string_view system() const { return {text_, text_bytes_}; }

 private:
  static constexpr uint32_t kMostTokens = 2048;
  static constexpr uint32_t kMostText = 3072;  // of a system prompt

  class Reader;
  const char* read(Reader& reader, const ImageHeader& image);

  uint32_t tokens_[kMostTokens] = {};
  uint32_t count_ = 0;
  char text_[kMostText] = {};
  uint32_t text_bytes_ = 0;
  bool with_draft_ = false;
};

}  // namespace brim
