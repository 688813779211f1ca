// GELU in its form with tanh: gelu(x) = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
// Source: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units".
#pragma once

#include "numerics/exp.h"
#include "numerics/fp32.h"
#include "numerics/reciprocal.h"

namespace brim {

inline constexpr float kGeluLinear = 0x1.988454p0f;  // fl(2 sqrt(2 / pi))
inline constexpr float kGeluCubic = 0x1.2444F2p-4f;  // fl(0.044715 * 2 sqrt(2 / pi))

// As (1 + tanh(y)) / 2 = 1 / (1 + e^-2y), it is x / (1 + e^-u) with u = x (kGeluLinear + kGeluCubic x^2). NaN
// gives NaN, and so does -infinity.
constexpr float gelu(float x) {
  const float u = fmul(x, fadd(fmul(fmul(x, x), kGeluCubic), kGeluLinear));
  return fmul(x, reciprocal(fadd(1.0f, exp_fp32(negate(u)))));
}

}  // namespace brim
