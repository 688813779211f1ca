// What a checkpoint that carries its tokenizer (GGUF) says about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace brim {

// A tokenizer as the arrays in which GGUF files keep it.
struct TokenizerArrays {
  std::string name = {};   // of the source, for messages
  std::string model = {};  // tokenizer.ggml.model: "llama" or "gpt2"
  std::string pre = {};    // tokenizer.ggml.pre, for "gpt2": "llama-bpe", "qwen2", ..., docs/tokenizer.md
  std::vector<std::string> tokens = {};
  std::vector<float> scores = {};        // one per token or none, for "llama"
  std::vector<int32_t> types = {};       // one per token, numbered as TokenType; empty: all normal
  std::vector<std::string> merges = {};  // "left right", best first, for "gpt2"
  std::optional<uint32_t> bos = {};
  std::optional<uint32_t> eos = {};
  std::vector<uint32_t> ends = {};  // besides eos: eot, eom
  std::optional<uint32_t> unknown = {};
  std::optional<bool> add_bos = {};       // absent: as llama.cpp has it for model and pre
  bool add_space_prefix = true;           // for "llama"
  bool remove_extra_whitespaces = false;  // for "llama"
  std::vector<std::pair<std::string, std::string>> chat_templates = {};  // name ("default"), Jinja text
  std::vector<std::string> notes = {};  // what is present and not followed, a line each
};

}  // namespace brim
