#include "numerics/a16.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace brim {
namespace {

constexpr std::array<float, 3> kSample = {1.0f, -0.5f, 0x1p-14f};
constexpr bool converts_in_constant_expressions() {
  std::array<int16_t, 3> m{};
  bool overflow = false;
  const int32_t e = to_a16(kSample.data(), 3, m.data(), &overflow);
  return e == -14 && m[0] == 16384 && m[1] == -8192 && m[2] == 1 && !overflow;
}
static_assert(converts_in_constant_expressions());
static_assert(kA16MaxMantissa == 127 * 256 + 127);

// RNE(x * 2^-e) in double, where both steps are exact but for the rounding.
double mantissa_oracle(float x, int32_t e) { return std::nearbyint(std::ldexp(static_cast<double>(x), -e)); }

// The definition, tried from the smallest exponent on.
int32_t exponent_oracle(float max_abs) {
  int32_t e = kA16MinExponent;
  while (e <= kA16MaxExponent && !(mantissa_oracle(max_abs, e) <= kA16MaxMantissa)) ++e;
  return e;
}

TEST(A16, ExponentIsTheSmallestThatKeepsMantissasInRange) {
  std::vector<uint32_t> fractions;
  for (uint32_t i = 0; i < 64; ++i) {
    fractions.push_back(i);
    fractions.push_back(0x7FFFFFu - i);
    fractions.push_back((kA16SignificandLimit & 0x7FFFFFu) + i - 32);
    fractions.push_back(i * 0x1FFFFu);
  }
  for (uint32_t field = 0; field <= 255; ++field) {
    for (uint32_t fraction : fractions) {
      const float x = flush(float_from_bits(field << 23 | fraction));
      ASSERT_EQ(a16_exponent(x), exponent_oracle(x)) << std::hexfloat << x;
    }
  }
}

TEST(A16, LimitFallsBetween32639AndTheNextMantissa) {
  const float limit = 32639.5f;  // a tie, which goes to the even 32640: one too many
  EXPECT_EQ(a16_exponent(limit), 1);
  EXPECT_EQ(a16_mantissa(limit, 1), 16320);
  EXPECT_EQ(a16_exponent(std::nextafter(limit, 0.0f)), 0);
  EXPECT_EQ(a16_mantissa(std::nextafter(limit, 0.0f), 0), 32639);
  EXPECT_EQ(a16_mantissa(-std::nextafter(limit, 0.0f), 0), -32639);
}

TEST(A16, MantissasAreNearestAndSplitIntoInt8Digits) {
  std::mt19937_64 random(5);
  std::array<float, kA16Block> x{};
  std::array<int16_t, kA16Block> m{};
  for (int block = 0; block < 4000; ++block) {
    const int base = static_cast<int>(random() % 226) - 126;  // up to 2^(base + 1) in magnitude
    for (float& value : x) {
      const uint64_t bits = random();
      value = std::ldexp(static_cast<float>(static_cast<int32_t>(bits >> 40) - (1 << 23)), base - 23);
      if (bits % 8 == 0) value = fmul(value, std::ldexp(1.0f, -static_cast<int>((bits >> 8) % 40)));
      value = flush(value);
    }
    bool overflow = false;
    const int32_t e = to_a16(x.data(), kA16Block, m.data(), &overflow);
    ASSERT_FALSE(overflow);
    ASSERT_EQ(e, exponent_oracle(max_magnitude(x.data(), kA16Block)));
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(m[i], mantissa_oracle(x[i], e)) << std::hexfloat << x[i] << " e " << e;
      ASSERT_LE(std::abs(static_cast<double>(x[i]) - std::ldexp(m[i], e)), std::ldexp(0.5, e));
      const int32_t high = (m[i] + 128) >> 8;
      const int32_t low = m[i] - 256 * high;
      ASSERT_TRUE(high >= -127 && high <= 127 && low >= -128 && low <= 127) << m[i];
    }
  }
}

TEST(A16, BlockOfZerosHasZeroMantissasAndTheSmallestExponent) {
  const std::array<float, 4> x = {0.0f, -0.0f, 0.0f, -0.0f};
  std::array<int16_t, 4> m = {1, 1, 1, 1};
  bool overflow = false;
  EXPECT_EQ(to_a16(x.data(), 4, m.data(), &overflow), kA16MinExponent);
  EXPECT_EQ(m, (std::array<int16_t, 4>{}));
  EXPECT_FALSE(overflow);
}

TEST(A16, TinyBlocksKeepTheSmallestExponent) {
  const std::array<float, 3> x = {0x1p-67f, -0x1.8p-80f, 0x1p-126f};
  std::array<int16_t, 3> m{};
  bool overflow = false;
  EXPECT_EQ(to_a16(x.data(), 3, m.data(), &overflow), kA16MinExponent);
  EXPECT_EQ(m, (std::array<int16_t, 3>{8192, -2, 0}));
}

TEST(A16, OverflowGivesZerosAndSetsTheFlagForGood) {
  const float largest = 0x1.fdfdfep114f;  // just below 32639.5 * 2^100
  std::array<int16_t, 2> m{};
  bool overflow = false;
  std::array<float, 2> x = {1.0f, largest};
  EXPECT_EQ(to_a16(x.data(), 2, m.data(), &overflow), kA16MaxExponent);
  EXPECT_EQ(m[1], 32639);
  EXPECT_FALSE(overflow);
  for (float bad :
       {std::nextafter(largest, kInfinity), -0x1p127f, kInfinity, -kInfinity, kNan, negate(kNan)}) {
    overflow = false;
    m = {7, 7};
    x = {1.0f, bad};
    EXPECT_EQ(to_a16(x.data(), 2, m.data(), &overflow), 0) << bad;
    EXPECT_EQ(m, (std::array<int16_t, 2>{})) << bad;
    EXPECT_TRUE(overflow) << bad;
    x = {1.0f, 2.0f};
    to_a16(x.data(), 2, m.data(), &overflow);
    EXPECT_TRUE(overflow) << "cleared by a good block after " << bad;
  }
}

TEST(A16, ScaledGroupSumsAreNeverFlushed) {
  // The smallest magnitudes of a group sum, an FP16 scale and 2^e, and the largest FP16 scale.
  EXPECT_EQ(fmul(1.0f, fmul(0x1p-24f, power_of_two(kA16MinExponent))), 0x1p-104f);
  EXPECT_TRUE(is_finite(fmul(65504.0f, power_of_two(kA16MaxExponent))));
}

}  // namespace
}  // namespace brim
