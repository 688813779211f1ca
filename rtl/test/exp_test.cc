#include "numerics/exp.h"

#include <gtest/gtest.h>

#include <vector>

#include "Vsim_fp_exp.h"
#include "operands.h"
#include "pipeline.h"

namespace brim::rtl {
namespace {

constexpr uint32_t kExp = 69;  // latency_pkg::EXP

template <typename Next>
void expect_exp(uint64_t count, Next next) {
  run_pipeline<Vsim_fp_exp>(
      kExp, count, next, [](Vsim_fp_exp& m, float x) { m.x_i = float_bits(x); },
      [](Vsim_fp_exp& m) { return m.result_o; },
      [](float x, uint32_t got) {
        EXPECT_TRUE(same(float_from_bits(got), exp_fp32(x)))
            << std::hexfloat << x << ": " << float_from_bits(got) << ", not " << exp_fp32(x);
        return same(float_from_bits(got), exp_fp32(x));
      });
}

TEST(FpExp, EqualsExpFp32OverItsDomain) {
  // Every 510th pattern from 0 to beyond 88, signs in turn: all steps of the table and all exponents.
  uint32_t bits = 0;
  expect_exp(1'000'000, [&] {
    bits += 510;
    const uint32_t magnitude = bits % 0x42B80000u;
    return flush(float_from_bits(magnitude | ((bits / 510) << 31)));
  });
}

TEST(FpExp, EqualsExpFp32WhereSoftmaxLives) {
  Operands operands(1);
  expect_exp(1'000'000, [&] { return -static_cast<float>(operands.word()) * (90.0f / 4294967296.0f); });
}

TEST(FpExp, EqualsExpFp32OnSpecialsAndAtItsLimits) {
  Operands operands(2);
  expect_exp(300'000, [&] {
    switch (operands.below(3)) {
      case 0:
        return operands.any();
      case 1:
        return float_from_bits(float_bits(kExpLowest) + operands.below(9) - 4);
      default:
        return float_from_bits(float_bits(kExpHighest) + operands.below(9) - 4);
    }
  });
}

}  // namespace
}  // namespace brim::rtl
