// Builds tokenizer blobs (format.h) from the files in which tokenizers are published. Hosted code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/format.h"

namespace brim {

// Reads a SentencePiece .model, a llama2.c tokenizer .bin, a Hugging Face tokenizer.json, or a directory
// that holds tokenizer.json or tokenizer.model; which of them is seen from the content. Throws Error.
std::vector<uint8_t> build_tokenizer(const std::filesystem::path& path);

// The parts, for content that is already in memory. `name` is what messages call it.
std::vector<uint8_t> build_from_sentencepiece(std::span<const uint8_t> model, const std::string& name);
std::vector<uint8_t> build_from_llama2c(std::span<const uint8_t> bin, const std::string& name);

// Number of tokens of a blob. Throws Error if the blob is damaged.
uint32_t vocabulary_size(std::span<const uint8_t> blob);

}  // namespace brim
