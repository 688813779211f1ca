// The same over 200 prompts and seeds, and how much is kept.
#include "engine/interpreter.h"
#include "engine/kernels.h"
#include "rtl_target/executor.h"
#include "rtl_target/model.h"
#include "tests/support/small_models.h"
#include "tests/support/speculation_check.h"

namespace brim::test {
namespace {

void check(const PackedModel& packed, const char* name, std::string_view kernels, uint32_t prompts) {
  Interpreter executor(packed.image(), make_kernels(kernels),
                       InterpreterOptions{.max_tokens_per_pass = 16, .threads = 1});
  const SpeculationTotals totals = expect_equal_with_drafts(executor, prompts, 48);
  std::printf(
      "%s, %s: %llu tokens in %llu passes, %llu of %llu drafts accepted\n", name, executor.name().c_str(),
      static_cast<unsigned long long>(totals.tokens), static_cast<unsigned long long>(totals.passes),
      static_cast<unsigned long long>(totals.accepted), static_cast<unsigned long long>(totals.drafted));
}

void check(const TensorSource& source, std::string_view kernels, uint32_t prompts) {
  check(PackedModel(source, EmbeddingFormat::kQ8, 128), source.description().name.c_str(), kernels, prompts);
}

TEST(SpeculationLong, TwoHundredPromptsOfStories260K) {
  BRIM_NEED_STORIES260K();
  check(*open_model(stories260k_folder() + "stories260K.bin"), available_kernels().front(), 200);
}

TEST(SpeculationLong, TwoHundredPromptsOfTheDemoModel) {
  check(*open_model(BRIM_SOURCE_DIR "/models/demo"), available_kernels().front(), 200);
}

TEST(SpeculationLong, TwoHundredPromptsOfTheDemoModelWithItsDraft) {
  const auto model = open_model(BRIM_SOURCE_DIR "/models/demo");
  const auto draft = open_model(BRIM_SOURCE_DIR "/models/demo/draft");
  check(packed_with_draft(*model, *draft, 128), "demo with its draft", available_kernels().front(), 200);
}

TEST(SpeculationLong, TwoHundredPromptsOfSmallModels) {
  for (const char* name : {"plain", "bias", "norm"})
    check(*make_synthetic(small_model(name), kSyntheticSeed), available_kernels().front(), 200);
}

TEST(SpeculationLong, TwentyPromptsOfTheDemoModelByTheReference) {
  check(*open_model(BRIM_SOURCE_DIR "/models/demo"), "reference", 20);
}

TEST(SpeculationLong, TheDemoModelByTheRtlWithFourAndEightTokensPerPass) {
  if (!BRIM_HAS_RTL) GTEST_SKIP() << "verilator is missing";
  const PackedModel packed(*open_model(BRIM_SOURCE_DIR "/models/demo"), EmbeddingFormat::kQ8, 128);
  for (const uint32_t tokens : {4u, 8u}) {
    rtl_target::RtlExecutor rtl(packed.image(), load_board("kv260"),
                                {.models = BRIM_RTL_FOLDER, .tokens = tokens});
    expect_equal_with_drafts(rtl, 1, 9);
  }
}

TEST(SpeculationLong, AModelWithADraftModelByTheRtl) {
  if (!BRIM_HAS_RTL) GTEST_SKIP() << "verilator is missing";
  const auto model = make_synthetic(small_model("plain"), kSyntheticSeed);
  const PackedModel packed = packed_with_draft(*model, *model, 128);
  rtl_target::RtlExecutor rtl(packed.image(), load_board("kv260"), {.models = BRIM_RTL_FOLDER, .tokens = 4});
  EXPECT_GT(expect_equal_with_drafts(rtl, 1, 5).by_model, 0u);
}

}  // namespace
}  // namespace brim::test
