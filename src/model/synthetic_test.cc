#include "model/synthetic.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/fp32_forward.h"

namespace brim {
namespace {

std::vector<float> rows_of(const TensorSource& source, TensorId id, uint64_t first_row, uint64_t rows) {
  std::vector<float> values(rows * tensor_shape(source.description(), id.role).columns);
  source.read_rows(id, first_row, rows, values);
  return values;
}

TEST(Synthetic, AValueDependsOnItsPlaceAndNotOnWhatIsReadWithIt) {
  const auto source = open_synthetic("tinyllama-1.1b");
  const TensorId id{TensorRole::kDown, 3};
  const std::vector<float> three = rows_of(*source, id, 100, 3);
  const std::vector<float> middle = rows_of(*open_synthetic("tinyllama-1.1b"), id, 101, 1);
  EXPECT_TRUE(std::equal(middle.begin(), middle.end(), three.begin() + 5632));
}

TEST(Synthetic, SeedsTensorsAndRowsDiffer) {
  const auto source = open_synthetic("tinyllama-1.1b");
  const auto other_seed = make_synthetic(source->description(), 2);
  const std::vector<float> row = rows_of(*source, {TensorRole::kGate, 0}, 0, 1);
  EXPECT_NE(row, rows_of(*source, {TensorRole::kGate, 0}, 1, 1));
  EXPECT_NE(row, rows_of(*source, {TensorRole::kGate, 1}, 0, 1));
  EXPECT_NE(row, rows_of(*source, {TensorRole::kUp, 0}, 0, 1));
  EXPECT_NE(row, rows_of(*other_seed, {TensorRole::kGate, 0}, 0, 1));
}

TEST(Synthetic, MatricesAreRoughlyNormalWithUnitFanInVariance) {
  const auto source = open_synthetic("llama2-7b");
  const std::vector<float> values = rows_of(*source, {TensorRole::kQuery, 7}, 0, 64);
  double sum = 0.0, squares = 0.0;
  size_t within_one_sigma = 0;
  for (const float value : values) {
    const double normal = value * std::sqrt(4096.0);
    sum += normal;
    squares += normal * normal;
    within_one_sigma += std::abs(normal) < 1.0;
  }
  const double count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0.0, 0.01);
  EXPECT_NEAR(squares / count, 1.0, 0.01);
  EXPECT_NEAR(static_cast<double>(within_one_sigma) / count, 0.67, 0.02);
}

TEST(Synthetic, ATiedLmHeadIsTheEmbedding) {
  const auto tied = open_synthetic("qwen3-0.6b");
  EXPECT_EQ(rows_of(*tied, {TensorRole::kLmHead}, 9, 2), rows_of(*tied, {TensorRole::kEmbedding}, 9, 2));
  const auto untied = open_synthetic("llama2-7b");
  EXPECT_NE(rows_of(*untied, {TensorRole::kLmHead}, 9, 1), rows_of(*untied, {TensorRole::kEmbedding}, 9, 1));
}

TEST(Synthetic, ParameterCountsAreThePublishedOnes) {
  const auto parameters = [](const char* name) {
    const auto source = open_synthetic(name);
    const ModelDescription& model = source->description();
    uint64_t count = 0;
    for (uint32_t role = 0; role < kTensorRoles; ++role) {
      const TensorId id{static_cast<TensorRole>(role)};
      if (!has_tensor(model, id) || (id.role == TensorRole::kLmHead && model.tied_embeddings)) continue;
      const TensorShape shape = tensor_shape(model, id.role);
      count += shape.rows * shape.columns * (is_per_layer(id.role) ? model.layers : 1);
    }
    return count;
  };
  EXPECT_EQ(parameters("llama2-7b"), 6'738'415'616u);
  EXPECT_EQ(parameters("llama-68m"), 68'030'208u);
  EXPECT_EQ(parameters("tinyllama-1.1b"), 1'100'048'384u);
  EXPECT_EQ(parameters("llama3-8b"), 8'030'261'248u);
  EXPECT_EQ(parameters("llama3.2-1b"), 1'235'814'400u);
  EXPECT_EQ(parameters("qwen3-0.6b"), 596'049'920u);
  EXPECT_EQ(parameters("qwen3-1.7b"), 1'720'574'976u);
  EXPECT_EQ(parameters("smollm3-3b"), 3'075'098'624u);
  EXPECT_EQ(parameters("olmo2-1b"), 1'484'916'736u);
  EXPECT_EQ(parameters("gemma-2b"), 2'506'172'416u);
  EXPECT_EQ(parameters("gemma3-270m"), 268'098'176u);
  EXPECT_EQ(parameters("gemma3-1b"), 999'885'952u);
}

TEST(Synthetic, LogitsStayOfOrderOne) {
  ModelDescription model;
  model.name = "deep";
  model.dim = 128;
  model.layers = 24;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_size = 32;
  model.hidden = 256;
  model.vocabulary = 256;
  Fp32Forward forward(*make_synthetic(model, 1));
  double squares = 0.0;
  for (const float logit : forward.step(3)) squares += logit * logit / 256.0;
  EXPECT_GT(squares, 0.3);
  EXPECT_LT(squares, 3.0);
}

}  // namespace
}  // namespace brim
