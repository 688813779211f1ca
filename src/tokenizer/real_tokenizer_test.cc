// 400 nasty strings on real tokenizers: the ids of the Hugging Face library, as
// scripts/generate_nasty_golden.js hashed them. TinyLlama's and LLaMA-2's tokenizers are among the shared
// data; the others are read from the folder BRIM_REAL_TOKENIZERS (mistral.json, llama3.json, qwen3.json), if
// that is set.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tokenizer/build.h"
#include "tokenizer/test_texts.h"

namespace brim {
namespace {

const nlohmann::json& golden() {
  static const auto json = nlohmann::json::parse(
      test::read_text(std::filesystem::path(BRIM_SOURCE_DIR) / "src/tokenizer/testdata/nasty.json"));
  return json;
}

uint32_t hash_of(const std::vector<uint32_t>& ids) {
  uint32_t hash = 0x811C9DC5u;
  for (const uint32_t id : ids) {
    for (uint32_t shift = 0; shift < 32; shift += 8) hash = (hash ^ (id >> shift & 255)) * 0x01000193u;
  }
  return hash;
}

void expect_golden(const std::string& name, const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  const test::TestTokenizer tokenizer(build_tokenizer(file));
  const auto& texts = golden()["texts"];
  ASSERT_EQ(texts.size(), 400u);
  ASSERT_TRUE(golden()["hashes"].contains(name));
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto ids = tokenizer.encode(texts[i].get<std::string>(), {.parse_special = true});
    EXPECT_EQ(hash_of(ids), golden()["hashes"][name][i].get<uint32_t>())
        << texts[i] << testing::PrintToString(ids);
  }
}

std::filesystem::path real(const char* name) {
  const char* folder = std::getenv("BRIM_REAL_TOKENIZERS");
  return std::filesystem::path(folder == nullptr ? "BRIM_REAL_TOKENIZERS" : folder) / name;
}

TEST(RealTokenizer, TinyLlamaGivesTheIdsOfTheTokenizersLibrary) {
  expect_golden("tinyllama", test::shared_data("tokenizer/tinyllama_tokenizer.json"));
}
TEST(RealTokenizer, Llama2GivesTheIdsOfTheTokenizersLibraryFromItsSentencePieceModel) {
  expect_golden("tinyllama", test::shared_data("tokenizer/llama2-tokenizer.model"));
}
TEST(RealTokenizer, MistralGivesTheIdsOfTheTokenizersLibrary) {
  expect_golden("mistral", real("mistral.json"));
}
TEST(RealTokenizer, Llama3GivesTheIdsOfTheTokenizersLibrary) { expect_golden("llama3", real("llama3.json")); }
TEST(RealTokenizer, Qwen3GivesTheIdsOfTheTokenizersLibrary) { expect_golden("qwen3", real("qwen3.json")); }

}  // namespace
}  // namespace brim
