// The checksums of docs/numerics.md, with which an implementation in another language compares itself.
#include <gtest/gtest.h>

#include <cstdint>

#include "numerics/a16.h"
#include "numerics/exp.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "numerics/gelu.h"
#include "numerics/kv4.h"
#include "numerics/kv8.h"
#include "numerics/oracle.h"
#include "numerics/reciprocal.h"
#include "numerics/rotation.h"
#include "numerics/rsqrt.h"
#include "numerics/silu.h"
#include "numerics/sums.h"

namespace brim {
namespace {

// The operand generator of the document: the upper half of a 64-bit linear congruential sequence (Knuth's
// MMIX constants) as an FP32 pattern; subnormals become zeros, and infinities and NaNs lose bit 30.
class Operands {
 public:
  float next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const uint32_t bits = static_cast<uint32_t>(state_ >> 32);
    const float x = flush(float_from_bits(bits));
    return is_finite(x) ? x : float_from_bits(bits & 0xBFFFFFFFu);
  }

 private:
  uint64_t state_ = 1;
};

template <typename Function>
uint64_t hash_of_pairs(Function function) {
  Operands operands;
  ResultHash hash;
  for (uint32_t i = 0; i < 1u << 20; ++i) {
    const float a = operands.next();
    const float b = operands.next();
    hash.add(function(a, b));
  }
  return hash.value;
}

template <typename Function>
uint64_t hash_of_range(uint32_t first, uint32_t end, uint32_t step, Function function) {
  ResultHash hash;
  for (uint64_t bits = first; bits < end; bits += step) {
    hash.add(function(float_from_bits(static_cast<uint32_t>(bits))));
  }
  return hash.value;
}

template <typename Table>
uint64_t hash_of_table(const Table& table) {
  ResultHash hash;
  for (float x : table) hash.add(x);
  return hash.value;
}

// x of both signs, from 0 in steps of 1021 patterns below that of 128.
template <typename Function>
uint64_t hash_of_both_signs(Function function) {
  ResultHash hash;
  for (uint32_t bits = 0; bits < float_bits(128.0f); bits += 1021) {
    const float x = flush(float_from_bits(bits));
    hash.add(function(x));
    hash.add(function(negate(x)));
  }
  return hash.value;
}

// Vectors of 100 pseudo-random elements between 2^-8 and 2^8, one after the other.
template <typename Function>
uint64_t hash_of_vectors(Function function) {
  Operands operands;
  ResultHash hash;
  for (int vector = 0; vector < 1000; ++vector) {
    float x[100];
    for (float& value : x) {
      const uint32_t bits = float_bits(operands.next());
      value = float_from_bits((bits & 0x87FFFFFFu) + 0x3B800000u);
    }
    function(x, hash);
  }
  return hash.value;
}

TEST(Conformance, Fp32Operations) {
  EXPECT_EQ(hash_of_pairs(fadd), 0x27AFE1673EEC2349u);
  EXPECT_EQ(hash_of_pairs(fmul), 0xCB0453B00B220800u);
}

TEST(Conformance, Tables) {
  EXPECT_EQ(hash_of_table(kExpTable), 0xC618B2F90EC5A3AEu);
  EXPECT_EQ(hash_of_table(kReciprocalTable), 0x24A63D01A47E9B76u);
  EXPECT_EQ(hash_of_table(kRsqrtTable), 0x813B252028268675u);
}

TEST(Conformance, Functions) {
  EXPECT_EQ(hash_of_range(float_bits(1.0f), float_bits(2.0f), 1, reciprocal), 0x01F858B07C548FA8u);
  EXPECT_EQ(hash_of_range(float_bits(1.0f), float_bits(4.0f), 1, rsqrt), 0xE67337715F002321u);
  EXPECT_EQ(hash_of_both_signs(exp_fp32), 0xEA386CE9F3EC7A01u);
  EXPECT_EQ(hash_of_both_signs(silu), 0x3264B4E078D2B361u);
  EXPECT_EQ(hash_of_both_signs(gelu), 0xF4B8C5BA206B2607u);
}

TEST(Conformance, Vectors) {
  EXPECT_EQ(hash_of_vectors([](const float* x, ResultHash& hash) {
              hash.add(sum16({x, 100}));
            }),
            0x9E98DAC96F69BCF8u);
  EXPECT_EQ(hash_of_vectors([](const float* x, ResultHash& hash) {
              int16_t m[100];
              bool overflow = false;
              hash.add(fl(to_a16(x, 100, m, &overflow)));
              for (int16_t mantissa : m) hash.add(fl(mantissa));
            }),
            0x221D0AC4307DF7C5u);
  EXPECT_EQ(hash_of_vectors([](const float* x, ResultHash& hash) {
              int8_t k[100];
              hash.add(fp16_to_float(quantise_kv8(x, 100, k)));
              for (int8_t code : k) hash.add(fl(code));
            }),
            0xE7DE4B88FD88CBC5u);
  EXPECT_EQ(hash_of_vectors([](const float* x, ResultHash& hash) {
              uint8_t k[100];
              const Kv4Scale scale = quantise_kv4(x, 100, k);
              hash.add(fp16_to_float(scale.scale));
              hash.add(fl(scale.zero));
              for (uint8_t code : k) hash.add(fl(code));
            }),
            0x9832FB6CE51513E5u);
  EXPECT_EQ(hash_of_vectors([](const float* x, ResultHash& hash) {
              float head[64];
              std::copy(x, x + 64, head);
              rotate(head, 64);
              for (float value : head) hash.add(value);
            }),
            0xB318D2E8D68F4365u);
}

}  // namespace
}  // namespace brim
