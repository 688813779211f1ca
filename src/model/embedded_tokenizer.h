// The tokenizer that a GGUF file carries, as its metadata gives it; src/tokenizer builds one from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace brim {

struct EmbeddedTokenizer {
  std::string model;                // "llama": SentencePiece BPE; "gpt2": byte-level BPE
  std::string pre;                  // how text is split before byte-level BPE: "llama-bpe", "qwen2", ...
  std::vector<std::string> tokens;  // by id
  std::vector<float> scores;        // by id, or empty
  std::vector<int32_t> types;       // by id, or empty: 1 normal, 2 unknown, 3 control, 4 user-defined,
                                    // 5 unused, 6 byte
  std::vector<std::string> merges;  // "left right", best first; empty for SentencePiece
  std::optional<uint32_t> bos, eos, unknown, padding;
  std::optional<bool> add_bos, add_eos, add_space_prefix;
  std::string chat_template;  // Jinja, or empty
};

}  // namespace brim
