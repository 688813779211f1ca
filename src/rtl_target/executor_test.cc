// The accelerator's RTL gives the reference interpreter's bits.
#include "rtl_target/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <set>

#include "engine/interpreter.h"
#include "model/synthetic.h"
#include "model/tensor_source.h"
#include "rtl_target/test_parameters.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"

namespace brim::rtl_target {
namespace {

using test::executor_shapes;
using test::kExecutorContext;
using test::PackedModel;

// Token ids without a pattern.
std::vector<uint32_t> some_ids(uint32_t count, uint32_t vocabulary) {
  std::vector<uint32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i) ids[i] = (i * 2654435761u >> 7) % vocabulary;
  return ids;
}

// Logits of all ids in passes of `width` tokens, those of the others in between.
void expect_reference_bits(const MappedImage& image, uint32_t lanes, std::span<const uint32_t> widths) {
  const Board board = load_board("kv260");
  RtlExecutor rtl(image, board, {.models = BRIM_RTL_FOLDER, .tokens = lanes});
  Interpreter reference(image, make_reference_kernels(), {.max_tokens_per_pass = 8});
  uint32_t position = 0;
  for (uint32_t width : widths) {
    width = std::min(width, rtl.max_tokens_per_pass());
    const std::vector<uint32_t> ids = some_ids(width, rtl.vocabulary());
    const Pass pass{.tokens = ids, .position = position, .first_logits = 0};
    const std::span<const float> expected = reference.run(pass);
    const std::span<const float> got = rtl.run(pass);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i]))
          << "logit " << i % rtl.vocabulary() << " at position " << position + i / rtl.vocabulary();
    }
    position += width;
  }
}

class RtlExecutorTest : public testing::TestWithParam<ShapeCase::Parameters> {};

TEST_P(RtlExecutorTest, GivesTheReferencesLogits) {
  const auto& [shape, lanes] = GetParam();
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, kExecutorContext,
                         load_board("kv260"), {}, shape.kv);
  expect_reference_bits(file.image(), lanes, std::vector<uint32_t>{1, lanes, lanes, 1});
}

// Positions 63 and 64 in passes of their own, and from there on across a page of heads of 128.
class RtlCacheTest : public testing::TestWithParam<ShapeCase::Parameters> {};

TEST_P(RtlCacheTest, GivesTheReferencesLogitsAcrossBlocksAndPages) {
  const auto& [shape, lanes] = GetParam();
  const ModelDescription model = test::with_one_layer(shape).model;
  const PackedModel file(*make_synthetic(model, kSyntheticSeed), shape.embedding, kExecutorContext,
                         load_board("kv260"), {}, shape.kv);
  std::vector<uint32_t> widths(63 / lanes, lanes);
  widths.insert(widths.end(), 63 % lanes, 1);
  widths.insert(widths.end(), {1, 1});
  widths.insert(widths.end(), (140 - 65) / lanes, lanes);
  expect_reference_bits(file.image(), lanes, widths);
}

// Passes at the same positions in both, in caches that were filled alike.
class RtlLongContextTest : public testing::TestWithParam<ShapeCase::Parameters> {};

TEST_P(RtlLongContextTest, GivesTheReferencesLogitsAtEveryPosition) {
  const auto& [shape, lanes] = GetParam();
  const Board board = load_board("kv260");
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, test::kLongContext,
                         board, {}, shape.kv);
  RtlExecutor rtl(file.image(), board, {.models = BRIM_RTL_FOLDER, .tokens = lanes});
  Interpreter reference(file.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  rtl.fill_cache();
  reference.fill_cache();
  for (const uint32_t position : test::kLongPositions) {
    for (const uint32_t width : std::set<uint32_t>{1, lanes}) {
      SCOPED_TRACE(testing::Message() << "T = " << width << ", position " << position);
      ASSERT_LE(width, rtl.max_tokens_per_pass());
      const std::vector<uint32_t> ids = some_ids(width, rtl.vocabulary());
      const Pass pass{.tokens = ids, .position = position, .first_logits = 0};
      EXPECT_TRUE(std::ranges::equal(rtl.run(pass), reference.run(pass)));
    }
  }
}

TEST(RtlExecutor, GivesTheReferencesLogitsWithTheEmbeddingOnTheCard) {
  const test::ExecutorShape shape = executor_shapes()[0];
  const PackedModel file(
      *make_synthetic(shape.model, kSyntheticSeed),
      {.board = load_board("kv260"), .embedding_on_card = true, .context = kExecutorContext});
  expect_reference_bits(file.image(), 4, std::vector<uint32_t>{1, 4, 1});
}

