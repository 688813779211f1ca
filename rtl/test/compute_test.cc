// Whole decode programs on the compute side give the reference interpreter's logits.
#include <gtest/gtest.h>

#include <vector>

#include "Vsim_compute1.h"
#include "Vsim_compute4.h"
#include "Vsim_compute8.h"
#include "compute_bench.h"
#include "engine/interpreter.h"
#include "model/synthetic.h"
#include "operands.h"
#include "tests/executor_shapes.h"
#include "tests/small_models.h"

namespace brim::rtl {
namespace {

using test::executor_shapes;
using test::ExecutorShape;
using test::kExecutorContext;

template <typename Compute>
void expect_reference_logits(const ExecutorShape& shape, const std::vector<uint32_t>& passes,
                             uint32_t gap_percent, uint32_t write_percent) {
  const test::PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding,
                               kExecutorContext);
  Interpreter reference(
      file.image(), make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap});
  ComputeBench<Compute> bench(file.image(), 1);
  bench.gap_percent = gap_percent;
  bench.write_percent = write_percent;
  Operands operands(2);
  uint32_t position = 0;
  for (const uint32_t tokens : passes) {
    std::vector<uint32_t> ids(tokens);
    for (uint32_t& id : ids) id = operands.below(shape.model.vocabulary);
    const uint32_t first = operands.below(4) == 0 ? tokens : operands.below(tokens);
    const auto expected = reference.run({.tokens = ids, .position = position, .first_logits = first});
    ASSERT_TRUE(bench.run(ids, position, first, 20'000'000)) << "hangs at position " << position;
    EXPECT_FALSE(bench.overflow());
    for (uint32_t t = first; t < tokens; ++t) {
      const std::vector<float> got = bench.logits(t);
      for (uint32_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(float_bits(got[i]), float_bits(expected[(t - first) * got.size() + i]))
            << "position " << position + t << ", logit " << i;
      }
    }
    position += tokens;
  }
}

class ComputeTest : public testing::TestWithParam<ExecutorShape> {};

TEST_P(ComputeTest, GivesTheReferencesLogitsWithOneLane) {
  expect_reference_logits<Vsim_compute1>(GetParam(), {1, 1, 1}, 0, 100);
}

TEST_P(ComputeTest, GivesTheReferencesLogitsForAnyNumberOfTokens) {
  expect_reference_logits<Vsim_compute4>(GetParam(), {1, 4, 3, 2, 4}, 0, 100);
}

TEST_P(ComputeTest, GivesTheReferencesLogitsWithEightLanes) {
  expect_reference_logits<Vsim_compute8>(GetParam(), {8, 1, 5, 8}, 0, 100);
}

// 68 positions: more than a block of attention weights.
TEST_P(ComputeTest, GivesTheReferencesLogitsUnderRandomGapsAndBackPressure) {
  expect_reference_logits<Vsim_compute4>(GetParam(), std::vector<uint32_t>(17, 4), 30, 40);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ComputeTest, testing::ValuesIn(executor_shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace brim::rtl
