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

// A model of one layer, eight query heads of each KV head, which is as many rounds as there can be.
ExecutorShape eight_heads_per_kv_head(uint32_t head_size) {
  ExecutorShape shape = executor_shapes()[0];
  shape.model.layers = 1;
  shape.model.vocabulary = 20;
  shape.model.heads = 16;
  shape.model.kv_heads = 2;
  shape.model.head_size = head_size;
  return shape;
}

// As many tokens as lanes, up to 2,000 positions; while a page is issued in eight rounds, the stream waits.
template <typename Compute>
void expect_reference_logits_at_2000_positions(uint32_t lanes, uint32_t head_size) {
  const ExecutorShape shape = eight_heads_per_kv_head(head_size);
  const test::PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, 2048);
  ComputeBench<Compute> bench(file.image(), 1);
  uint64_t waiting = 0, taking = 0;  // cycles of attention
  bench.every_cycle = [&](const Compute& compute, bool taken) {
    const Opcode opcode = bench.vpu_instruction().opcode;
    if (opcode != Opcode::kScores && opcode != Opcode::kValues) return;
    waiting += compute.beat_valid_i && !taken;
    taking += taken;
  };
  expect_reference_logits(file.image(), bench, {lanes, lanes - 1}, 2000 - lanes);
  EXPECT_GT(waiting, 4 * taking);
}

TEST(ComputeLongContext, GivesTheReferencesLogitsWithFourLanes) {
  expect_reference_logits_at_2000_positions<Vsim_compute4>(4, 64);
}

TEST(LongComputeContext, GivesTheReferencesLogitsWithEightLanes) {
  expect_reference_logits_at_2000_positions<Vsim_compute8>(8, 128);
}

}  // namespace
}  // namespace brim::rtl
