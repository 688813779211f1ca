#include "model/fp32_forward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "model/synthetic.h"

namespace brim {
namespace {

const std::string kData = BRIM_SHARED_DATA;

TEST(Fp32Forward, GreedyIdsOfStories260KAreTheOnesOfLlama2c) {
  const std::string folder = kData + "/stories260K/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  std::ifstream golden(folder + "golden_greedy_256.ids.txt");
  std::string label;
  golden >> label;
  ASSERT_EQ(label, "ids:");
  std::vector<uint32_t> expected;
  for (uint32_t id; golden >> id;) expected.push_back(id);
  ASSERT_EQ(expected.size(), 257u);

  Fp32Forward forward(*open_model(folder + "stories260K.bin"));
  std::vector<uint32_t> ids = {1};
  while (ids.size() < expected.size()) {
    const std::span<const float> logits = forward.step(ids.back());
    ids.push_back(static_cast<uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  EXPECT_EQ(ids, expected);
}

ModelDescription odd_model() {
  ModelDescription model;
  model.name = "odd";
  model.dim = 40;
  model.layers = 2;
  model.heads = 6;
  model.kv_heads = 3;
  model.head_size = 10;
  model.hidden = 56;
  model.vocabulary = 33;
  model.qkv_bias = true;
  model.qk_norm = true;
  return model;
}

// Another model's tensors with the rows of q and k (and what belongs to them) reordered from adjacent to
// half-split pairs.
class HalfSplit final : public TensorSource {
 public:
  explicit HalfSplit(const TensorSource& adjacent) : adjacent_(adjacent), model_(adjacent.description()) {
    model_.rope_pairing = RopePairing::kHalfSplit;
  }
  const ModelDescription& description() const override { return model_; }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    const bool matrix = id.role == TensorRole::kQuery || id.role == TensorRole::kKey;
    const bool vector = id.role == TensorRole::kQueryBias || id.role == TensorRole::kKeyBias ||
                        id.role == TensorRole::kQueryNorm || id.role == TensorRole::kKeyNorm;
    const uint64_t columns = tensor_shape(model_, id.role).columns;
    const auto source = [&](uint64_t i) {
      const uint64_t size = model_.head_size;
      const uint64_t in_head = i % size;
      return i - in_head + (in_head < size / 2 ? 2 * in_head : 2 * (in_head - size / 2) + 1);
    };
    if (matrix) {
      for (uint64_t row = 0; row < rows; ++row) {
        adjacent_.read_rows(id, source(first_row + row), 1, out.subspan(row * columns, columns));
      }
    } else {
      adjacent_.read_rows(id, first_row, rows, out);
      if (!vector) return;
      const std::vector<float> plain(out.begin(), out.end());
      for (uint64_t i = 0; i < out.size(); ++i) out[i] = plain[source(i)];
    }
  }

 private:
  const TensorSource& adjacent_;
  ModelDescription model_;
};

TEST(Fp32Forward, BothRopePairingsGiveTheSameLogitsForPermutedRows) {
  const auto source = make_synthetic(odd_model(), 1);
  Fp32Forward adjacent(*source);
  Fp32Forward half_split(HalfSplit{*source});
  for (const uint32_t token : {1u, 7u, 32u, 7u}) {
    const std::span<const float> a = adjacent.step(token);
    const std::span<const float> b = half_split.step(token);
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4f);
  }
}

TEST(Fp32Forward, ResetForgetsTheSequence) {
  Fp32Forward forward(*make_synthetic(odd_model(), 1));
  const std::span<const float> first = forward.step(5);
  const std::vector<float> expected(first.begin(), first.end());
  forward.step(9);
  forward.reset();
  const std::span<const float> again = forward.step(5);
  EXPECT_EQ(std::vector<float>(again.begin(), again.end()), expected);
  EXPECT_EQ(forward.position(), 1u);
}

TEST(Fp32Forward, RefusesATokenOutsideTheVocabulary) {
  Fp32Forward forward(*make_synthetic(odd_model(), 1));
  EXPECT_THROW(forward.step(33), Error);
}

}  // namespace
}  // namespace brim
