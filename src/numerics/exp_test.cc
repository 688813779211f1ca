#include "numerics/exp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "numerics/oracle.h"

namespace brim {
namespace {

static_assert(exp_fp32(0.0f) == 1.0f && exp_fp32(-kInfinity) == 0.0f && is_nan(exp_fp32(kNan)));
static_assert(kExpTable[0] == 1.0f && kExpTable[32] == 0x1.6a09e6p0f);

// The bound that exp.h states. All floats of the domain: exhaustive_test.cc.
const double kBound = std::exp2(-22.7);

void expect_within_bound(float x) {
  const double exact = std::exp(static_cast<double>(x));
  ASSERT_LE(std::abs(exp_fp32(x) - exact), kBound * exact) << std::hexfloat << x;
}

TEST(Exp, ConstantsAreTheNearestFloatsToTheirDefinitions) {
  const long double ln2 = std::log(2.0L);
  EXPECT_EQ(kExpStepsPerUnit, static_cast<float>(64.0L / ln2));
  EXPECT_EQ(kExpStepLow, static_cast<float>(ln2 / 64.0L - static_cast<long double>(kExpStepHigh)));
  EXPECT_EQ(kExpStepHigh, 355.0f * 0x1p-15f);
  for (uint32_t j = 0; j < 64; ++j) {
    EXPECT_EQ(kExpTable[j], static_cast<float>(std::exp2(static_cast<long double>(j) / 64.0L))) << j;
  }
}

TEST(Exp, FirstReductionStepIsExact) {
  for (uint32_t bits = float_bits(0x1p-20f); bits <= float_bits(kExpHighest); bits += 101) {
    for (float x : {float_from_bits(bits), -float_from_bits(bits)}) {
      if (x < kExpLowest) continue;
      const int32_t n = round_to_int(fmul(x, kExpStepsPerUnit));
      const double exact = static_cast<double>(x) - n * static_cast<double>(kExpStepHigh);
      ASSERT_EQ(static_cast<double>(fsub(x, fmul(fl(n), kExpStepHigh))), exact) << std::hexfloat << x;
    }
  }
}

TEST(Exp, RelativeErrorIsBelow2ToMinus22Point7OverTheDomain) {
  for (uint32_t bits = float_bits(0x1p-26f); bits <= float_bits(kExpHighest); bits += 211) {
    expect_within_bound(float_from_bits(bits));
    if (-float_from_bits(bits) >= kExpLowest) expect_within_bound(-float_from_bits(bits));
  }
}

TEST(Exp, RelativeErrorIsBelow2ToMinus22Point7WhereTheTableStepChanges) {
  for (int32_t n = -8064; n <= 8124; ++n) {
    const float step = static_cast<float>((n + 0.5) * kLn2 / 64.0);
    for (int32_t offset = -200; offset <= 200; ++offset) {
      const float x = float_from_bits(float_bits(step) + static_cast<uint32_t>(offset));
      if (x >= kExpLowest) expect_within_bound(x);
    }
  }
}

TEST(Exp, TinyArgumentsGiveOneAndNoneBelowZeroMore) {
  for (uint32_t bits = 0; bits <= float_bits(0x1p-25f); bits += 1009) {
    ASSERT_EQ(exp_fp32(flush(float_from_bits(bits))), 1.0f);
    ASSERT_EQ(exp_fp32(negate(flush(float_from_bits(bits)))), 1.0f);
  }
  for (uint32_t bits = float_bits(0x1p-25f); bits <= float_bits(-kExpLowest); bits += 307) {
    ASSERT_LE(exp_fp32(-float_from_bits(bits)), 1.0f) << std::hexfloat << float_from_bits(bits);
  }
}

TEST(Exp, EndsAreClamped) {
  const float below = std::nextafter(kExpLowest, -kInfinity);
  EXPECT_GE(std::exp(static_cast<double>(kExpLowest)), 0x1p-126);
  EXPECT_LT(std::exp(static_cast<double>(below)), 0x1p-126);
  EXPECT_GE(exp_fp32(kExpLowest), kMinNormal);
  for (float x : {below, -88.0f, -0x1.fffffep127f, -kInfinity}) EXPECT_EQ(float_bits(exp_fp32(x)), 0u) << x;
  for (float x : {std::nextafter(88.0f, 89.0f), 0x1.fffffep127f, kInfinity}) {
    EXPECT_EQ(exp_fp32(x), exp_fp32(88.0f)) << x;
  }
  EXPECT_LT(exp_fp32(88.0f), 0x1p127f);
  EXPECT_EQ(float_bits(exp_fp32(negate(kNan))), float_bits(kNan));
}

}  // namespace
}  // namespace brim
