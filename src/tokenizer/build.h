// Builds tokenizer blobs (format.h) from the files in which tokenizers are published. Hosted code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/arrays.h"
#include "tokenizer/format.h"
#include "tokenizer/tables.h"

namespace brim {

// Reads a SentencePiece .model, a llama2.c tokenizer .bin, a Hugging Face tokenizer.json, or a directory
// that holds tokenizer.json or tokenizer.model. Which kind of file it is, is seen from the content. What
// stands beside a Hugging Face tokenizer, or in the folder of the model that it is for (docs/tokenizer.md
// lists the files), gives its chat template, its added, first and last tokens. Added tokens beyond the
// model's vocabulary are left out. Throws Error.
std::vector<uint8_t> build_tokenizer(const std::filesystem::path& path,
                                     const std::filesystem::path& model_folder = {},
                                     uint32_t model_vocabulary = kMaxVocabulary);

// Throws Error.
std::vector<uint8_t> build_tokenizer_from_arrays(const TokenizerArrays& arrays);

// What the tokenizer's files say and is not followed, a line each.
std::vector<std::string> tokenizer_notes(const TokenizerTables& tables);

// Number of tokens of a blob. Throws Error if the blob is damaged.
uint32_t vocabulary_size(std::span<const uint8_t> blob);

}  // namespace brim
