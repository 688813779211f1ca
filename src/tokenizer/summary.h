// What a tokenizer is, for people to read. Hosted code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace brim {

struct TokenizerSummary {
  struct Token {
    uint32_t id;
    std::string text;
  };
  struct Added : Token {
    bool special;  // only where special tokens are asked for
  };

  std::string kind;          // "byte-level BPE, words as in LLaMA-3"
  std::optional<Token> bos;  // put before texts
  bool adds_bos = false;
  std::vector<Token> ends;             // tokens that end a text or a turn
  std::vector<Added> added;            // tokens that are matched by their text, by id
  std::vector<std::string> templates;  // names of the chat templates
  std::vector<std::string> notes;      // what the files say and is not followed
};

TokenizerSummary summarise(const Tokenizer& tokenizer);

}  // namespace brim
