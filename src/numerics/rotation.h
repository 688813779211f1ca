// The rotation that spreads a head's outlier channels over all of them before they become four bits: a
// Hadamard transform, not normalised. docs/numerics.md, "Rotation"; Ashkboos et al. 2024, "QuaRot".
#pragma once

#include <cstdint>

#include "numerics/fp32.h"

namespace brim {

// Elements that are rotated together: the largest power of two that divides a head's size.
constexpr uint32_t rotation_size(uint32_t head_size) { return head_size & (~head_size + 1); }

// Multiplies each run of rotation_size(n) elements of a head of n elements by the Hadamard matrix of that
// size: butterflies over distance 1, 2, 4, ...
constexpr void rotate(float* x, uint32_t n) {
  const uint32_t size = rotation_size(n);
  for (uint32_t distance = 1; distance < size; distance *= 2) {
    for (uint32_t i = 0; i < n; ++i) {
      if (i & distance) continue;
      const float a = x[i], b = x[i + distance];
      x[i] = fadd(a, b);
      x[i + distance] = fsub(a, b);
    }
  }
}

}  // namespace brim
