// Whole decode programs on the compute side give the reference interpreter's logits.
#include "Vsim_compute1.h"
#include "Vsim_compute4.h"
#include "Vsim_compute8.h"
#include "reference_logits.h"

namespace brim::rtl {
namespace {

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

class ComputeCacheTest : public testing::TestWithParam<ExecutorShape> {};

TEST_P(ComputeCacheTest, GivesTheReferencesLogitsWithOneLane) {
  expect_reference_logits<Vsim_compute1>(GetParam(), {1, 1, 1}, 0, 100);
}

TEST_P(ComputeCacheTest, GivesTheReferencesLogitsWithEightLanes) {
  expect_reference_logits<Vsim_compute8>(GetParam(), {8, 1, 5}, 0, 100);
}

TEST_P(ComputeCacheTest, GivesTheReferencesLogitsUnderRandomGapsAndBackPressure) {
  expect_reference_logits<Vsim_compute4>(test::with_one_layer(GetParam()), std::vector<uint32_t>(17, 4), 30,
                                         40);
}

INSTANTIATE_TEST_SUITE_P(Shape, ComputeCacheTest, testing::Values(test::four_bit_cache_shape()),
                         [](const auto& shape) { return shape.param.name; });
INSTANTIATE_TEST_SUITE_P(LongShapes, ComputeCacheTest, testing::ValuesIn(test::four_bit_cache_shapes()),
                         [](const auto& shape) { return shape.param.name; });

INSTANTIATE_TEST_SUITE_P(Shapes, ComputeTest, testing::ValuesIn(executor_shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace brim::rtl
