#include "numerics/fp16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace brim {
namespace {

static_assert(fp16_to_float(0x3C00) == 1.0f && fp16_to_float(0x0001) == 0x1p-24f);
static_assert(fp16_to_float(0x7BFF) == kMaxFp16 && fp16_to_float(0xFC00) == -kInfinity);
static_assert(float_to_fp16(65519.996f) == 0x7BFF && float_to_fp16(65520.0f) == 0x7C00);
static_assert(float_to_fp16(0x1p-25f) == 0 && float_to_fp16(0x1.000002p-25f) == 1);

// The value of a finite FP16 pattern from its definition.
double fp16_value(uint16_t h) {
  const int exponent = (h >> 10) & 0x1F;
  const double magnitude =
      exponent == 0 ? std::ldexp(h & 0x3FF, -24) : std::ldexp(1024 + (h & 0x3FF), exponent - 25);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

// The magnitude rounded to a multiple of the FP16 spacing where it lies; 2^16 and beyond is infinity.
uint16_t nearest_fp16(float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return sign | 0x7E00;
  const double magnitude = std::abs(static_cast<double>(x));
  int exponent = -14;
  if (magnitude >= 0x1p-14) exponent = std::ilogb(magnitude);
  if (exponent > 15) return sign | 0x7C00;
  // Units of 2^(exponent - 10); a carry out of the ten fraction bits runs into the exponent, as it should.
  const int units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + units));
}

TEST(Fp16, EveryPatternConvertsExactly) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float x = fp16_to_float(static_cast<uint16_t>(h));
    if ((h & 0x7C00) != 0x7C00) {
      ASSERT_EQ(static_cast<double>(x), fp16_value(static_cast<uint16_t>(h))) << h;
      ASSERT_EQ(std::signbit(x), (h & 0x8000) != 0) << h;
    } else {
      ASSERT_EQ(is_nan(x), (h & 0x3FF) != 0) << h;
      ASSERT_EQ(is_finite(x), false) << h;
    }
  }
}

TEST(Fp16, EveryNumberComesBackUnchanged) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    if ((h & 0x7C00) == 0x7C00 && (h & 0x3FF) != 0) continue;
    ASSERT_EQ(float_to_fp16(fp16_to_float(static_cast<uint16_t>(h))), h);
  }
}

TEST(Fp16, RoundsToNearestEvenAtEveryBoundary) {
  for (uint32_t h = 0; h < 0x7C00; ++h) {
    const double below = fp16_value(static_cast<uint16_t>(h));
    const double above = h == 0x7BFF ? 65536.0 : fp16_value(static_cast<uint16_t>(h + 1));
    const float middle = static_cast<float>((below + above) / 2);  // exact: 12 bits
    for (float x : {std::nextafter(middle, 0.0f), middle, std::nextafter(middle, kInfinity)}) {
      ASSERT_EQ(float_to_fp16(x), nearest_fp16(x)) << std::hexfloat << x;
      ASSERT_EQ(float_to_fp16(-x), nearest_fp16(-x)) << std::hexfloat << -x;
    }
  }
}

TEST(Fp16, RoundsToNearestEvenAllOverTheFp32Range) {
  // A step that is prime and not near a power of two visits all low bits; 8.6 million patterns.
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 499) {
    const float x = float_from_bits(static_cast<uint32_t>(bits));
    ASSERT_EQ(float_to_fp16(x), nearest_fp16(x)) << std::hex << bits;
  }
}

}  // namespace
}  // namespace brim
