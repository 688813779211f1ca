// FP16 (IEEE 754 binary16, subnormals included) as stored in images, to and from FP32.
#pragma once

#include <cstdint>

#include "numerics/fp32.h"

namespace brim {

inline constexpr float kMaxFp16 = 65504.0f;

// Exact. Subnormal FP16 values are normal in FP32; infinities and NaNs stay what they are.
constexpr float fp16_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1Fu;
  const uint32_t fraction = h & 0x3FFu;
  if (exponent == 31) return float_from_bits(sign | 0x7F800000u | (fraction << 13));
  if (exponent != 0) return float_from_bits(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return float_from_bits(sign | float_bits(magnitude));
}

// Round to nearest even; magnitudes from 65520 on become infinity, NaN becomes 0x7E00 with its sign.
constexpr uint16_t float_to_fp16(float x) {
  const uint32_t bits = float_bits(x);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u);
  if (magnitude >= 0x477FF000u) return static_cast<uint16_t>(sign | 0x7C00u);  // >= 65520
  if (magnitude < 0x38800000u) {                                               // < 2^-14: subnormal FP16
    // Adding 0.5 aligns the significand so that FP32 addition rounds at 2^-24.
    const uint32_t aligned = float_bits(float_from_bits(magnitude) + 0.5f) - float_bits(0.5f);
    return static_cast<uint16_t>(sign | aligned);
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  const uint32_t rounded = magnitude - 0x38000000u + 0xFFFu + odd;
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

}  // namespace brim
