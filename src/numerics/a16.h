// A16: activations as block floating point. A block of up to 128 elements (a query head's: 256) shares one
// power-of-two exponent e; element x becomes the int16 mantissa m = RNE(x * 2^-e).
//
// |m| <= 32639 = 127 * 256 + 127, so that m = 256 h + l with h and l in [-127, 127] resp. [-128, 127]:
// the two int8 digits that integer dot-product instructions want.
//
// e is at least -80: every product of the hot path (group sum x FP16 scale x 2^e) is then either zero or
// at least 2^-104, so no flushing rule is ever consulted there. e is at most 100: scale x 2^e is finite,
// and exact.
#pragma once

#include <cstdint>

#include "numerics/fp32.h"

namespace brim {

inline constexpr int32_t kA16Block = 128;
inline constexpr int32_t kA16MaxMantissa = 32639;
inline constexpr int32_t kA16MinExponent = -80;
inline constexpr int32_t kA16MaxExponent = 100;

// Significands (24 bit, 1.f) from this one on would round to a mantissa above 32639 at shift 14.
inline constexpr uint32_t kA16SignificandLimit = 0xFEFF00;  // 32639.5 * 2^9

// The exponent for a block whose largest magnitude is `max_abs` (>= 0): the smallest e for which every
// |m| <= 32639. Returns kA16MaxExponent + 1 where no exponent will do (overflow, infinity, NaN).
constexpr int32_t a16_exponent(float max_abs) {
  const int32_t field = exponent_field(max_abs);
  if (field == 0) return kA16MinExponent;
  const uint32_t significand = (float_bits(max_abs) & 0x7FFFFFu) | 0x800000u;
  const int32_t e = field - 127 - 14 + (significand >= kA16SignificandLimit ? 1 : 0);
  if (e > kA16MaxExponent) return kA16MaxExponent + 1;
  return e < kA16MinExponent ? kA16MinExponent : e;
}

// RNE(x * 2^-e). Exact scaling followed by one rounding: a shift with round-to-nearest-even in hardware.
constexpr int16_t a16_mantissa(float x, int32_t e) {
  return static_cast<int16_t>(round_to_int(fmul(x, power_of_two(-e))));
}

// Converts x[0..n) to mantissas; returns e. An overflowing block gives all m = 0, e = 0 and
// sets *overflow (it is never cleared): the pass is then reported as failed, and stays deterministic.
constexpr int32_t to_a16(const float* x, int32_t n, int16_t* m, bool* overflow) {
  const int32_t e = a16_exponent(max_magnitude(x, n));
  if (e > kA16MaxExponent) {
    *overflow = true;
    for (int32_t i = 0; i < n; ++i) m[i] = 0;
    return 0;
  }
  for (int32_t i = 0; i < n; ++i) m[i] = a16_mantissa(x[i], e);
  return e;
}

}  // namespace brim
