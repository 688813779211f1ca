// SiLU, the activation of the feed-forward network: silu(x) = x / (1 + e^-x).
// Source: Shazeer 2020, "GLU Variants Improve Transformer" (SwiGLU).
#pragma once

#include "numerics/exp.h"
#include "numerics/fp32.h"
#include "numerics/reciprocal.h"

namespace brim {

// x / (1 + e^-x) with a relative error of at most 2^-21.7 where x > -87.33 and the result is normal.
// Below -87.34, where the true value is less than 2^-119 in magnitude, -0 (-infinity gives NaN, as
// infinity times 0). NaN gives NaN.
constexpr float silu(float x) { return fmul(x, reciprocal(fadd(1.0f, exp_fp32(negate(x))))); }

}  // namespace brim
