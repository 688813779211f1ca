#include "quantize/layerwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "model/fp32_forward.h"
#include "numerics/fp16.h"
#include "quantize/batch_forward.h"
#include "quantize/finished_layers.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

constexpr uint32_t kTokens = 60;

std::vector<uint32_t> some_ids(const ModelDescription& model) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < kTokens; ++i) ids.push_back((i * i * 7 + i) % model.vocabulary);
  return ids;
}

class OfEveryShape : public testing::TestWithParam<ModelDescription> {};

// Logits of all tokens by the batch's steps.
std::vector<float> batch_logits(const TensorSource& source, const std::vector<uint32_t>& ids,
                                const std::vector<uint32_t>& windows) {
  const ModelDescription& model = source.description();
  const BatchForward forward(source, windows, 2);
  const auto product = [&](TensorRole role, uint32_t layer, const Activations& x) {
    const auto [rows, columns] = tensor_shape(model, role);
    std::vector<float> w(rows * columns);
    source.read_rows({role, layer}, 0, rows, w);
    Activations out(forward.tokens() * rows);
    forward.multiply(w, columns, x, 0, rows, out);
    return out;
  };
  Activations x = forward.embed(ids);
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    Activations normed = forward.norm(x, {TensorRole::kAttentionNorm, layer});
    Activations q = product(TensorRole::kQuery, layer, normed);
    Activations k = product(TensorRole::kKey, layer, normed);
    Activations v = product(TensorRole::kValue, layer, normed);
    forward.add_bias({TensorRole::kQueryBias, layer}, q);
    forward.add_bias({TensorRole::kKeyBias, layer}, k);
    forward.add_bias({TensorRole::kValueBias, layer}, v);
    const Activations attended = product(TensorRole::kAttentionOut, layer, forward.attend(layer, q, k, v));
    forward.add(forward.norm(attended, {TensorRole::kPostAttentionNorm, layer}), x);
    normed = forward.norm(x, {TensorRole::kFfnNorm, layer});
    Activations gate = product(TensorRole::kGate, layer, normed);
    forward.gate(gate, product(TensorRole::kUp, layer, normed));
    forward.add(forward.norm(product(TensorRole::kDown, layer, gate), {TensorRole::kPostFfnNorm, layer}), x);
  }
  return product(TensorRole::kLmHead, 0, forward.norm(x, {TensorRole::kFinalNorm}));
}

TEST_P(OfEveryShape, TheBatchComputesWhatTheForwardPassTokenByTokenDoes) {
  const auto source = make_synthetic(GetParam(), 3);
  const auto ids = some_ids(GetParam());
  const std::vector<uint32_t> windows = {25, 1, 34};
  const auto logits = batch_logits(*source, ids, windows);
  Fp32Forward forward(*source);
  uint32_t token = 0;
  for (const uint32_t window : windows) {
    forward.reset();
    for (uint32_t i = 0; i < window; ++i, ++token) {
      const auto expected = forward.step(ids[token]);
      for (uint32_t v = 0; v < expected.size(); ++v) {
        ASSERT_NEAR(logits[uint64_t{token} * expected.size() + v], expected[v], 2e-4) << token << ' ' << v;
      }
    }
  }
}

// A run of a quantiser in a folder of its own.
class Trial {
 public:
  explicit Trial(const ModelDescription& model) : source_(make_synthetic(model, 3)), ids_(some_ids(model)) {}

  std::unique_ptr<TensorSource> start(const std::string& quantiser_name, uint32_t threads = 2,
                                      const Progress& progress = {}) const {
    return quantiser(quantiser_name)
        .apply({.source = *source_,
                .calibrate = {},
                .tokens =
                    [&] {
                      return CalibrationTokens{ids_, {30, 30}};
                    },
                .unfinished = folder_,
                .threads = threads,
                .progress = [&](const std::string&) { return progress; }});
  }

  const TensorSource& source() const { return *source_; }
  const std::filesystem::path& folder() const { return folder_; }
  std::vector<uint32_t>& ids() { return ids_; }

 private:
  std::unique_ptr<TensorSource> source_;
  const test::TemporaryFolder temporary_;
  const std::filesystem::path folder_ = std::filesystem::path(temporary_.path()) / "unfinished";
  std::vector<uint32_t> ids_;
};

