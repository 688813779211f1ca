#include "runtime/calibrate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/kernels.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/dequantised_source.h"
#include "tests/support/oracle_forward.h"
#include "tests/support/small_models.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

using test::DequantisedSource;
using test::OracleForward;
using test::PackedModel;
using test::small_model;
using test::small_models;

// Mean squares of all matrix inputs by the decoder in double.
InputMoments oracle_moments(const DequantisedSource& source, std::span<const uint32_t> ids) {
  const ModelDescription& model = source.description();
  std::vector<std::vector<double>> seen;  // of one token, in the order of the equations
  test::OracleRoundings roundings;
  roundings.activations = [&](std::span<double> x) { seen.emplace_back(x.begin(), x.end()); };
  roundings.keys = roundings.values = test::round_to_kv8;
  OracleForward oracle(
      source, [&](uint32_t position) { return source.rope_row(position); }, roundings);

  InputMoments moments;
  const auto zeros = [&](uint32_t size) {
    return std::vector<std::vector<float>>(model.layers, std::vector<float>(size));
  };
  moments.normed_attention = zeros(model.dim);
  moments.attention = zeros(model.query_width());
  moments.normed_ffn = zeros(model.dim);
  moments.hidden = zeros(model.hidden);
  moments.final.resize(model.dim);
  const auto add = [&](std::vector<float>& to, const std::vector<double>& x, double factor) {
    for (size_t i = 0; i < x.size(); ++i) {
      to[i] += static_cast<float>(x[i] * x[i] * factor * factor / static_cast<double>(ids.size()));
    }
  };
  // The oracle applies 1 / rms after the matrix; x follows from x * w.
  const auto add_normed = [&](std::vector<float>& to, const std::vector<double>& x, TensorId norm) {
    const std::vector<float> w = test::tensor_of(source, norm);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += x[i] / w[i] * (x[i] / w[i]);
    add(to, x, 1 / std::sqrt(sum / static_cast<double>(x.size()) + model.norm_eps));
  };
  for (const uint32_t id : ids) {
    seen.clear();
    oracle.step(id);
    size_t next = 0;
    for (uint32_t layer = 0; layer < model.layers; ++layer) {
      add_normed(moments.normed_attention[layer], seen.at(next++), {TensorRole::kAttentionNorm, layer});
      next += model.heads;  // query heads on their way into the scores
      add(moments.attention[layer], seen.at(next++), 1);
      add_normed(moments.normed_ffn[layer], seen.at(next++), {TensorRole::kFfnNorm, layer});
      add(moments.hidden[layer], seen.at(next++), 1);
    }
    add_normed(moments.final, seen.at(next++), {TensorRole::kFinalNorm});
    EXPECT_EQ(next, seen.size());
  }
  return moments;
}

// A's distance from B within a hundredth of B's length: roundings to KV8 that A16 tips over, which are
// independent from channel to channel. One of 39 tokens more or less makes a few hundredths.
void expect_near(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  double distance = 0, length = 0;
  for (size_t c = 0; c < actual.size(); ++c) {
    distance += std::pow(actual[c] - expected[c], 2);
    length += std::pow(expected[c], 2);
  }
  EXPECT_LT(std::sqrt(distance / length), 0.01);
}

class Calibrate : public testing::TestWithParam<ModelDescription> {};

TEST_P(Calibrate, GivesTheMeanSquaresOfEveryMatrixsInputs) {
  const PackedModel packed(*make_synthetic(GetParam(), 3), EmbeddingFormat::kFp16, 64);
  const DequantisedSource source(packed.image());
  std::vector<uint32_t> ids(40);
  for (uint32_t i = 0; i < ids.size(); ++i) ids[i] = (i * 2654435761u >> 7) % GetParam().vocabulary;
  Interpreter interpreter(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = 8});
  // In one window; the last token is predicted only, and not run.
  const InputMoments actual =
      calibrate(interpreter, GetParam(), ids, {.window = static_cast<uint32_t>(ids.size())}, {});
  const InputMoments expected = oracle_moments(source, std::span(ids).first(ids.size() - 1));
  for (uint32_t layer = 0; layer < GetParam().layers; ++layer) {
    expect_near(actual.normed_attention[layer], expected.normed_attention[layer]);
    expect_near(actual.attention[layer], expected.attention[layer]);
    expect_near(actual.normed_ffn[layer], expected.normed_ffn[layer]);
    expect_near(actual.hidden[layer], expected.hidden[layer]);
  }
  expect_near(actual.final, expected.final);
}

INSTANTIATE_TEST_SUITE_P(Models, Calibrate, testing::ValuesIn(small_models()),
                         [](const auto& test) { return test.param.name; });

TEST(CalibrateExperts, EachHasTheMeanSquaresOfTheTokensThatHaveChosenIt) {
  ModelDescription model = small_model("plain");
  model.hidden = 0;
  model.experts = 12;
  model.experts_per_token = 2;
  model.expert_hidden = 96;
  const PackedModel packed(*make_synthetic(model, 3), EmbeddingFormat::kFp16, 64);
  const std::vector<uint32_t> ids = {3, 1, 4, 1, 5};
  const auto moments_of = [&](uint32_t tokens) {
    Interpreter interpreter(packed.image(), make_reference_kernels(), {.max_tokens_per_pass = tokens});
    return calibrate(interpreter, model, ids, {.window = static_cast<uint32_t>(ids.size())}, {});
  };
  const InputMoments together = moments_of(8), alone = moments_of(1);
  ASSERT_EQ(together.expert_hidden.size(), model.layers);
  EXPECT_EQ(together.normed_ffn.size(), model.layers);
  EXPECT_EQ(together.expert_hidden, alone.expert_hidden);
  EXPECT_EQ(together.normed_ffn, alone.normed_ffn);
  // Four tokens that choose two experts each reach eight of twelve at most.
  for (const auto& layer : together.expert_hidden) {
    const auto reached = std::ranges::count_if(layer, [](const auto& expert) { return !expert.empty(); });
    EXPECT_GE(reached, 2);
    EXPECT_LE(reached, 8);
    for (const auto& expert : layer) EXPECT_TRUE(expert.empty() || expert.size() == model.expert_hidden);
  }
}

TEST(CalibrateCheckpoint, NeedsATextAndLeavesNoFileBehind) {
  ModelDescription model = small_model("plain");
  model.vocabulary = 300;
  const auto source = make_synthetic(model, 3);
  const std::vector<uint8_t> tokenizer = build_tokenizer_from_arrays(test::byte_tokenizer(model.vocabulary));
  const test::TemporaryFolder folder;
  const PackOptions packing{.board = load_board("kv260"), .context = 64, .threads = 1};
  const auto run = [&](std::string_view text) {
    return calibrate(*source, tokenizer, text, packing, folder.path() + "/temporary", {});
  };
  const InputMoments moments = run("Once upon a time there was a brim.");
  EXPECT_EQ(moments.hidden.size(), model.layers);
  EXPECT_EQ(moments.final.size(), model.dim);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_THROW(run(""), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace brim
