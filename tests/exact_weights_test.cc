// The same interpreter and program, with the weights kept exact: what is left must be llama2.c's FP32
// decoder.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/interpreter.h"
#include "runtime/sampler.h"
#include "tests/support/exact_kernels.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

// The token ids that llama2.c's run.c gives greedily from BOS on, BOS included.
std::vector<uint32_t> golden_ids() {
  std::ifstream file(stories260k_folder() + "golden_greedy_256.ids.txt");
  std::string label;
  file >> label;
  std::vector<uint32_t> ids;
  for (uint32_t id; file >> id;) ids.push_back(id);
  return ids;
}

TEST(ExactWeights, GreedyIdsOfStories260KAreTheOnesOfLlama2c) {
  BRIM_NEED_STORIES260K();
  const auto source = open_model(stories260k_folder() + "stories260K.bin");
  const PackedModel packed(*source, EmbeddingFormat::kFp16, 512);
  Interpreter executor(packed.image(), std::make_unique<ExactKernels>(*source), {.max_tokens_per_pass = 1});
  const auto golden = golden_ids();
  ASSERT_EQ(golden.size(), 257u);
  std::vector<uint32_t> ids = {golden[0]};
  while (ids.size() < golden.size()) {
    const auto logits = executor.run(
        {.tokens = {&ids.back(), 1}, .position = static_cast<uint32_t>(ids.size() - 1), .first_logits = 0});
    ids.push_back(argmax(logits));
  }
  EXPECT_EQ(ids, golden);
}

// Half-split RoPE, llama3 frequency scaling, GQA and tied embeddings, from a Hugging Face directory. What is
// left are the FP16 embedding (2^-12 of each element at most) and A16 (2^-15 of the largest in a block);
// through two layers and RMSNorms these stay below 2^-8 of the logits' own size.
TEST(ExactWeights, LogitsOfTheHuggingFaceModelAreItsGoldenOnes) {
  const std::string folder = std::string(BRIM_SHARED_DATA) + "/hf-tiny-llama/";
  std::ifstream file(folder + "golden.json");
  if (!file) GTEST_SKIP() << folder << " is not there";
  const auto golden = nlohmann::json::parse(file)["cases"]["full_b1"];
  const auto ids = golden["input_ids"][0].get<std::vector<uint32_t>>();
  const auto expected = golden["logits"].get<std::vector<float>>();

  const auto source = open_model(folder);
  const PackedModel packed(*source, EmbeddingFormat::kFp16, 64);
  Interpreter executor(packed.image(), std::make_unique<ExactKernels>(*source), {.max_tokens_per_pass = 16});
  const auto logits = executor.run({.tokens = ids, .position = 0, .first_logits = 0});
  ASSERT_EQ(logits.size(), expected.size());
  float largest = 0;
  for (const float logit : expected) largest = std::max(largest, std::fabs(logit));
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(logits[i], expected[i], largest * 0x1p-8f) << i;
}

}  // namespace
}  // namespace brim::test
