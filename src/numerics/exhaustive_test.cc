// The bounds of exp.h and silu.h over every float. Takes a minute or two, so
// ctest does not run it: build/release/src/numerics/numerics_exhaustive_test
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "numerics/exp.h"
#include "numerics/silu.h"

namespace brim {
namespace {

// Below this magnitude e^x rounds to 1 (exp_test and silu_test look there).
const uint32_t kFirst = float_bits(0x1p-26f);

TEST(Exhaustive, ExpIsWithinItsBoundForEveryFloatOfTheDomain) {
  double worst = 0.0;
  for (uint32_t bits = kFirst; bits <= float_bits(kExpHighest); ++bits) {
    for (float x : {float_from_bits(bits), -float_from_bits(bits)}) {
      if (x < kExpLowest) continue;
      const double exact = std::exp(static_cast<double>(x));
      worst = std::max(worst, std::abs(exp_fp32(x) - exact) / exact);
    }
  }
  std::printf("exp: largest relative error 2^%.3f\n", std::log2(worst));
  EXPECT_LE(worst, std::exp2(-22.7));
}

TEST(Exhaustive, SiluIsWithinItsBoundForEveryFloatOfTheDomain) {
  double worst = 0.0;
  for (uint32_t bits = kFirst; bits <= float_bits(200.0f); ++bits) {
    for (float x : {float_from_bits(bits), -float_from_bits(bits)}) {
      if (x < -87.33f) continue;
      const double exact = x / (1.0 + std::exp(-static_cast<double>(x)));
      worst = std::max(worst, std::abs((silu(x) - exact) / exact));
    }
  }
  std::printf("silu: largest relative error 2^%.3f\n", std::log2(worst));
  EXPECT_LE(worst, std::exp2(-21.7));
}

}  // namespace
}  // namespace brim
