// What a checkpoint that carries its tokenizer (GGUF) says about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace brim {

// A tokenizer as the arrays in which GGUF files keep it.
struct TokenizerArrays {
  std::string name = {};   // of the source, for messages
  std::string model = {};  // tokenizer.ggml.model: "llama" or "gpt2"
  std::string pre = {};    // tokenizer.ggml.pre, for "gpt2": "llama-bpe", "qwen2", "smollm", "gpt-2"
  std::vector<std::string> tokens = {};
  std::vector<float> scores = {};        // one per token or none, for "llama"
  std::vector<int32_t> types = {};       // one per token, numbered as TokenType; empty: all normal
  std::vector<std::string> merges = {};  // "left right", best first, for "gpt2"
  std::optional<uint32_t> bos = {};
  std::vector<uint32_t> ends = {};  // eos, eot
  std::optional<uint32_t> unknown = {};
  std::optional<bool> add_bos = {};       // absent: for "llama" only
  bool add_space_prefix = true;           // for "llama"
  bool remove_extra_whitespaces = false;  // for "llama"
  std::string chat_template = {};         // Jinja text, or empty
};

}  // namespace brim
