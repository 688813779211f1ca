#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "Vsim_align_right.h"
#include "Vsim_fp16_to_fp.h"
#include "Vsim_fp_add.h"
#include "Vsim_fp_add_small.h"
#include "Vsim_fp_mul.h"
#include "Vsim_fp_to_fp16.h"
#include "Vsim_fp_to_int.h"
#include "Vsim_int_to_fp.h"
#include "Vsim_int_to_fp27.h"
#include "Vsim_normalise.h"
#include "numerics/a16.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "operands.h"
#include "pipeline.h"

namespace brim::rtl {
namespace {

// Latencies of rtl/latency_pkg.sv.
constexpr uint32_t kAdd = 10, kAddSmall = 6, kMul = 6, kIntToFp = 6, kFpToInt = 4, kFpToFp16 = 4;

struct Pair {
  float a, b;
};

template <typename Module>
void drive_pair(Module& module, const Pair& pair) {
  module.a_i = float_bits(pair.a);
  module.b_i = float_bits(pair.b);
}

bool expect_same(const char* what, float a, float b, uint32_t got, float want) {
  const bool equal = same(float_from_bits(got), want);
  EXPECT_TRUE(equal) << what << std::hex << ": " << float_bits(a) << ", " << float_bits(b) << " gives " << got
                     << ", not " << float_bits(want);
  return equal;
}

TEST(FpAdd, EqualsFadd) {
  Operands operands(1);
  run_pipeline<Vsim_fp_add>(
      kAdd, 4'000'000,
      [&] {
        const float a = operands.any();
        switch (operands.below(4)) {
          case 0:
            return Pair{a, operands.any()};
          case 1:
            return Pair{a, operands.near(a, 1)};
          default:
            return Pair{a, operands.near(a, 28)};
        }
      },
      drive_pair<Vsim_fp_add>, [](Vsim_fp_add& m) { return m.sum_o; },
      [](const Pair& p, uint32_t got) { return expect_same("fadd", p.a, p.b, got, fadd(p.a, p.b)); });
}

TEST(FpAdd, EqualsFaddOnAllPairsOfSpecials) {
  Operands operands(2);
  run_pipeline<Vsim_fp_add>(
      kAdd, 20'000,
      [&] {
        return Pair{operands.special(), operands.special()};
      },
      drive_pair<Vsim_fp_add>, [](Vsim_fp_add& m) { return m.sum_o; },
      [](const Pair& p, uint32_t got) { return expect_same("fadd", p.a, p.b, got, fadd(p.a, p.b)); });
}

TEST(FpAddSmall, EqualsFaddWhereTheSecondOperandIsAtMostAnEighthOfTheFirst) {
  Operands operands(12);
  run_pipeline<Vsim_fp_add_small>(
      kAddSmall, 4'000'000,
      [&] {
        float a = operands.any();
        // Results are normal numbers, or zeros.
        while (exponent_field(a) > 253 || exponent_field(a) == 1) a = operands.any();
        const int32_t most = exponent_field(a) - 4;
        if (most < 1 || operands.below(50) == 0) return Pair{a, operands.below(2) ? 0.0f : -0.0f};
        float b = float_from_bits(0x00800000);
        do b = operands.near(a, 40);
        while (exponent_field(b) > most);
        return Pair{a, b};
      },
      drive_pair<Vsim_fp_add_small>, [](Vsim_fp_add_small& m) { return m.sum_o; },
      [](const Pair& p, uint32_t got) {
        const float want = fadd(p.a, p.b);
        if (want == 0.0f) {
          EXPECT_EQ(got << 1, 0u);
          return got << 1 == 0;
        }
        return expect_same("fadd", p.a, p.b, got, want);
      });
}

TEST(FpMul, EqualsFmul) {
  Operands operands(3);
  run_pipeline<Vsim_fp_mul>(
      kMul, 4'000'000,
      [&] {
        const float a = operands.any();
        if (operands.below(3) != 0) return Pair{a, operands.any()};
        // Products around 2^-126, where the flush rule decides, and around 2^128.
        const int32_t sum = operands.below(2) ? 127 + static_cast<int32_t>(operands.below(4)) - 2
                                              : 127 + 254 + static_cast<int32_t>(operands.below(4)) - 2;
        const int32_t field = std::min(std::max(sum - exponent_field(a), 1), 254);
        return Pair{a,
                    float_from_bits((operands.word() & 0x807FFFFFu) | (static_cast<uint32_t>(field) << 23))};
      },
      drive_pair<Vsim_fp_mul>, [](Vsim_fp_mul& m) { return m.product_o; },
      [](const Pair& p, uint32_t got) { return expect_same("fmul", p.a, p.b, got, fmul(p.a, p.b)); });
}

TEST(FpMul, FlushesAfterRounding) {
  // (1 - 2^-24) * (1 - k * 2^-24) * 2^-126 and their neighbours: the edge of the flush rule.
  Operands operands(4);
  run_pipeline<Vsim_fp_mul>(
      kMul, 200'000,
      [&] {
        return Pair{float_from_bits(0x3F7FFFFF - operands.below(3)),
                    float_from_bits(0x00800000 + operands.below(4))};
      },
      drive_pair<Vsim_fp_mul>, [](Vsim_fp_mul& m) { return m.product_o; },
      [](const Pair& p, uint32_t got) { return expect_same("fmul", p.a, p.b, got, fmul(p.a, p.b)); });
}

TEST(FpMul, EqualsFmulOnAllPairsOfSpecials) {
  Operands operands(5);
  run_pipeline<Vsim_fp_mul>(
      kMul, 20'000,
      [&] {
        return Pair{operands.special(), operands.special()};
      },
      drive_pair<Vsim_fp_mul>, [](Vsim_fp_mul& m) { return m.product_o; },
      [](const Pair& p, uint32_t got) { return expect_same("fmul", p.a, p.b, got, fmul(p.a, p.b)); });
}

TEST(IntToFp, EqualsFlFor32Bits) {
  Operands operands(6);
  run_pipeline<Vsim_int_to_fp>(
      kIntToFp, 2'000'000,
      [&] {
        const uint32_t shift = operands.below(32);
        const auto v = static_cast<int32_t>(operands.word()) >> shift;
        return operands.below(64) == 0 ? INT32_MIN : operands.below(64) == 0 ? INT32_MAX : v;
      },
      [](Vsim_int_to_fp& m, int32_t v) { m.value_i = static_cast<uint32_t>(v); },
      [](Vsim_int_to_fp& m) { return m.result_o; },
      [](int32_t v, uint32_t got) { return expect_same("fl", fl(v), 0, got, fl(v)); });
}

TEST(IntToFp, EqualsFlFor27Bits) {
  Operands operands(7);
  run_pipeline<Vsim_int_to_fp27>(
      kIntToFp, 1'000'000, [&] { return static_cast<int32_t>(operands.word()) >> (5 + operands.below(27)); },
      [](Vsim_int_to_fp27& m, int32_t v) { m.value_i = static_cast<uint32_t>(v) & 0x7FFFFFFu; },
      [](Vsim_int_to_fp27& m) { return m.result_o; },
      [](int32_t v, uint32_t got) { return expect_same("fl", fl(v), 0, got, fl(v)); });
}

struct ScaledFloat {
  float x;
  int32_t e;
};

TEST(FpToInt, EqualsA16Mantissa) {
  Operands operands(8);
  run_pipeline<Vsim_fp_to_int>(
      kFpToInt, 2'000'000,
      [&] {
        // |x| up to the block's largest magnitude, of which e is the exponent.
        float max;
        do {
          max = fabs(operands.any());
        } while (a16_exponent(max) > kA16MaxExponent);
        float x = operands.below(4) == 0 ? max : operands.near(max, 24);
        if (!(fabs(x) <= max)) x = max;
        return ScaledFloat{operands.below(2) ? x : negate(x), a16_exponent(max)};
      },
      [](Vsim_fp_to_int& m, const ScaledFloat& in) {
        m.x_i = float_bits(in.x);
        m.zero_i = 0;
        m.unit_i = static_cast<uint16_t>(150 + in.e);
      },
      [](Vsim_fp_to_int& m) { return static_cast<int16_t>(m.result_o); },
      [](const ScaledFloat& in, int16_t got) {
        EXPECT_EQ(got, a16_mantissa(in.x, in.e)) << std::hexfloat << in.x << " * 2^-" << in.e;
        return got == a16_mantissa(in.x, in.e);
      });
}

TEST(FpToInt, RoundsTiesToEven) {
  Operands operands(9);
  run_pipeline<Vsim_fp_to_int>(
      kFpToInt, 500'000,
      [&] {
        return ScaledFloat{(static_cast<float>(operands.below(131072)) - 65536) * 0.25f, 0};
      },
      [](Vsim_fp_to_int& m, const ScaledFloat& in) {
        m.x_i = float_bits(in.x);
        m.zero_i = 0;
        m.unit_i = 150;
      },
      [](Vsim_fp_to_int& m) { return static_cast<int16_t>(m.result_o); },
      [](const ScaledFloat& in, int16_t got) {
        EXPECT_EQ(got, round_to_int(in.x)) << in.x;
        return got == round_to_int(in.x);
      });
}

TEST(Fp16ToFp, ConvertsEveryPattern) {
  VerilatedContext context;
  Vsim_fp16_to_fp module(&context);
  for (uint32_t h = 0; h < 65536; ++h) {
    module.x_i = static_cast<uint16_t>(h);
    module.eval();
    ASSERT_EQ(module.result_o, float_bits(fp16_to_float(static_cast<uint16_t>(h)))) << std::hex << h;
  }
  write_coverage(context);
}

TEST(FpToFp16, EqualsFloatToFp16) {
  Operands operands(10);
  run_pipeline<Vsim_fp_to_fp16>(
      kFpToFp16, 3'000'000,
      [&] {
        switch (operands.below(3)) {
          case 0:
            return operands.any();
          case 1: {  // around a boundary between FP16 numbers
            const float x = fp16_to_float(static_cast<uint16_t>(operands.word()));
            return flush(float_from_bits(float_bits(x) + 0x1000 + operands.below(3) - 1));
          }
          default:  // the range of FP16
            return float_from_bits((operands.word() & 0x807FFFFFu) | ((100 + operands.below(45)) << 23));
        }
      },
      [](Vsim_fp_to_fp16& m, float x) { m.x_i = float_bits(x); },
      [](Vsim_fp_to_fp16& m) { return static_cast<uint16_t>(m.result_o); },
      [](float x, uint16_t got) {
        EXPECT_EQ(got, float_to_fp16(x)) << std::hexfloat << x;
        return got == float_to_fp16(x);
      });
}

TEST(AlignRight, KeepsWhatIsShiftedOutAsSticky) {
  struct Shift {
    uint32_t value, by;
  };
  Operands operands(11);
  run_pipeline<Vsim_align_right>(
      2, 500'000,
      [&] {
        return Shift{(operands.word() & 0x7FFFFFFu) >> operands.below(27) << operands.below(10) & 0x7FFFFFFu,
                     operands.below(32)};
      },
      [](Vsim_align_right& m, const Shift& s) {
        m.value_i = s.value;
        m.shift_i = static_cast<uint8_t>(s.by);
      },
      // The last step by one is the user's.
      [](Vsim_align_right& m) { return m.once_more_o ? m.value_o >> 1 | (m.value_o & 1) : m.value_o; },
      [](const Shift& s, uint32_t got) {
        const uint32_t kept = s.value >> s.by;
        const uint32_t want = kept | (kept << s.by != s.value ? 1 : 0);
        EXPECT_EQ(got, want) << s.value << " >> " << s.by;
        return got == want;
      });
}

TEST(Normalise, PutsTheLeadingOneOnTop) {
  struct Result {
    uint32_t value, shift;
  };
  Operands operands(12);
  run_pipeline<Vsim_normalise>(
      3, 500'000, [&] { return operands.word() >> operands.below(32); },
      [](Vsim_normalise& m, uint32_t value) { m.value_i = value; },
      [](Vsim_normalise& m) {
        return Result{m.value_o, m.shift_o};
      },
      [](uint32_t value, const Result& got) {
        const auto zeros = static_cast<uint32_t>(std::countl_zero(value));
        if (value == 0) {
          EXPECT_EQ(got.value, 0u);
          return got.value == 0;
        }
        EXPECT_EQ(got.shift, zeros);
        EXPECT_EQ(got.value, value << zeros);
        return got.shift == zeros && got.value == value << zeros;
      });
}

}  // namespace
}  // namespace brim::rtl
