#include "quantize/awq.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/fp32_forward.h"
#include "numerics/fp16.h"
#include "quantize/rtn.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::small_model;
using test::small_models;
using test::tensor_of;

// Channels whose root mean squares lie from 0.1 to 30 apart.
std::vector<float> uneven(uint64_t channels) {
  std::vector<float> moments(channels);
  for (uint64_t c = 0; c < channels; ++c) moments[c] = c % 17 == 3 ? 900.0f : 0.01f + 0.1f * float(c % 5);
  return moments;
}

InputMoments uneven_moments(const ModelDescription& model) {
  InputMoments moments;
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    moments.normed_attention.push_back(uneven(model.dim));
    moments.attention.push_back(uneven(model.query_width()));
    moments.normed_ffn.push_back(uneven(model.dim));
    moments.hidden.push_back(uneven(model.hidden));
  }
  moments.final = uneven(model.dim);
  return moments;
}

void expect_same_logits(const TensorSource& base, const TensorSource& scaled) {
  Fp32Forward expected(base);
  Fp32Forward actual(scaled);
  for (uint32_t token = 1; token < 12; ++token) {
    const auto want = expected.step(token);
    const auto got = actual.step(token);
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 2e-4f) << token;
  }
}

class Awq : public testing::TestWithParam<ModelDescription> {};

TEST_P(Awq, TheScaledModelComputesTheSame) {
  const auto base = make_synthetic(GetParam(), 3);
  const AwqSource scaled(*base, uneven_moments(GetParam()), 2, {});
  ASSERT_NE(tensor_of(scaled, {TensorRole::kGate}), tensor_of(*base, {TensorRole::kGate}));
  expect_same_logits(*base, scaled);
}

INSTANTIATE_TEST_SUITE_P(Models, Awq, testing::ValuesIn(small_models()),
                         [](const auto& test) { return test.param.name; });

// Inputs that are not normed have nothing in front of them that could take their scales.
TEST(AwqOfNormsBehind, TheScaledModelComputesTheSame) {
  ModelDescription model = small_model("plain");
  model.pre_norm = false;
  model.post_norm = true;
  const auto base = make_synthetic(model, 3);
  const AwqSource scaled(*base, uneven_moments(model), 2, {});
  EXPECT_EQ(tensor_of(scaled, {TensorRole::kGate}), tensor_of(*base, {TensorRole::kGate}));
  EXPECT_NE(tensor_of(scaled, {TensorRole::kDown}), tensor_of(*base, {TensorRole::kDown}));
  expect_same_logits(*base, scaled);
}

// Experts 0 to 4 are reached by the text, 5 is not.
TEST(AwqOfExperts, TheScaledModelComputesTheSameAndTellsWhichExpertsWereNotReached) {
  ModelDescription model = small_model("plain");
  model.hidden = 0;
  model.experts = 6;
  model.experts_per_token = 2;
  model.expert_hidden = 96;
  InputMoments moments = uneven_moments(model);
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    auto& experts = moments.expert_hidden.emplace_back(model.experts);
    for (uint32_t expert = 0; expert < 5; ++expert) experts[expert] = uneven(model.expert_hidden);
  }
  const auto base = make_synthetic(model, 3);
  const AwqSource scaled(*base, moments, 2, {});
  const auto differs = [&](uint32_t expert) {
    const TensorId down{TensorRole::kExpertDown, 1, expert};
    return tensor_of(scaled, down) != tensor_of(*base, down);
  };
  EXPECT_TRUE(differs(0));
  EXPECT_FALSE(differs(5));
  ASSERT_EQ(scaled.notes().size(), 1u);
  EXPECT_EQ(scaled.notes()[0].substr(0, 40), "2 of 12 experts are never chosen in the ");
  expect_same_logits(*base, scaled);
}

// Sum over a matrix of squared weight errors after rounding, in the weights' own scale, each times its
// input's mean square: the error of the product.
double product_error(const TensorSource& source, const TensorSource& base, TensorId id,
                     const std::vector<float>& moments) {
  const auto [rows, columns] = tensor_shape(base.description(), id.role);
  const std::vector<float> scaled = tensor_of(source, id);
  const std::vector<float> exact = tensor_of(base, id);
  double error = 0;
  for (uint64_t row = 0; row < rows; ++row) {
    for (uint64_t first = 0; first < columns; first += kGroup) {
      std::array<float, kGroup> w{};
      std::array<float, kGroup> weight{};
      std::array<uint8_t, kGroup> q{};
      const uint64_t n = std::min<uint64_t>(kGroup, columns - first);
      const auto importance = source.importance(id);
      for (uint64_t i = 0; i < n; ++i) {
        w[i] = scaled[row * columns + first + i];
        if (!importance.empty()) weight[i] = importance[first + i];
      }
      const auto [scale, zero] = importance.empty() ? quantise_group(w, q) : quantise_group(w, weight, q);
      for (uint64_t i = 0; i < n; ++i) {
        if (w[i] == 0) continue;
        const double unscale = double{exact[row * columns + first + i]} / double{w[i]};
        const double difference = (double{w[i]} - (q[i] - zero) * double{fp16_to_float(scale)}) * unscale;
        error += difference * difference * double{moments[first + i]};
      }
    }
  }
  return error;
}

