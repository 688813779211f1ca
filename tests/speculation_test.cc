// Drafting several tokens and verifying them in a pass gives the text that plain decoding gives, seed by
// seed.
#include "engine/interpreter.h"
#include "engine/kernels.h"
#include "rtl_target/executor.h"
#include "rtl_target/model.h"
#include "tests/support/small_models.h"
#include "tests/support/speculation_check.h"

namespace brim::test {
namespace {

std::unique_ptr<Interpreter> executor_of(const MappedImage& image, std::string_view kernels) {
  return std::make_unique<Interpreter>(image, make_kernels(kernels),
                                       InterpreterOptions{.max_tokens_per_pass = 16, .threads = 1});
}

TEST(Speculation, GivesTheTokensOfPlainDecodingOfStories260K) {
  BRIM_NEED_STORIES260K();
  const PackedModel packed(*open_model(stories260k_folder() + "stories260K.bin"), EmbeddingFormat::kQ8, 256);
  expect_equal_with_drafts(*executor_of(packed.image(), available_kernels().front()), 6, 40);
}

TEST(Speculation, GivesTheTokensOfPlainDecodingOfTheDemoModel) {
  const PackedModel packed(*open_model(BRIM_SOURCE_DIR "/models/demo"), EmbeddingFormat::kQ8, 256);
  expect_equal_with_drafts(*executor_of(packed.image(), available_kernels().front()), 6, 32);
}

TEST(Speculation, GivesTheTokensOfPlainDecodingOfSmallModels) {
  for (const char* name : {"plain", "bias", "norm"}) {
    SCOPED_TRACE(name);
    const PackedModel packed(*make_synthetic(small_model(name), kSyntheticSeed), EmbeddingFormat::kQ8, 128);
    expect_equal_with_drafts(*executor_of(packed.image(), available_kernels().front()), 3, 24);
  }
}

TEST(Speculation, GivesTheTokensOfPlainDecodingByTheReference) {
  const PackedModel packed(*make_synthetic(small_model("plain"), kSyntheticSeed), EmbeddingFormat::kQ8, 128);
  expect_equal_with_drafts(*executor_of(packed.image(), "reference"), 2, 16);
}

TEST(SpeculationWithDraftModel, GivesTheTokensOfPlainDecodingOfTheDemoModel) {
  const auto model = open_model(BRIM_SOURCE_DIR "/models/demo");
  const auto draft = open_model(BRIM_SOURCE_DIR "/models/demo/draft");
  const PackedModel packed = packed_with_draft(*model, *draft, 256);
  const auto totals =
      expect_equal_with_drafts(*executor_of(packed.image(), available_kernels().front()), 3, 32);
  EXPECT_GT(totals.by_model, 0u) << "no draft was ever right";
}

// One draft model is always right where the likeliest token is chosen, one never knows.
TEST(SpeculationWithDraftModel, GivesTheTokensOfPlainDecodingOfSmallModels) {
  for (const char* name : {"plain", "bias", "norm"}) {
    SCOPED_TRACE(name);
    const auto model = make_synthetic(small_model(name), kSyntheticSeed);
    for (const uint64_t seed : {kSyntheticSeed, kSyntheticSeed + 1}) {
      const auto draft = make_synthetic(small_model(name), seed);
      const PackedModel packed = packed_with_draft(*model, *draft, 128);
      const auto totals =
          expect_equal_with_drafts(*executor_of(packed.image(), available_kernels().front()), 3, 24);
      if (seed == kSyntheticSeed) {
        EXPECT_GT(totals.by_model, 0u);
      }
    }
  }
}

TEST(SpeculationWithDraftModel, GivesTheTokensOfPlainDecodingByTheReference) {
  const auto model = make_synthetic(small_model("plain"), kSyntheticSeed);
  const PackedModel packed = packed_with_draft(*model, *model, 128);
  EXPECT_GT(expect_equal_with_drafts(*executor_of(packed.image(), "reference"), 2, 16).by_model, 0u);
}

// At one temperature each here, at all of them and with 8 tokens per pass in speculation_long_test.
TEST(SpeculationWithDraftModel, GivesTheTokensOfPlainDecodingByTheRtl) {
  if (!BRIM_HAS_RTL) GTEST_SKIP() << "verilator is missing";
  const auto model = make_synthetic(small_model("plain"), kSyntheticSeed);
  const PackedModel packed = packed_with_draft(*model, *model, 128);
  rtl_target::RtlExecutor rtl(packed.image(), load_board("kv260"), {.models = BRIM_RTL_FOLDER, .tokens = 4});
  EXPECT_GT(expect_equal_with_drafts(rtl, 1, 5, {0.7f}).by_model, 0u);
}

TEST(SpeculationOnRtl, GivesTheTokensOfPlainDecodingOfTheDemoModel) {
  if (!BRIM_HAS_RTL) GTEST_SKIP() << "verilator is missing";
  const PackedModel packed(*open_model(BRIM_SOURCE_DIR "/models/demo"), EmbeddingFormat::kQ8, 128);
  rtl_target::RtlExecutor rtl(packed.image(), load_board("kv260"), {.models = BRIM_RTL_FOLDER, .tokens = 4});
  expect_equal_with_drafts(rtl, 1, 9, {0.7f});
}

}  // namespace
}  // namespace brim::test
