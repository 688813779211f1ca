// The same interpreter and program, with the weights kept exact: what is left must be llama2.c's FP32
// decoder.
#include <gtest/gtest.h>

#include <fstream>

#include "engine/interpreter.h"
#include "runtime/sampler.h"
#include "tests/exact_kernels.h"
#include "tests/small_models.h"

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

}  // namespace
}  // namespace brim::test