// The ultra96-v2's image has rows for the logits of four tokens.
TEST(RtlExecutor, TakesNoMoreTokensThanTheImageHasLogitsRowsFor) {
  const Board small = load_board("ultra96-v2");
  ASSERT_LT(small.accelerator.tokens_per_pass, 8u);
  test::ExecutorShape shape = executor_shapes()[0];
  shape.model.vocabulary = 2048;  // a row is a page: regions are whole pages
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, kExecutorContext,
                         small);
  RtlExecutor rtl(file.image(), load_board("kv260"), {.models = BRIM_RTL_FOLDER, .tokens = 8});
  EXPECT_EQ(rtl.max_tokens_per_pass(), small.accelerator.tokens_per_pass);
  expect_reference_bits(file.image(), 8, std::vector<uint32_t>{8, 1});
}

// Until it does windows.
TEST(RtlExecutor, RefusesAttentionWindowsByName) {
  ModelDescription model = executor_shapes()[0].model;
  model.attention_window = 70;
  const PackedModel file(*make_synthetic(model, kSyntheticSeed), EmbeddingFormat::kQ8, kExecutorContext);
  EXPECT_REFUSED(RtlExecutor(file.image(), load_board("kv260"), {.models = BRIM_RTL_FOLDER, .tokens = 1}),
                 "tokens attend to a window of the last 70 positions, which the accelerator does not do; pack "
                 "with --context 64 or less, or choose another --target");
}

TEST(RtlExecutor, CountsTheSameCyclesForTheSamePass) {
  const test::ExecutorShape shape = executor_shapes()[0];
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, kExecutorContext);
  RtlExecutor rtl(file.image(), load_board("kv260"), {.models = BRIM_RTL_FOLDER, .tokens = 1});
  const std::vector<uint32_t> token = {5};
  for (uint32_t i = 0; i < 3; ++i) rtl.run({.tokens = token, .position = 0, .first_logits = 0});
  EXPECT_EQ(rtl.passes()[1].counters, rtl.passes()[0].counters);
  EXPECT_EQ(rtl.passes()[2].counters, rtl.passes()[0].counters);
}

// Trained models, decoded for a few positions with passes of every width.
class RtlModelTest : public testing::TestWithParam<ModelCase::Parameters> {};

TEST_P(RtlModelTest, GivesTheReferencesLogits) {
  const auto& [path, lanes] = GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
  const PackedModel file(*open_model(path), EmbeddingFormat::kQ8, 256);
  expect_reference_bits(file.image(), lanes, std::vector<uint32_t>{lanes, 1, lanes, 1});
}

const std::vector<test::ExecutorShape> kCacheShapes = test::four_bit_cache_shapes();
const test::ExecutorShape kFourBits = test::four_bit_cache_shape();

INSTANTIATE_TEST_SUITE_P(Shapes, RtlCacheTest,
                         testing::Combine(testing::Values(kFourBits), testing::Values(4u)), ShapeCase());
INSTANTIATE_TEST_SUITE_P(LongShapes, RtlCacheTest,
                         testing::Combine(testing::Values(kCacheShapes[1], kFourBits), testing::Values(8u)),
                         ShapeCase());

INSTANTIATE_TEST_SUITE_P(LongContexts, RtlLongContextTest,
                         testing::Combine(testing::ValuesIn(test::long_four_bit_cache_shapes()),
                                          testing::ValuesIn(kLanes)),
                         ShapeCase());

INSTANTIATE_TEST_SUITE_P(Models, RtlModelTest,
                         testing::Combine(testing::ValuesIn(kModels), testing::ValuesIn(kLanes)),
                         ModelCase());

INSTANTIATE_TEST_SUITE_P(Shapes, RtlExecutorTest,
                         testing::Combine(testing::ValuesIn(executor_shapes()), testing::ValuesIn(kLanes)),
                         ShapeCase());
INSTANTIATE_TEST_SUITE_P(CacheShapes, RtlExecutorTest,
                         testing::Combine(testing::ValuesIn(kCacheShapes), testing::Values(1u, 4u)),
                         ShapeCase());
INSTANTIATE_TEST_SUITE_P(CacheShapeInEightLanes, RtlExecutorTest,
                         testing::Combine(testing::Values(kFourBits), testing::Values(8u)), ShapeCase());
INSTANTIATE_TEST_SUITE_P(LongCacheShapes, RtlExecutorTest,
                         testing::Combine(testing::ValuesIn(kCacheShapes), testing::Values(8u)), ShapeCase());

}  // namespace
}  // namespace brim::rtl_target
