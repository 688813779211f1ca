// 1/sqrt(x) in FP32 operations: a table of 128 seeds chosen by the exponent's parity and the top six
// fraction bits, two Newton steps without fused multiply-add, integer arithmetic for the exponent.
#pragma once

#include <array>
#include <cstdint>

#include "numerics/fp32.h"

namespace brim {

// The integer part of the square root of x < 2^62.
constexpr uint64_t integer_sqrt(uint64_t x) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 30; bit != 0; bit >>= 1) {
    if ((root + bit) * (root + bit) <= x) root += bit;
  }
  return root;
}

// kRsqrtTable[i] = floor(2^24 / sqrt(u)) * 2^-24 for the middle u of the arguments with index i, where
// i is bits 23..17 of the FP32 pattern: i >= 64 (odd exponent field) stands for u in [1, 2), i < 64 for
// u in [2, 4). At most 2^-8 away, relatively, for all of them.
inline constexpr std::array<float, 128> kRsqrtTable = [] {
  std::array<float, 128> table{};
  for (uint32_t i = 0; i < 128; ++i) {
    const uint64_t middle = (129 + 2 * (i & 63u)) * (i < 64 ? 2 : 1);  // u * 128
    const uint64_t seed = integer_sqrt((uint64_t{1} << 55) / middle);
    table[i] = static_cast<float>(seed) * 0x1p-24f;
  }
  return table;
}();

// 1/sqrt(x) for x > 0, at most 1.25 ulp from the true value, and exact where x is a power of four.
// +-0 gives +infinity; +infinity gives +0; x < 0 and NaN give kNan.
constexpr float rsqrt(float x) {
  const uint32_t bits = float_bits(x);
  const int32_t field = exponent_field(x);

  const int32_t u_field = 128 - (field & 1);  // x = u * 4^k with u in [1, 4)
  const float u = float_from_bits((bits & 0x7FFFFFu) | (static_cast<uint32_t>(u_field) << 23));
  const int32_t k = (field - u_field) / 2;
  const float y0 = kRsqrtTable[(bits >> 17) & 127u];
  const float y1 = fmul(y0, fsub(1.5f, fmul(fmul(fmul(u, y0), y0), 0.5f)));
  const float correction = fmul(fmul(y1, 0.5f), fsub(1.0f, fmul(fmul(u, y1), y1)));
  const float result = add_exponent(fadd(y1, correction), -k);

  if (field == 0) return kInfinity;
  if (is_nan(x) || (bits >> 31) != 0) return kNan;
  return field == 255 ? 0.0f : result;
}

}  // namespace brim
