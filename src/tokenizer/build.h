// Builds tokenizer blobs (format.h) from the files in which tokenizers are published. Hosted code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "tokenizer/arrays.h"
#include "tokenizer/format.h"

namespace brim {

// Reads a SentencePiece .model, a llama2.c tokenizer .bin, a Hugging Face tokenizer.json, or a directory
// that holds tokenizer.json or tokenizer.model. Which kind of file it is, is seen from the content.
// tokenizer_config.json, generation_config.json and chat_template.jinja beside a Hugging Face tokenizer
// give its chat template and its first and last tokens. Throws Error.
std::vector<uint8_t> build_tokenizer(const std::filesystem::path& path);

// Throws Error.
std::vector<uint8_t> build_tokenizer_from_arrays(const TokenizerArrays& arrays);

// Number of tokens of a blob. Throws Error if the blob is damaged.
uint32_t vocabulary_size(std::span<const uint8_t> blob);

}  // namespace brim
