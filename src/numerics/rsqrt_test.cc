#include "numerics/rsqrt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "numerics/oracle.h"

namespace brim {
namespace {

static_assert(rsqrt(1.0f) == 1.0f && rsqrt(0x1p-126f) == 0x1p63f && rsqrt(0x1p126f) == 0x1p-63f);
static_assert(integer_sqrt(0) == 0 && integer_sqrt(99) == 9 && integer_sqrt(uint64_t{1} << 60) == 1u << 30);

TEST(Rsqrt, SeedsAreWithin2ToMinus8) {
  for (uint32_t i = 0; i < 128; ++i) {
    const double scale = i < 64 ? 2.0 : 1.0;
    for (double u : {scale * (1.0 + (i % 64) / 64.0), scale * (1.0 + (i % 64 + 1) / 64.0)}) {
      EXPECT_LE(std::abs(kRsqrtTable[i] * std::sqrt(u) - 1.0), 0x1p-8) << i;
    }
  }
}

TEST(Rsqrt, ErrorIsBelowOneAndAQuarterUlpForEverySignificandAndParity) {
  double worst = 0.0;
  for (uint32_t bits = float_bits(1.0f); bits < float_bits(4.0f); ++bits) {
    const float u = float_from_bits(bits);
    const double exact = 1.0 / std::sqrt(static_cast<double>(u));
    const float y = rsqrt(u);
    ASSERT_TRUE(y >= 0.5f && y <= 1.0f) << std::hexfloat << u;
    worst = std::max(worst, ulps_from(y, exact));
  }
  EXPECT_LE(worst, 1.25);
}

TEST(Rsqrt, FactorsOfFourOnlyShiftTheResult) {
  for (uint32_t bits = float_bits(1.0f); bits < float_bits(4.0f); bits += 7919) {
    const float u = float_from_bits(bits);
    for (int k = -63; k <= 63; ++k) {
      const float x = std::ldexp(u, 2 * k);
      if (!is_finite(x) || exponent_field(x) == 0) continue;
      ASSERT_EQ(rsqrt(x), std::ldexp(rsqrt(u), -k)) << std::hexfloat << x;
    }
  }
}

TEST(Rsqrt, IsTotal) {
  EXPECT_EQ(rsqrt(0.0f), kInfinity);
  EXPECT_EQ(rsqrt(-0.0f), kInfinity);
  EXPECT_EQ(float_bits(rsqrt(kInfinity)), 0u);
  for (float x : {-kMinNormal, -1.0f, -kInfinity, kNan, negate(kNan)}) {
    EXPECT_EQ(float_bits(rsqrt(x)), float_bits(kNan)) << x;
  }
}

}  // namespace
}  // namespace brim
