// Sums over a vector in the one order that every executor keeps: 16 partial sums by index mod 16 (as
// many as a 512-bit register has lanes), then halving.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "numerics/fp32.h"

namespace brim {

// An accumulator for elements that arrive in ascending order of index.
struct Sum16 {
  std::array<float, 16> partial{};

  constexpr void add(uint64_t index, float x) {
    float& sum = partial[index & 15u];
    sum = fadd(sum, x);
  }

  // partial[i] += partial[i + 8] for i < 8, then + 4 for i < 4, + 2, + 1: partial[0] is the sum.
  constexpr float total() const {
    std::array<float, 16> s = partial;
    for (uint32_t half = 8; half != 0; half /= 2) {
      for (uint32_t i = 0; i < half; ++i) s[i] = fadd(s[i], s[i + half]);
    }
    return s[0];
  }
};

// The sum of all elements; +0 for an empty span.
constexpr float sum16(std::span<const float> x) {
  Sum16 sum;
  for (uint64_t i = 0; i < x.size(); ++i) sum.add(i, x[i]);
  return sum.total();
}

}  // namespace brim
