// Operands that reach the corners of FP32 arithmetic.
#pragma once

#include <cstdint>
#include <random>

#include "numerics/fp32.h"

namespace brim::rtl {

class Operands {
 public:
  explicit Operands(uint64_t seed) : random_(seed) {}

  uint32_t word() { return static_cast<uint32_t>(random_()); }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  // A normal number, zero, infinity or NaN: any pattern that the contract admits.
  float any() {
    switch (below(16)) {
      case 0:
        return special();
      case 1:  // few significant bits
        return flush(float_from_bits((word() & 0xFF800000u) | (1u << below(23))));
      case 2:  // a long run of ones
        return flush(float_from_bits((word() & 0xFF800000u) | (0x7FFFFFu >> below(23))));
      case 3:  // next to the smallest and largest exponents
        return float_from_bits((word() & 0x807FFFFFu) | ((below(2) ? 1 + below(3) : 252 + below(3)) << 23));
      case 4:  // small integers and halves
        return static_cast<float>(static_cast<int32_t>(below(65536)) - 32768) * 0.5f;
      default:
        return flush(float_from_bits(word()));
    }
  }

  float special() {
    constexpr uint32_t kSpecials[] = {0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x00800000, 0x80800000,
                                      0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001,
                                      0x7F800001, 0x3F7FFFFF, 0x34000000, 0x33800000, 0x4B000000, 0x4B800000};
    return float_from_bits(kSpecials[below(sizeof(kSpecials) / sizeof(kSpecials[0]))]);
  }

  // A finite number whose exponent is within `spread` of x's: sums of such pairs cancel and round.
  float near(float x, int32_t spread) {
    const int32_t field =
        exponent_field(x) + static_cast<int32_t>(below(static_cast<uint32_t>(2 * spread + 1))) - spread;
    if (field < 1 || field > 254) return any();
    const uint32_t fraction = below(4) == 0 ? (float_bits(x) + below(5) - 2) & 0x7FFFFFu : word() & 0x7FFFFFu;
    return float_from_bits((word() & 0x80000000u) | (static_cast<uint32_t>(field) << 23) | fraction);
  }

 private:
  std::mt19937_64 random_;
};

// Equal bits; any NaN equals any NaN (its payload is no part of the contract).
inline bool same(float a, float b) { return float_bits(a) == float_bits(b) || (is_nan(a) && is_nan(b)); }

}  // namespace brim::rtl
