#include "model/rotated_values.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/fp32_forward.h"
#include "model/synthetic.h"
#include "numerics/rotation.h"

namespace brim {
namespace {

ModelDescription model_with(uint32_t head_size, bool bias) {
  ModelDescription model;
  model.name = "rotated";
  model.dim = 96;
  model.layers = 2;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_size = head_size;
  model.hidden = 128;
  model.vocabulary = 90;
  model.trained_context = 64;
  model.norm_eps = 1e-5f;
  model.qkv_bias = bias;
  return model;
}

TEST(RotatedValues, AreTheSameModel) {
  for (const uint32_t head_size : {32u, 24u}) {  // one run and three of them
    const auto source = make_synthetic(model_with(head_size, true), 4);
    const auto rotated = rotate_values(*source);
    Fp32Forward expected(*source), got(*rotated);
    for (const uint32_t token : {3u, 17u, 80u, 2u, 5u}) {
      const auto a = expected.step(token), b = got.step(token);
      for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4f * (1 + std::abs(a[i])));
    }
  }
}

TEST(RotatedValues, EachRowIsThatOfTheHadamardMatrixWhateverRowsAreRead) {
  const auto source = make_synthetic(model_with(32, false), 4);
  const auto rotated = rotate_values(*source);
  const TensorId id{TensorRole::kValue, 1};
  const uint64_t columns = 96;
  std::vector<float> original(64 * columns), all(64 * columns), part(40 * columns);
  source->read_rows(id, 0, 64, original);
  rotated->read_rows(id, 0, 64, all);
  rotated->read_rows(id, 7, 40, part);  // from the middle of a head to the middle of the next
  EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + 7 * columns));
  for (uint32_t head = 0; head < 2; ++head) {
    std::vector<float> column(32);
    for (uint32_t i = 0; i < 32; ++i) column[i] = original[(head * 32 + i) * columns + 11];
    rotate(column.data(), 32);
    for (uint32_t i = 0; i < 32; ++i) {
      EXPECT_NEAR(all[(head * 32 + i) * columns + 11], column[i] / std::sqrt(32.0f), 1e-5f);
    }
  }
}

}  // namespace
}  // namespace brim
