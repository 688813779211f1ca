// Whole decode programs on the whole accelerator, seen by software through its registers and by memory
// through its AXI ports, give the reference interpreter's logits.
#include <gtest/gtest.h>

#include <vector>

#include "Vsim_top1.h"
#include "Vsim_top4.h"
#include "engine/interpreter.h"
#include "model/synthetic.h"
#include "operands.h"
#include "tests/executor_shapes.h"
#include "tests/small_models.h"
#include "top_bench.h"

namespace brim::rtl {
namespace {

using test::executor_shapes;
using test::ExecutorShape;
using test::kExecutorContext;

constexpr AxiTiming kIdeal{};
constexpr AxiTiming kRandom{.min_latency = 5, .max_latency = 120, .gap_percent = 20, .stall_percent = 30};

constexpr uint64_t kLimit = 20'000'000;

template <typename Top>
void expect_reference_logits(const ExecutorShape& shape, const std::vector<uint32_t>& passes,
                             const AxiTiming& timing) {
  const test::PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding,
                               kExecutorContext);
  Interpreter reference(
      file.image(), make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap});
  TopBench<Top> bench(file.image(), timing, 1);
  Operands operands(2);
  uint32_t position = 0;
  for (const uint32_t tokens : passes) {
    std::vector<uint32_t> ids(tokens);
    for (uint32_t& id : ids) id = operands.below(shape.model.vocabulary);
    const uint32_t first = operands.below(4) == 0 ? tokens : operands.below(tokens);
    const auto expected = reference.run({.tokens = ids, .position = position, .first_logits = first});
    ASSERT_TRUE(bench.run(ids, position, first, kLimit)) << "hangs at position " << position;
    ASSERT_EQ(bench.get(registers::kStatus), registers::kDone)
        << describe(static_cast<registers::ErrorCode>(bench.get(registers::kErrorCode))) << " at beat "
        << bench.get(registers::kErrorAddress);
    for (uint32_t t = first; t < tokens; ++t) {
      const std::vector<float> got = bench.logits(t);
      for (uint32_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(float_bits(got[i]), float_bits(expected[(t - first) * got.size() + i]))
            << "position " << position + t << ", logit " << i;
      }
    }
    position += tokens;
  }
  EXPECT_EQ(bench.violations(), std::vector<std::string>());
  EXPECT_EQ(bench.stray_writes, 0u);
}

class TopTest : public testing::TestWithParam<ExecutorShape> {};

TEST_P(TopTest, GivesTheReferencesLogitsWithOneLane) {
  expect_reference_logits<Vsim_top1>(GetParam(), {1, 1, 1}, kIdeal);
}

TEST_P(TopTest, GivesTheReferencesLogitsForAnyNumberOfTokens) {
  expect_reference_logits<Vsim_top4>(GetParam(), {1, 4, 3, 2, 4}, kIdeal);
}

// 68 positions: more than a block of attention weights.
TEST_P(TopTest, GivesTheReferencesLogitsWithRandomStallsOnEveryChannel) {
  expect_reference_logits<Vsim_top4>(GetParam(), std::vector<uint32_t>(17, 4), kRandom);
}

INSTANTIATE_TEST_SUITE_P(Shapes, TopTest, testing::ValuesIn(executor_shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace brim::rtl