TEST(Awq, ProductsErrLessThanWithRoundingToNearest) {
  const ModelDescription model = small_model("bias");
  const auto base = make_synthetic(model, 3);
  const InputMoments moments = uneven_moments(model);
  const AwqSource scaled(*base, moments, 2, {});
  for (const auto& [role, inputs] : {std::pair{TensorRole::kQuery, &moments.normed_attention[1]},
                                     std::pair{TensorRole::kAttentionOut, &moments.attention[1]},
                                     std::pair{TensorRole::kGate, &moments.normed_ffn[1]},
                                     std::pair{TensorRole::kDown, &moments.hidden[1]}}) {
    EXPECT_LT(product_error(scaled, *base, {role, 1}, *inputs),
              0.8 * product_error(*base, *base, {role, 1}, *inputs))
        << tensor_name({role, 1});
  }
}

TEST(Awq, ImportanceIsTheMeanSquareOfTheScaledInput) {
  const ModelDescription model = small_model("plain");
  const auto base = make_synthetic(model, 3);
  const InputMoments moments = uneven_moments(model);
  const AwqSource scaled(*base, moments, 1, {});
  const std::vector<float> before = tensor_of(*base, {TensorRole::kUp, 1});
  const std::vector<float> gate = tensor_of(*base, {TensorRole::kGate, 1});
  const std::vector<float> after = tensor_of(scaled, {TensorRole::kGate, 1});
  const auto importance = scaled.importance({TensorRole::kGate, 1});
  ASSERT_EQ(importance.size(), model.dim);
  for (uint32_t c = 0; c < model.dim; ++c) {
    const float scale = after[c] / gate[c];
    EXPECT_NEAR(importance[c], moments.normed_ffn[1][c] / (scale * scale), 1e-3f * importance[c]) << c;
  }
  EXPECT_TRUE(base->importance({TensorRole::kGate, 1}).empty());
  EXPECT_TRUE(scaled.importance({TensorRole::kAttentionNorm, 1}).empty());
}

// A checkpoint whose gate matrices are quantised already.
class HalfQuantised final : public TensorSource {
 public:
  explicit HalfQuantised(const TensorSource& base) : base_(base) {}
  const ModelDescription& description() const override { return base_.description(); }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    base_.read_rows(id, first_row, rows, out);
  }
  bool is_quantised(TensorId id) const override { return id.role == TensorRole::kGate; }

 private:
  const TensorSource& base_;
};

TEST(Awq, MatricesThatShareAnInputWithAQuantisedOneAreLeftAsTheyAre) {
  const ModelDescription model = small_model("plain");
  const auto base = make_synthetic(model, 3);
  const HalfQuantised half(*base);
  const AwqSource scaled(half, uneven_moments(model), 1, {});
  for (const TensorRole role : {TensorRole::kGate, TensorRole::kUp, TensorRole::kFfnNorm}) {
    if (role == TensorRole::kUp) continue;  // its rows carry the inverse of down's scales
    EXPECT_EQ(tensor_of(scaled, {role, 0}), tensor_of(*base, {role, 0})) << tensor_name({role, 0});
  }
  EXPECT_NE(tensor_of(scaled, {TensorRole::kQuery, 0}), tensor_of(*base, {TensorRole::kQuery, 0}));
}

TEST(Quantiser, IsFoundByNameAndRtnPacksTheCheckpointAsItIs) {
  const auto source = make_synthetic(small_model("plain"), 3);
  EXPECT_EQ(quantiser("rtn").apply({.source = *source, .calibrate = {}, .progress = {}}), nullptr);
  EXPECT_EQ(quantiser("awq").name, "awq");
  EXPECT_REFUSED(quantiser("magic"), "there is no quantiser 'magic'; known are rtn, awq");
}

}  // namespace
}  // namespace brim