// Everything that an image takes from a source, as floats.
std::vector<float> contents(const TensorSource& source) {
  std::vector<float> all;
  for (uint32_t i = 0; i < kTensorRoles; ++i) {
    const auto role = static_cast<TensorRole>(i);
    for (uint32_t layer = 0; has_tensor(source.description(), {role, layer}); ++layer) {
      const auto [rows, columns] = tensor_shape(source.description(), role);
      std::vector<float> values(rows * columns);
      source.read_rows({role, layer}, 0, rows, values);
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  return all;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  }
  return sum;
}

TEST_P(OfEveryShape, WhatIsQuantisedComputesAlmostWhatTheCheckpointDoes) {
  const ModelDescription& model = GetParam();
  Trial run(model);
  const auto exact = batch_logits(run.source(), run.ids(), {30, 30});
  const double size = distance(exact, std::vector<float>(exact.size()));
  for (const std::string name : {"gptq", "best"}) {
    const auto quantised = run.start(name);
    for (const TensorRole role : {TensorRole::kQuery, TensorRole::kDown, TensorRole::kLmHead}) {
      EXPECT_TRUE(quantised->is_quantised({role}));
    }
    EXPECT_FALSE(quantised->is_quantised({TensorRole::kEmbedding}));
    EXPECT_FALSE(quantised->is_quantised({TensorRole::kFinalNorm}));
    EXPECT_LT(distance(batch_logits(*quantised, run.ids(), {30, 30}), exact), 0.03 * size) << name;
  }
}

TEST_P(OfEveryShape, EightBitsLeaveAThirtiethOfTheErrorsSquare) {
  using enum TensorRole;
  ModelDescription model = GetParam();
  model.eight_bit = {kQuery, kKey, kValue, kAttentionOut, kGate, kUp, kDown, kLmHead};
  Trial run(model);
  const auto exact = batch_logits(run.source(), run.ids(), {30, 30});
  const double size = distance(exact, std::vector<float>(exact.size()));
  for (const std::string name : {"gptq", "best"}) {
    const auto quantised = run.start(name);
    EXPECT_TRUE(quantised->is_quantised({kDown}));
    EXPECT_LT(distance(batch_logits(*quantised, run.ids(), {30, 30}), exact), 0.03 / 30 * size) << name;
  }
}

// Norms behind, and a layer without RoPE, beside the other shapes.
std::vector<ModelDescription> shapes() {
  std::vector<ModelDescription> all = test::small_models();
  ModelDescription behind = all.front();
  behind.name = "norms_behind";
  behind.pre_norm = false;
  behind.post_norm = true;
  behind.unrotated = {false, true};
  all.push_back(behind);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Layerwise, OfEveryShape, testing::ValuesIn(shapes()),
                         [](const auto& shape) { return shape.param.name; });

struct Stopped {};

TEST(Layerwise, ARunThatWasEndedGoesOnBehindItsLastLayerToTheSameResult) {
  const ModelDescription model = test::small_models().front();
  const Trial whole(model);
  const auto expected = contents(*whole.start("best"));
  const Trial ended(model);
  // Ends within the second layer.
  EXPECT_THROW(ended.start("best", 1,
                           [](uint64_t done, uint64_t total) {
                             if (done * 10 > total * 6) throw Stopped();
                           }),
               Stopped);
  ASSERT_TRUE(std::filesystem::exists(ended.folder() / "layer-0"));
  ASSERT_FALSE(std::filesystem::exists(ended.folder() / "layer-1"));
  uint64_t first = 0;
  const auto resumed = ended.start("best", 3, [&](uint64_t done, uint64_t) {
    if (first == 0) first = done;
  });
  EXPECT_GT(first, streamed_weights(model) / 4) << "the first layer is not quantised again";
  EXPECT_EQ(contents(*resumed), expected);
  EXPECT_EQ(contents(*ended.start("best")), expected) << "all is there already";
}

TEST(Layerwise, LayersOfAnotherTextOrQuantiserAndDamagedOnesAreMadeAgain) {
  const ModelDescription model = test::small_models().front();
  Trial run(model);
  const auto gptq = contents(*run.start("gptq"));
  const auto best = contents(*run.start("best"));
  EXPECT_NE(best, gptq);
  const auto file = run.folder() / "layer-1";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  EXPECT_EQ(contents(*run.start("best")), best);
  run.ids().front() ^= 1;
  EXPECT_NE(contents(*run.start("best")), best);
}

TEST(Layerwise, AFolderThatCannotBeMadeIsToldByName) {
  const ModelDescription model = test::small_models().front();
  const Trial run(model);
  std::ofstream(run.folder()) << "a file";
  try {
    run.start("best");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(run.folder().string()), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace brim
