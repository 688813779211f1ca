#include "numerics/silu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "numerics/oracle.h"

namespace brim {
namespace {

static_assert(silu(0.0f) == 0.0f && silu(1000.0f) == 1000.0f && silu(kInfinity) == kInfinity);

// The bound that silu.h states. All floats of the domain: exhaustive_test.cc.
const double kBound = std::exp2(-21.7);

TEST(Silu, RelativeErrorIsBelow2ToMinus21Point7) {
  for (uint32_t bits = float_bits(0x1p-26f); bits <= float_bits(200.0f); bits += 211) {
    for (float x : {float_from_bits(bits), -float_from_bits(bits)}) {
      if (x < -87.33f) continue;
      const double exact = x / (1.0 + std::exp(-static_cast<double>(x)));
      ASSERT_LE(std::abs(silu(x) - exact), kBound * std::abs(exact)) << std::hexfloat << x;
    }
  }
}

TEST(Silu, TinyArgumentsAreHalved) {
  for (uint32_t bits = float_bits(0x1p-125f); bits <= float_bits(0x1p-26f); bits += 1009) {
    const float x = float_from_bits(bits);
    ASSERT_EQ(silu(x), x / 2);
    ASSERT_EQ(silu(-x), -x / 2);
  }
}

TEST(Silu, FarBelowZeroIsMinusZero) {
  for (float x : {-87.34f, -88.0f, -1000.0f, -0x1.fffffep127f}) {
    EXPECT_EQ(float_bits(silu(x)), 0x80000000u) << x;
  }
  EXPECT_LT(std::abs(-87.33 / (1.0 + std::exp(87.33))), 0x1p-119);
  EXPECT_TRUE(is_nan(silu(-kInfinity)));
  EXPECT_TRUE(is_nan(silu(kNan)));
}

#if defined(__SSE2__)
TEST(Silu, DoesNotDependOnTheProcessorsFlushToZeroMode) {
  EXPECT_TRUE(gives_the_same_with_flush_to_zero([](float x) { return silu(x); }));
}
#endif

}  // namespace
}  // namespace brim
