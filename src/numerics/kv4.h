// KV4: one head's K or V vector of one token as unsigned 4-bit with one zero-point and one FP16 scale,
// asymmetric: value = (k - zero) * s. 0 is always one of the values.
#pragma once

#include <cstdint>

#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "numerics/kv8.h"
#include "numerics/reciprocal.h"

namespace brim {

struct Kv4Scale {
  uint16_t scale = 0;  // FP16 bits
  uint16_t zero = 0;   // 0 ... 15

  bool operator==(const Kv4Scale&) const = default;
};

// The scale and zero-point of a vector whose least element is `low` and whose greatest is `high`, 0 among
// them. Total: infinities saturate.
constexpr Kv4Scale kv4_scale(float low, float high) {
  const uint16_t scale = kv_scale(fmul(fsub(high, low), 1.0f / 15.0f));
  if (scale == 0) return {};
  const float zero = fmul(negate(low), reciprocal(fp16_to_float(scale)));
  return {scale, static_cast<uint16_t>(round_to_int(zero < 15.0f ? zero : 15.0f))};
}

// k = RNE(clamp(x * reciprocal(s) + zero, 0, 15)); k = 0 where s = 0, and for a NaN. Writes k[0..n).
constexpr Kv4Scale quantise_kv4(const float* x, int32_t n, uint8_t* k) {
  float low = 0, high = 0;
  for (int32_t i = 0; i < n; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  const Kv4Scale result = kv4_scale(low, high);
  const float inverse = result.scale == 0 ? 0.0f : reciprocal(fp16_to_float(result.scale));
  for (int32_t i = 0; i < n; ++i) {
    float scaled = fadd(fmul(x[i], inverse), fl(result.zero));
    scaled = scaled > 0.0f ? scaled : 0.0f;
    scaled = scaled < 15.0f ? scaled : 15.0f;
    k[i] = static_cast<uint8_t>(round_to_int(scaled));
  }
  return result;
}

}  // namespace brim
