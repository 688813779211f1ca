#include "numerics/gelu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numbers>

#include "numerics/oracle.h"

namespace brim {
namespace {

static_assert(gelu(0.0f) == 0.0f && gelu(1000.0f) == 1000.0f && gelu(kInfinity) == kInfinity);

// x / (1 + e^-u): an error of u is one of the result by its relative size, but only where e^-u is not small
// beside 1.
TEST(Gelu, RelativeErrorIsThatOfSiluAndOfTheExponent) {
  for (uint32_t bits = float_bits(0x1p-26f); bits <= float_bits(16.0f); bits += 211) {
    for (float x : {float_from_bits(bits), -float_from_bits(bits)}) {
      const double wide = x;
      const double u = 2.0 * std::sqrt(2.0 / std::numbers::pi) * (wide + 0.044715 * wide * wide * wide);
      if (u < -87.0) continue;
      const double exact = wide / (1.0 + std::exp(-u));
      const double bound = std::exp2(-21.5) + std::exp2(-22.0) * std::max(0.0, -u);
      ASSERT_LE(std::abs(gelu(x) - exact), bound * std::abs(exact)) << std::hexfloat << x;
    }
  }
}

TEST(Gelu, IsTheTanhFormOfItsPaper) {
  for (double x = -6.0; x <= 6.0; x += 1.0 / 64) {
    const double y = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
    EXPECT_NEAR(gelu(static_cast<float>(x)), 0.5 * x * (1.0 + std::tanh(y)), 1e-6) << x;
  }
}

TEST(Gelu, FarBelowZeroIsMinusZero) {
  for (float x : {-11.0f, -88.0f, -1000.0f, -0x1.fffffep127f}) {
    EXPECT_EQ(float_bits(gelu(x)), 0x80000000u) << x;
  }
  EXPECT_TRUE(is_nan(gelu(-kInfinity)));
  EXPECT_TRUE(is_nan(gelu(kNan)));
}

#if defined(__SSE2__)
TEST(Gelu, DoesNotDependOnTheProcessorsFlushToZeroMode) {
  EXPECT_TRUE(gives_the_same_with_flush_to_zero([](float x) { return gelu(x); }));
}
#endif

}  // namespace
}  // namespace brim
