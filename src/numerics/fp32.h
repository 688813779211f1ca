// FP32 rules of Brim: IEEE 754 binary32, round to nearest even, no fused multiply-add, subnormals
// flushed to zero. docs/numerics.md gives the reasons.
//
// A result is flushed when it is below 2^-126 *after* rounding to 24 bits with an unbounded exponent.
// This is what SSE/AVX do with FTZ set, and what a hardware datapath does that normalises, rounds and
// then looks at the exponent. (Arm with FPCR.FZ decides before rounding; `fmul` repairs the one binade
// edge where that differs.) A flushed result keeps its sign.
#pragma once

#include <bit>
#include <cstdint>

namespace brim {

inline constexpr float kMinNormal = 0x1p-126f;

constexpr uint32_t float_bits(float x) { return std::bit_cast<uint32_t>(x); }
constexpr float float_from_bits(uint32_t bits) { return std::bit_cast<float>(bits); }

// The biased exponent field, 0..255.
constexpr int32_t exponent_field(float x) { return static_cast<int32_t>((float_bits(x) >> 23) & 0xFF); }

constexpr bool is_finite(float x) { return exponent_field(x) != 255; }
constexpr bool is_nan(float x) { return (float_bits(x) & 0x7FFFFFFFu) > 0x7F800000u; }

// The NaN that our own functions return. What fadd and fmul put into a NaN's payload and sign is the
// processor's choice and no part of the contract: a NaN ends in the overflow flag of an A16 block.
inline constexpr float kNan = float_from_bits(0x7FC00000u);
inline constexpr float kInfinity = float_from_bits(0x7F800000u);

// x, or a zero of the same sign when x is subnormal. For values that come from outside (checkpoints).
constexpr float flush(float x) {
  return exponent_field(x) == 0 ? float_from_bits(float_bits(x) & 0x80000000u) : x;
}

// Sum and difference of normal numbers or zeros. A tiny sum is exact, so every flushing rule agrees.
constexpr float fadd(float a, float b) { return flush(a + b); }
constexpr float fsub(float a, float b) { return flush(a - b); }

// Product of normal numbers or zeros; infinities and NaNs behave as in IEEE 754. The double product of
// two binary32 numbers is exact.
constexpr float fmul(float a, float b) {
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double magnitude = product < 0 ? -product : product;
  if (!(magnitude < 0x1p-126)) return static_cast<float>(product);
  const uint32_t sign = (float_bits(a) ^ float_bits(b)) & 0x80000000u;
  // Scaled into the normal range this rounds to 24 bits as if the exponent were unbounded.
  const bool rounds_to_normal = static_cast<float>(magnitude * 0x1p64) >= 0x1p-62f;
  return float_from_bits(sign | (rounds_to_normal ? float_bits(kMinNormal) : 0u));
}

// 2^e for e in [-126, 127].
constexpr float power_of_two(int32_t e) { return float_from_bits(static_cast<uint32_t>(e + 127) << 23); }

// x * 2^k by adding k to the exponent field. x and the result are normal.
constexpr float add_exponent(float x, int32_t k) {
  return float_from_bits(float_bits(x) + (static_cast<uint32_t>(k) << 23));
}

// x with its sign changed.
constexpr float negate(float x) { return float_from_bits(float_bits(x) ^ 0x80000000u); }

// int32 to FP32, round to nearest even.
constexpr float fl(int32_t x) { return static_cast<float>(x); }

// The larger operand; operands are finite (a zero's sign does not matter to any user of this).
constexpr float fmax(float a, float b) { return a > b ? a : b; }

constexpr float fabs(float x) { return float_from_bits(float_bits(x) & 0x7FFFFFFFu); }

// The largest magnitude of x[0..n), n >= 0; +0 for none. Bit patterns of magnitudes order like the
// magnitudes, with NaNs on top: none can hide.
constexpr float max_magnitude(const float* x, int32_t n) {
  uint32_t max_bits = 0;
  for (int32_t i = 0; i < n; ++i) {
    const uint32_t bits = float_bits(fabs(x[i]));
    max_bits = bits > max_bits ? bits : max_bits;
  }
  return float_from_bits(max_bits);
}

// The round-to-nearest-even integer of x, |x| < 2^22: adding 1.5 * 2^23 leaves the integer in the low bits.
constexpr int32_t round_to_int(float x) {
  constexpr float kMagic = 0x1.8p23f;
  return static_cast<int32_t>(float_bits(x + kMagic)) - static_cast<int32_t>(float_bits(kMagic));
}

}  // namespace brim
