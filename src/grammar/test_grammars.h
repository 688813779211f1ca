// Grammars over bytes and over the demo model's vocabulary. For tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar_state.h"
#include "tokenizer/build.h"

namespace brim::test {

inline constexpr uint32_t kByteEnd = 256;

// A token for every byte, with the byte's number, and one that ends the text.
inline std::shared_ptr<const TokenTrie> byte_vocabulary() {
  static const auto trie = [] {
    std::vector<std::string> texts;
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    texts.emplace_back();
    return std::make_shared<const TokenTrie>(std::move(texts), std::vector<uint32_t>{kByteEnd});
  }();
  return trie;
}

inline std::shared_ptr<const TokenTrie> demo_vocabulary() {
  static const auto trie = [] {
    const std::vector<uint8_t> blob = build_tokenizer(BRIM_SOURCE_DIR "/models/demo");
    Tokenizer tokenizer;
    EXPECT_EQ(tokenizer.attach(blob), "");
    return std::make_shared<const TokenTrie>(tokenizer);
  }();
  return trie;
}

// Whether the whole text is one of the grammar's.
inline bool accepts(const GrammarState& fresh, std::string_view text) {
  GrammarState state = fresh;
  for (const char byte : text) {
    if (!state.accept(static_cast<uint8_t>(byte))) return false;
  }
  return state.can_end();
}

inline GrammarState gbnf(std::string_view text) { return {compile_gbnf(text), byte_vocabulary()}; }
inline GrammarState schema(std::string_view text) { return {compile_json_schema(text), byte_vocabulary()}; }

// The message of the Error that `call` throws; "" if it throws none.
template <typename Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

inline std::string gbnf_error(std::string_view text) {
  return error_of([&] { compile_gbnf(text); });
}
inline std::string schema_error(std::string_view text) {
  return error_of([&] { compile_json_schema(text); });
}

}  // namespace brim::test
