#include "model/description.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "model/synthetic.h"
#include "tests/support/model_shape.h"

namespace brim {
namespace {

ModelDescription small_model() { return test::model_shape("small", 64, {4, 2, 16}, 96, 100, 0); }

std::string refusal(const ModelDescription& model) {
  try {
    validate(model);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Validate, AcceptsAConsistentModel) { EXPECT_EQ(refusal(small_model()), ""); }

TEST(Validate, NamesTheFieldThatIsWrong) {
  const auto expect_field = [](const char* field, auto change) {
    ModelDescription model = small_model();
    change(model);
    EXPECT_NE(refusal(model).find(field), std::string::npos) << field << ": " << refusal(model);
  };
  expect_field("dim", [](auto& m) { m.dim = 0; });
  expect_field("dim", [](auto& m) { m.dim = 65537; });
  expect_field("layers", [](auto& m) { m.layers = 1025; });
  expect_field("head_size", [](auto& m) { m.head_size = 258; });
  expect_field("head_size", [](auto& m) { m.head_size = 15; });
  expect_field("kv_heads", [](auto& m) { m.kv_heads = 3; });
  expect_field("hidden", [](auto& m) { m.hidden = 0; });
  expect_field("vocabulary", [](auto& m) { m.vocabulary = 1u << 24; });
  expect_field("heads * head_size", [](auto& m) { m.heads = 65536; });
  expect_field("norm_eps", [](auto& m) { m.norm_eps = NAN; });
  expect_field("rope_theta", [](auto& m) { m.rope_theta = 0.0; });
  expect_field("factor",
               [](auto& m) { m.rope_scaling = {.kind = RopeScaling::Kind::kLinear, .factor = 0.0}; });
  expect_field("original context", [](auto& m) { m.rope_scaling = {.kind = RopeScaling::Kind::kYarn}; });
}

TEST(Window, IsThatOfTheLayersThatHaveIt) {
  ModelDescription model = small_model();
  EXPECT_EQ(model.window(1), 0u);
  model.attention_window = 64;
  EXPECT_EQ(model.window(1), 64u);
  model.windowed = {true, false};
  model.layers = 2;
  EXPECT_EQ(model.window(0), 64u);
  EXPECT_EQ(model.window(1), 0u);
  EXPECT_NO_THROW(validate(model));
  model.windowed.push_back(true);
  EXPECT_THROW(validate(model), Error);
}

TEST(StreamedWeights, OfLlama2_7bAreItsMatricesWithoutTheEmbedding) {
  // 6,738,415,616 parameters (Touvron et al. 2023) less 131,072,000 of the embedding and 65 norms.
  EXPECT_EQ(streamed_weights(open_synthetic("llama2-7b")->description()),
            6'738'415'616u - 131'072'000u - 65u * 4096u);
}

TEST(RopeFrequencies, FallFromOneGeometrically) {
  const RopeFrequencies rope = rope_frequencies(small_model());
  ASSERT_EQ(rope.radians_per_position.size(), 8u);
  EXPECT_DOUBLE_EQ(rope.radians_per_position[0], 1.0);
  EXPECT_NEAR(rope.radians_per_position[4], 0.01, 1e-15);
  EXPECT_EQ(rope.amplitude, 1.0);
}

TEST(RopeFrequencies, LinearScalingDividesAllOfThem) {
  ModelDescription model = small_model();
  model.rope_scaling = {.kind = RopeScaling::Kind::kLinear, .factor = 4.0};
  const RopeFrequencies scaled = rope_frequencies(model);
  const RopeFrequencies plain = rope_frequencies(small_model());
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_DOUBLE_EQ(scaled.radians_per_position[i] * 4.0, plain.radians_per_position[i]);
  }
}

TEST(RopeFrequencies, Llama3ScalingKeepsShortWavesStretchesLongOnesAndBlendsBetween) {
  const ModelDescription model = open_synthetic("llama3.2-1b")->description();
  ModelDescription unscaled = model;
  unscaled.rope_scaling = {};
  const RopeFrequencies scaled = rope_frequencies(model);
  const RopeFrequencies plain = rope_frequencies(unscaled);
  int kept = 0, stretched = 0, blended = 0;
  for (size_t i = 0; i < plain.radians_per_position.size(); ++i) {
    const double before = plain.radians_per_position[i];
    const double ratio = scaled.radians_per_position[i] / before;
    const double wavelength = 2.0 * std::numbers::pi / before;
    if (wavelength < 8192.0 / 4.0) {
      EXPECT_DOUBLE_EQ(ratio, 1.0);
      ++kept;
    } else if (wavelength > 8192.0) {
      EXPECT_DOUBLE_EQ(ratio, 1.0 / 32.0);
      ++stretched;
    } else {
      const double smooth = (8192.0 / wavelength - 1.0) / (4.0 - 1.0);
      EXPECT_NEAR(ratio, (1.0 - smooth) / 32.0 + smooth, 1e-12);
      ++blended;
    }
  }
  EXPECT_GT(kept, 0);
  EXPECT_GT(stretched, 0);
  EXPECT_GT(blended, 0);
}

TEST(RopeFrequencies, EachTableHasItsOwnBaseAndOnlyTheUsualOneIsScaled) {
  ModelDescription model = small_model();
  model.layers = 3;
  model.rope_scaling = {.kind = RopeScaling::Kind::kLinear, .factor = 4.0};
  model.local_rope_theta = 100.0;
  model.windowed = {true, false, false};
  model.unrotated = {false, false, true};
  using enum RopeTable;
  EXPECT_EQ(rope_tables(model), (std::vector{kUsual, kLocal, kNone}));
  const auto fourth = [&](RopeTable table) {
    return rope_frequencies(model, 0, table).radians_per_position[4];
  };
  EXPECT_NEAR(fourth(kUsual), 0.01 / 4.0, 1e-15);
  EXPECT_NEAR(fourth(kLocal), 0.1, 1e-15);
  EXPECT_EQ(fourth(kNone), 0.0);
}

TEST(RopeFrequencies, YarnStretchesFromTheSlowPairsOnAndRaisesTheAmplitude) {
  ModelDescription model = small_model();
  model.head_size = 128;
  model.rope_theta = 1e6;
  const RopeFrequencies plain = rope_frequencies(model);
  model.rope_scaling = {.kind = RopeScaling::Kind::kYarn, .factor = 4.0, .original_context = 32768.0};
  const RopeFrequencies scaled = rope_frequencies(model);
  // 128 ln(32768 / (32 * 2 pi)) / (2 ln 1e6) = 23.6 and, for one turn, 39.7: the ramp is 23 to 40.
  for (size_t i = 0; i < 64; ++i) {
    const double ramp = i <= 23 ? 0.0 : i >= 40 ? 1.0 : (static_cast<double>(i) - 23.0) / 17.0;
    const double ratio = scaled.radians_per_position[i] / plain.radians_per_position[i];
    EXPECT_NEAR(ratio, (1.0 - ramp) + ramp / 4.0, 1e-12) << i;
  }
  EXPECT_NEAR(scaled.amplitude, 0.1 * std::log(4.0) + 1.0, 1e-15);
  model.rope_scaling.attention_factor = 1.25;
  EXPECT_EQ(rope_frequencies(model).amplitude, 1.25);
}

}  // namespace
}  // namespace brim
