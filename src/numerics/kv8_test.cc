#include "numerics/kv8.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace brim {
namespace {

constexpr bool quantises_in_constant_expressions() {
  const std::array<float, 3> x = {127.0f, -64.0f, 0.25f};
  std::array<int8_t, 3> k{};
  return quantise_kv8(x.data(), 3, k.data()) == 0x3C00 && k[0] == 127 && k[1] == -64 && k[2] == 0;
}
static_assert(quantises_in_constant_expressions());

TEST(Kv8, ErrorIsHalfAStepForNormalScalesAndBoundedForSubnormalOnes) {
  std::mt19937_64 random(6);
  std::vector<float> x(128);
  std::vector<int8_t> k(128);
  for (int vector = 0; vector < 20000; ++vector) {
    const double magnitude = std::ldexp(1.0 + std::ldexp(static_cast<double>(random() >> 11), -53),
                                        static_cast<int>(random() % 46) - 24);  // in [2^-24, 2^22)
    for (float& value : x) {
      const double unit = std::ldexp(static_cast<double>(random() >> 11), -52) - 1.0;
      value = static_cast<float>(magnitude * unit);
    }
    x[random() % 128] = static_cast<float>(magnitude);
    const uint16_t scale = quantise_kv8(x.data(), 128, k.data());
    const double s = fp16_to_float(scale);
    // A normal scale is within 2^-11 of max|x| / 127, so that no |x / s| reaches 127.5 and is clamped. A
    // subnormal one is within 2^-25: clamping adds up to 127 times that. 2^-19 covers x * (1/s) in FP32.
    const double bound = s * (0.5 + 0x1p-15) + (s < 0x1p-14 ? 127 * 0x1p-25 : 0.0);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::abs(static_cast<double>(x[i]) - k[i] * s), bound) << x[i] << " scale " << s;
      ASSERT_GE(k[i], -127);
    }
  }
}

TEST(Kv8, LargestElementGetsTheLargestCode) {
  for (uint32_t bits = float_bits(0x1p-6f); bits < float_bits(0x1p22f); bits += 4099) {
    const float x[2] = {float_from_bits(bits), -float_from_bits(bits)};
    int8_t k[2];
    quantise_kv8(x, 2, k);
    ASSERT_TRUE(k[0] == 127 && k[1] == -127) << x[0];
  }
}

TEST(Kv8, ScaleThatRoundsToZeroGivesZeroCodes) {
  const float tiny = 0x1p-25f * 127.0f;  // its scale is a tie between 0 and 2^-24, which goes to 0
  const float x[3] = {tiny, -tiny, 0x1p-126f};
  int8_t k[3] = {1, 1, 1};
  EXPECT_EQ(quantise_kv8(x, 3, k), 0);
  EXPECT_TRUE(k[0] == 0 && k[1] == 0 && k[2] == 0);
}

TEST(Kv8, HugeValuesSaturateAtTheLargestScale) {
  const float x[5] = {0x1p127f, -kInfinity, 65504.0f * 3.0f, negate(kNan), 0.0f};
  int8_t k[5];
  EXPECT_EQ(quantise_kv8(x, 5, k), 0x7BFF);
  EXPECT_EQ(k[0], 127);
  EXPECT_EQ(k[1], -127);
  EXPECT_EQ(k[2], 3);
  EXPECT_EQ(k[3], -127);
  EXPECT_EQ(k[4], 0);
}

}  // namespace
}  // namespace brim
