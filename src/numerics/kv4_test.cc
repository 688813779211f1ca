#include "numerics/kv4.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace brim {
namespace {

constexpr bool quantises_in_constant_expressions() {
  const std::array<float, 3> x = {10.0f, -5.0f, 0.75f};
  std::array<uint8_t, 3> k{};
  return quantise_kv4(x.data(), 3, k.data()) == Kv4Scale{0x3C00, 5} && k[0] == 15 && k[1] == 0 && k[2] == 6;
}
static_assert(quantises_in_constant_expressions());

TEST(Kv4, ErrorIsHalfAStepForNormalScalesAndBoundedForSubnormalOnes) {
  std::mt19937_64 random(6);
  const auto unit = [&] { return std::ldexp(static_cast<double>(random() >> 11), -53); };
  std::vector<float> x(128);
  std::vector<uint8_t> k(128);
  for (int vector = 0; vector < 20000; ++vector) {
    const double magnitude = std::ldexp(1.0 + unit(), static_cast<int>(random() % 40) - 24);
    // On both sides of zero, or on one: zero is among the values all the same.
    const double lowest = random() % 3 == 0 ? 0.5 * unit() : -unit();
    for (float& value : x) value = static_cast<float>(magnitude * (lowest + (1.0 - lowest) * unit()));
    if (random() % 2 == 0) {
      for (float& value : x) value = -value;
    }
    const Kv4Scale scale = quantise_kv4(x.data(), 128, k.data());
    const double s = fp16_to_float(scale.scale);
    // The range is 15 steps but for the rounding of s, 2^-11 of it, or 2^-25 where s is subnormal; the
    // zero-point moves it by at most half a step.
    const double bound = s * (0.5 + 0x1p-7) + (s < 0x1p-14 ? 15 * 0x1p-25 : 0.0);
    ASSERT_LE(scale.zero, 15);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::abs(static_cast<double>(x[i]) - (k[i] - scale.zero) * s), bound)
          << x[i] << " scale " << s;
      ASSERT_LE(k[i], 15);
    }
  }
}

TEST(Kv4, ZeroStaysZero) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.3f, 1.0f);
  for (int vector = 0; vector < 1000; ++vector) {
    float x[16] = {};
    for (int i = 1; i < 16; ++i) x[i] = normal(random);
    uint8_t k[16];
    const Kv4Scale scale = quantise_kv4(x, 16, k);
    ASSERT_EQ(k[0], scale.zero);
  }
}

TEST(Kv4, ScaleThatRoundsToZeroGivesZeroCodes) {
  const float tiny = 0x1p-26f * 15.0f;
  const float x[3] = {tiny, -tiny, 0x1p-126f};
  uint8_t k[3] = {1, 1, 1};
  EXPECT_EQ(quantise_kv4(x, 3, k), (Kv4Scale{0, 0}));
  EXPECT_TRUE(k[0] == 0 && k[1] == 0 && k[2] == 0);
}

TEST(Kv4, HugeValuesSaturateAtTheLargestScale) {
  const float x[4] = {0x1p127f, 65504.0f * 3.0f, negate(kNan), 0.0f};
  uint8_t k[4];
  EXPECT_EQ(quantise_kv4(x, 4, k), (Kv4Scale{0x7BFF, 0}));
  EXPECT_EQ(k[0], 15);
  EXPECT_EQ(k[1], 3);
  EXPECT_EQ(k[2], 0);
  EXPECT_EQ(k[3], 0);
  const float below[3] = {-kInfinity, kInfinity, 0.0f};
  EXPECT_EQ(quantise_kv4(below, 3, k), (Kv4Scale{0x7BFF, 15}));
  EXPECT_EQ(k[0], 0);
  EXPECT_EQ(k[2], 15);
}

}  // namespace
}  // namespace brim
