// Builds tokenizer blobs (format.h) from the files in which tokenizers are published. Hosted code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/format.h"

namespace brim {

// Reads a SentencePiece .model, a llama2.c tokenizer .bin, a Hugging Face tokenizer.json, or a directory
// that holds tokenizer.json or tokenizer.model. Which kind of file it is, is seen from the content.
// tokenizer_config.json, generation_config.json and chat_template.jinja beside a Hugging Face tokenizer
// give its chat template and its first and last tokens. Throws Error.
std::vector<uint8_t> build_tokenizer(const std::filesystem::path& path);

// A tokenizer as the arrays in which GGUF files keep it.
struct TokenizerArrays {
  std::string name;   // of the source, for messages
  std::string model;  // tokenizer.ggml.model: "llama" or "gpt2"
  std::string pre;    // tokenizer.ggml.pre, for "gpt2": "llama-bpe", "qwen2", "smollm", "gpt-2"
  std::vector<std::string> tokens;
  std::vector<float> scores;        // one per token, for "llama"
  std::vector<int32_t> types;       // one per token, numbered as TokenType; empty: all normal
  std::vector<std::string> merges;  // "left right", best first, for "gpt2"
  std::optional<uint32_t> bos;
  std::vector<uint32_t> ends;  // eos, eot
  std::optional<uint32_t> unknown;
  std::optional<bool> add_bos;            // absent: for "llama" only
  bool add_space_prefix = true;           // for "llama"
  bool remove_extra_whitespaces = false;  // for "llama"
  std::string chat_template;              // Jinja text, or empty
};

// Throws Error.
std::vector<uint8_t> build_tokenizer_from_arrays(const TokenizerArrays& arrays);

// Number of tokens of a blob. Throws Error if the blob is damaged.
uint32_t vocabulary_size(std::span<const uint8_t> blob);

}  // namespace brim
