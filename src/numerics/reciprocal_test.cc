#include "numerics/reciprocal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "numerics/oracle.h"

namespace brim {
namespace {

static_assert(reciprocal(1.0f) == 1.0f && reciprocal(-0x1p125f) == -0x1p-125f);
static_assert(float_bits(reciprocal(-0x1p126f)) == 0x80000000u && reciprocal(0.0f) == kInfinity);

TEST(Reciprocal, SeedsAreWithinOne129th) {
  for (uint32_t i = 0; i < 64; ++i) {
    for (double m : {1.0 + i / 64.0, 1.0 + (i + 1) / 64.0}) {
      EXPECT_LE(std::abs(kReciprocalTable[i] * m - 1.0), 1.0 / 129 + 0x1p-23) << i;
    }
  }
}

TEST(Reciprocal, ErrorIsBelowOneAndAQuarterUlpForEverySignificand) {
  double worst = 0.0;
  for (uint32_t fraction = 0; fraction < 0x800000u; ++fraction) {
    const float m = float_from_bits(0x3F800000u | fraction);
    const double exact = 1.0 / static_cast<double>(m);
    const float y = reciprocal(m);
    ASSERT_TRUE(y >= 0.5f && y <= 1.0f) << std::hexfloat << m;
    worst = std::max(worst, ulps_from(y, exact));
  }
  EXPECT_LE(worst, 1.25);
}

TEST(Reciprocal, ExponentAndSignOnlyShiftTheSignificandsResult) {
  for (uint32_t fraction = 0; fraction < 0x800000u; fraction += 7919) {
    const float y = reciprocal(float_from_bits(0x3F800000u | fraction));
    for (uint32_t field = 1; field < 126 + 127; ++field) {
      const float x = float_from_bits(field << 23 | fraction);
      const float expected = std::ldexp(y, 127 - static_cast<int>(field));
      ASSERT_EQ(reciprocal(x), expected) << std::hexfloat << x;
      ASSERT_EQ(reciprocal(-x), -expected) << std::hexfloat << x;
    }
  }
}

TEST(Reciprocal, IsTotal) {
  EXPECT_EQ(reciprocal(0.0f), kInfinity);
  EXPECT_EQ(reciprocal(-0.0f), -kInfinity);
  EXPECT_EQ(reciprocal(kMinNormal), 0x1p126f);
  for (float x : {0x1p126f, 0x1.fffffep127f, kInfinity}) {
    EXPECT_EQ(float_bits(reciprocal(x)), 0u) << x;
    EXPECT_EQ(float_bits(reciprocal(-x)), 0x80000000u) << x;
  }
  EXPECT_EQ(reciprocal(0x1.fffffep125f), kMinNormal);
  EXPECT_EQ(float_bits(reciprocal(kNan)), float_bits(kNan));
  EXPECT_EQ(float_bits(reciprocal(negate(kNan))), float_bits(kNan));
}

}  // namespace
}  // namespace brim
