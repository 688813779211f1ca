#include "compile/matrix.h"

#include <gtest/gtest.h>

#include <set>

#include "isa/layout.h"
#include "tests/support/model_shape.h"

namespace brim {
namespace {

ModelDescription small_model() { return test::model_shape("small", 96, {6, 2, 16}, 200, 100, 0); }

TEST(PageShape, IsTheWidestThatWastesNoColumn) {
  EXPECT_EQ(page_shape(32), (PageShape{4, 32}));
  EXPECT_EQ(page_shape(86), (PageShape{2, 64}));
  EXPECT_EQ(page_shape(1), (PageShape{1, 128}));
  for (uint32_t groups = 1; groups < 600; ++groups) {
    const PageShape shape = page_shape(groups);
    EXPECT_EQ(shape.columns * shape.rows, kGroupsPerPage);
    EXPECT_EQ(groups % shape.columns, 0u);
  }
}

TEST(Matrices, CoverEveryRowOfEveryProjectionOnce) {
  const ModelDescription model = small_model();
  std::set<std::tuple<TensorRole, uint32_t, uint64_t>> seen;
  uint64_t rows = 0;
  for (const Matrix& matrix : matrices(model)) {
    for (uint32_t row = 0; row < matrix.rows; ++row) {
      const RowSource from = row_source(model, matrix, row);
      EXPECT_LT(from.row, tensor_shape(model, from.tensor.role).rows);
      EXPECT_EQ(matrix.inputs, tensor_shape(model, from.tensor.role).columns);
      EXPECT_TRUE(seen.insert({from.tensor.role, from.tensor.layer, from.row}).second);
      ++rows;
    }
  }
  const uint64_t per_layer =
      model.query_width() + 2 * model.kv_width() + model.dim + 2 * model.hidden + model.dim;
  EXPECT_EQ(rows, model.layers * per_layer + model.vocabulary);
}

TEST(Matrices, QkvRowsRunPerKvHeadAsKeyValueQueries) {
  const ModelDescription model = small_model();
  const Matrix qkv = matrices(model).front();
  const uint32_t d = model.head_size;
  EXPECT_EQ(row_source(model, qkv, 0).tensor.role, TensorRole::kKey);
  EXPECT_EQ(row_source(model, qkv, d).tensor.role, TensorRole::kValue);
  EXPECT_EQ(row_source(model, qkv, 2 * d).tensor.role, TensorRole::kQuery);
  EXPECT_EQ(row_source(model, qkv, 5 * d).tensor.role, TensorRole::kKey);  // second KV head
  EXPECT_EQ(row_source(model, qkv, 5 * d).row, d);
  EXPECT_EQ(row_source(model, qkv, 7 * d).row, 3 * d);  // its first query head is head 3
}

TEST(Matrices, HalfSplitRopePairsBecomeNeighbours) {
  ModelDescription model = small_model();
  model.rope_pairing = RopePairing::kHalfSplit;
  const Matrix qkv = matrices(model).front();
  for (uint32_t i = 0; i < model.head_size / 2; ++i) {
    EXPECT_EQ(row_source(model, qkv, 2 * i).row, i);
    EXPECT_EQ(row_source(model, qkv, 2 * i + 1).row, i + model.head_size / 2);
    EXPECT_EQ(row_source(model, qkv, model.head_size + 2 * i).row, 2 * i);  // values do not rotate
  }
}

}  // namespace
}  // namespace brim
