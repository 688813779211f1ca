// KV8: one head's K or V vector of one token as int8 with one FP16 scale, symmetric: value = k * s.
#pragma once

#include <cstdint>

#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "numerics/reciprocal.h"

namespace brim {

// FP16 of a scale, at most 65504, for a NaN, too.
constexpr uint16_t kv_scale(float scale) {
  const uint16_t bits = float_to_fp16(scale) & 0x7FFFu;
  return bits >= 0x7C00u ? uint16_t{0x7BFF} : bits;
}

// s = FP16(max|x| * fl(1/127)), at most 65504; k = RNE(clamp(x * reciprocal(s), -127, 127)); k = 0 where
// s = 0. Writes k[0..n) and returns the bits of s. Total: magnitudes above 127 * 65504 saturate, a NaN
// makes s 65504 and its k -127.
constexpr uint16_t quantise_kv8(const float* x, int32_t n, int8_t* k) {
  const float max_abs = max_magnitude(x, n);
  const uint16_t scale = kv_scale(fmul(max_abs, 1.0f / 127.0f));
  const float inverse = scale == 0 ? 0.0f : reciprocal(fp16_to_float(scale));
  for (int32_t i = 0; i < n; ++i) {
    float scaled = fmul(x[i], inverse);
    scaled = scaled > -127.0f ? scaled : -127.0f;
    scaled = scaled < 127.0f ? scaled : 127.0f;
    k[i] = static_cast<int8_t>(round_to_int(scaled));
  }
  return scale;
}

}  // namespace brim
