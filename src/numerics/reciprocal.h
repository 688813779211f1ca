// 1/x in FP32 operations: a table of 64 seeds for the significand, two Newton steps without fused
// multiply-add, and integer arithmetic for the exponent.
#pragma once

#include <array>
#include <cstdint>

#include "numerics/fp32.h"

namespace brim {

// kReciprocalTable[i] is the FP32 number nearest to 1/m for the middle m = (129 + 2 i) / 128 of the
// significands whose top six fraction bits are i: at most 1/129 away, relatively, for all of them.
inline constexpr std::array<float, 64> kReciprocalTable = [] {
  std::array<float, 64> table{};
  for (int32_t i = 0; i < 64; ++i) table[static_cast<uint32_t>(i)] = 128.0f / fl(129 + 2 * i);
  return table;
}();

// 1/x, at most 1.25 ulp from the true value, and exact where x is a power of two.
// +-0 gives +-infinity; |x| >= 2^126 (and +-infinity) gives +-0; NaN gives kNan.
constexpr float reciprocal(float x) {
  const uint32_t bits = float_bits(x);
  const uint32_t sign = bits & 0x80000000u;
  const int32_t field = exponent_field(x);

  const float m = float_from_bits((bits & 0x7FFFFFu) | 0x3F800000u);  // in [1, 2)
  const float y0 = kReciprocalTable[(bits >> 17) & 63u];
  const float y1 = fmul(y0, fsub(2.0f, fmul(m, y0)));
  // As a correction that is added last, a step leaves hardly more than the last addition's rounding.
  const float y2 = fadd(y1, fmul(y1, fsub(1.0f, fmul(m, y1))));  // in [0.5, 1]
  const float result = float_from_bits(sign | float_bits(add_exponent(y2, 127 - field)));

  if (is_nan(x)) return kNan;
  if (field == 0) return float_from_bits(sign | float_bits(kInfinity));
  return field >= 126 + 127 ? float_from_bits(sign) : result;
}

}  // namespace brim
