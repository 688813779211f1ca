// exp in FP32 operations: e^x = 2^(n/64) * e^r with n = RNE(x * 64 log2 e), |r| <= 0.0055.
//
// Method: table and short polynomial after P. Tang, "Table-driven implementation of the exponential
// function in IEEE floating-point arithmetic", ACM TOMS 15 (1989). 64 table entries are one 6-input LUT
// per bit; r^3/6 is below 2^-25, so two terms of the polynomial are enough.
#pragma once

#include <array>
#include <cstdint>

#include "numerics/fp32.h"

namespace brim {

// ln 2 = 0.693147180559945309417232121458...
inline constexpr double kLn2 = 0x1.62e42fefa39efp-1;

// From here on e^x is at least 2^-126; below it the result is +0, as everything that tiny.
inline constexpr float kExpLowest = -0x1.5d589ep+6f;  // -87.33654
// Arguments above are taken as this one: the result stays below 2^127.
inline constexpr float kExpHighest = 88.0f;

inline constexpr float kExpStepsPerUnit = static_cast<float>(64.0 / kLn2);
// ln 2 / 64 as 355 * 2^-15, whose product with |n| <= 8125 is exact, and a rest (Cody and Waite).
inline constexpr float kExpStepHigh = 0x1.63p-7f;
inline constexpr float kExpStepLow = static_cast<float>(kLn2 / 64.0 - static_cast<double>(kExpStepHigh));

// kExpTable[j] is the FP32 number nearest to 2^(j/64).
inline constexpr std::array<float, 64> kExpTable = [] {
  std::array<float, 64> table{};
  for (int32_t j = 0; j < 64; ++j) {
    // The power series of e^t, t < ln 2, from its small end.
    const double t = j * (kLn2 / 64.0);
    double sum = 1.0;
    for (int32_t k = 24; k > 0; --k) sum = 1.0 + sum * t / k;
    table[static_cast<uint32_t>(j)] = static_cast<float>(sum);
  }
  return table;
}();

// e^x with a relative error of at most 2^-22.7 for x in [kExpLowest, 88]; e^0 = 1.
// Below kExpLowest (and for -infinity) +0; above 88 (and for +infinity) e^88; NaN gives kNan.
//
// Nothing here needs to be flushed: what can be subnormal is added to something at least 2^24 times as large.
constexpr float exp_fp32(float x) {
  const float clamped = x < kExpLowest ? kExpLowest : x < kExpHighest ? x : kExpHighest;
  const int32_t n = round_to_int(clamped * kExpStepsPerUnit);
  const float r = clamped - fl(n) * kExpStepHigh - fl(n) * kExpStepLow;
  const float p = r + r * r * 0.5f;  // e^r - 1
  const float t = kExpTable[static_cast<uint32_t>(n) & 63u];
  const float result = add_exponent(t + t * p, n >> 6);
  return is_nan(x) ? kNan : x < kExpLowest ? 0.0f : result;
}

}  // namespace brim
