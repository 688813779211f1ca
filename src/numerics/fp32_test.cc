#include "numerics/fp32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "numerics/oracle.h"

namespace brim {
namespace {

static_assert(fmul(0x1p-100f, 0x1p-26f) == kMinNormal);
static_assert(float_bits(fmul(-0x1p-100f, 0x1p-27f)) == 0x80000000u);
static_assert(float_bits(fsub(0x1.8p-126f, 0x1p-126f)) == 0);
static_assert(float_bits(fsub(0x1p-126f, 0x1.8p-126f)) == 0x80000000u);
static_assert(round_to_int(2.5f) == 2 && round_to_int(3.5f) == 4 && round_to_int(-0.75f) == -1);
static_assert(fl((1 << 24) + 1) == 0x1p24f && fl((1 << 24) + 3) == 0x1.000004p24f);
static_assert(power_of_two(-126) == kMinNormal && add_exponent(1.5f, -3) == 0.1875f);
static_assert(is_nan(kNan) && !is_nan(kInfinity) && !is_finite(kInfinity) && negate(-2.0f) == 2.0f);

// The rule in integers, as a datapath has it: multiply significands, normalise, round to 24 bits to
// nearest even, and only then look at the exponent. Operands are zeros or normal numbers.
float multiply_in_integers(float a, float b) {
  const uint32_t sign = (float_bits(a) ^ float_bits(b)) & 0x80000000u;
  if (a == 0.0f || b == 0.0f) return float_from_bits(sign);
  const uint64_t significand_a = (float_bits(a) & 0x7FFFFFu) | 0x800000u;
  const uint64_t significand_b = (float_bits(b) & 0x7FFFFFu) | 0x800000u;
  uint64_t product = significand_a * significand_b;  // in [2^46, 2^48)
  int32_t field = exponent_field(a) + exponent_field(b) - 127;
  int32_t shift = 23;
  if (product >= uint64_t{1} << 47) {
    ++field;
    ++shift;
  }
  const uint64_t rest = product & ((uint64_t{1} << shift) - 1);
  const uint64_t half = uint64_t{1} << (shift - 1);
  product >>= shift;
  if (rest > half || (rest == half && (product & 1) != 0)) ++product;
  if (product == 0x1000000u) {
    product = 0x800000u;
    ++field;
  }
  if (field <= 0) return float_from_bits(sign);
  if (field >= 255) return float_from_bits(sign | 0x7F800000u);
  return float_from_bits(sign | static_cast<uint32_t>(field) << 23 |
                         (static_cast<uint32_t>(product) & 0x7FFFFFu));
}

// 64 significand bits or more: rounding to these first and to 24 bits then is as good as rounding once
// (that takes 2 * 24 + 2).
float add_in_long_double(float a, float b) {
  static_assert(std::numeric_limits<long double>::digits >= 50);
  return flush(static_cast<float>(static_cast<long double>(a) + static_cast<long double>(b)));
}

struct Operands {
  std::vector<float> a, b;
  void add(float x, float y) {
    a.push_back(x);
    b.push_back(y);
  }
};

constexpr size_t kBatch = 1 << 16;

float normal_or_zero(uint32_t bits) {
  const float x = float_from_bits(bits);
  return is_finite(x) ? flush(x) : float_from_bits(bits & 0xBFFFFFFFu);
}

// Any pair of normal numbers and zeros.
Operands any_pairs(std::mt19937_64& random) {
  Operands pairs;
  for (size_t i = 0; i < kBatch; ++i) {
    const uint64_t bits = random();
    pairs.add(normal_or_zero(static_cast<uint32_t>(bits)), normal_or_zero(static_cast<uint32_t>(bits >> 32)));
  }
  return pairs;
}

// Pairs whose product is within a few units of the 48th bit of 2^-126 or of 2^-127.
Operands products_at_the_flush_edge(std::mt19937_64& random) {
  Operands pairs;
  for (size_t i = 0; i < kBatch; ++i) {
    const uint64_t bits = random();
    const uint32_t significand_a = static_cast<uint32_t>(bits & 0x7FFFFFu) | 0x800000u;
    const uint64_t offset = (bits >> 23) & 3u;
    const uint32_t significand_b = static_cast<uint32_t>((uint64_t{1} << 47) / significand_a + offset - 1);
    const int exponent_a = static_cast<int>((bits >> 25) % 98) - 123;  // keeps b normal, too
    const int product_exponent = (bits >> 40) % 4 == 0 ? -127 : -126;
    const float a = std::ldexp(static_cast<float>(significand_a), exponent_a);
    const float b = std::ldexp(static_cast<float>(significand_b), product_exponent - 47 - exponent_a);
    pairs.add((bits & (uint64_t{1} << 50)) != 0 ? -a : a, (bits & (uint64_t{1} << 51)) != 0 ? -b : b);
  }
  return pairs;
}

// Pairs that nearly cancel, down to differences below 2^-126.
Operands cancelling_pairs(std::mt19937_64& random) {
  Operands pairs;
  for (size_t i = 0; i < kBatch; ++i) {
    const uint64_t bits = random();
    const uint32_t exponent = (bits & 1u) != 0 ? 1u + (bits >> 1) % 24u : 1u + (bits >> 1) % 250u;
    const uint32_t a = exponent << 23 | static_cast<uint32_t>(bits >> 41);
    const uint32_t b =
        (a + static_cast<uint32_t>((bits >> 16) & 0x1FFFFFFu) % (1u << (bits >> 9) % 25u)) ^ 0x80000000u;
    pairs.add(normal_or_zero(a), normal_or_zero(b));
  }
  return pairs;
}

using Generator = Operands (*)(std::mt19937_64&);
constexpr Generator kGenerators[] = {any_pairs, products_at_the_flush_edge, cancelling_pairs};
constexpr int kBatches = 100;  // of each generator: 20 million pairs in all

bool same_bits(float a, float b) { return float_bits(a) == float_bits(b); }

TEST(Fp32, FlushEdgeLiesHalfA24BitUlpBelowTheSmallestNormal) {
  // (1 - 2^-12)(1 + 2^-12) = 1 - 2^-24 stays below when rounded to 24 bits: flushed, although gradual
  // underflow would have rounded it up to 2^-126.
  EXPECT_EQ(float_bits(fmul(0x1.ffep-64f, 0x1.001p-63f)), 0u);
  // All products of 24-bit significands just below 1, on both sides of 1 - 2^-25.
  bool above_seen = false;
  bool below_seen = false;
  for (uint32_t s = 0x800000u; s < 0x1000000u; ++s) {
    const uint64_t product = uint64_t{s} * ((uint64_t{1} << 47) / s);
    const uint64_t distance = (uint64_t{1} << 47) - product;  // 2^47 = 1; 2^-25 is 2^22 of these
    const bool rounds_up = distance <= uint64_t{1} << 22;
    if (distance == 0 || distance > uint64_t{1} << 23) continue;
    (rounds_up ? above_seen : below_seen) = true;
    const float a = static_cast<float>(s) * 0x1p-80f;
    const uint64_t quotient = (uint64_t{1} << 47) / s;
    const float b = static_cast<float>(quotient) * 0x1p-93f;
    ASSERT_EQ(float_bits(fmul(a, b)), rounds_up ? float_bits(kMinNormal) : 0u)
        << std::hexfloat << a << " " << b;
  }
  EXPECT_TRUE(above_seen && below_seen);
}

TEST(Fp32, ProductIsRoundedTo24BitsAndThenFlushed) {
  std::mt19937_64 random(1);
  for (Generator generate : kGenerators) {
    for (int batch = 0; batch < kBatches; ++batch) {
      const Operands pairs = generate(random);
      for (size_t i = 0; i < kBatch; ++i) {
        const float a = pairs.a[i], b = pairs.b[i];
        ASSERT_TRUE(same_bits(fmul(a, b), multiply_in_integers(a, b))) << std::hexfloat << a << " " << b;
      }
    }
  }
}

TEST(Fp32, SumIsRoundedOnceAndFlushed) {
  std::mt19937_64 random(2);
  for (Generator generate : kGenerators) {
    for (int batch = 0; batch < kBatches; ++batch) {
      const Operands pairs = generate(random);
      for (size_t i = 0; i < kBatch; ++i) {
        const float a = pairs.a[i], b = pairs.b[i];
        ASSERT_TRUE(same_bits(fadd(a, b), add_in_long_double(a, b))) << std::hexfloat << a << " " << b;
        ASSERT_TRUE(same_bits(fsub(a, b), fadd(a, negate(b)))) << std::hexfloat << a << " " << b;
      }
    }
  }
}

#if defined(__SSE2__)
// Not inlined, so that no operation moves out of the caller's FlushToZeroScope.
[[gnu::noinline]] void sse_operations(const Operands& pairs, float* products, float* sums) {
  for (size_t i = 0; i < kBatch; i += 4) {
    const __m128 a = _mm_loadu_ps(&pairs.a[i]);
    const __m128 b = _mm_loadu_ps(&pairs.b[i]);
    _mm_storeu_ps(products + i, _mm_mul_ps(a, b));
    _mm_storeu_ps(sums + i, _mm_add_ps(a, b));
  }
}

[[gnu::noinline]] void our_operations(const Operands& pairs, float* products, float* sums) {
  for (size_t i = 0; i < kBatch; ++i) {
    products[i] = fmul(pairs.a[i], pairs.b[i]);
    sums[i] = fadd(pairs.a[i], pairs.b[i]);
  }
}

TEST(Fp32, AgreesWithSseInFlushToZeroMode) {
  std::mt19937_64 random(3);
  std::vector<float> products(kBatch), sums(kBatch), our_products(kBatch), our_sums(kBatch);
  for (Generator generate : kGenerators) {
    for (int batch = 0; batch < kBatches; ++batch) {
      const Operands pairs = generate(random);
      {
        FlushToZeroScope scope;
        sse_operations(pairs, products.data(), sums.data());
      }
      our_operations(pairs, our_products.data(), our_sums.data());
      for (size_t i = 0; i < kBatch; ++i) {
        const float a = pairs.a[i], b = pairs.b[i];
        ASSERT_TRUE(same_bits(our_products[i], products[i])) << std::hexfloat << a << " " << b;
        ASSERT_TRUE(same_bits(our_sums[i], sums[i])) << std::hexfloat << a << " " << b;
      }
    }
  }
}

TEST(Fp32, DoesNotDependOnTheProcessorsFlushToZeroMode) {
  std::mt19937_64 random(4);
  std::vector<float> products(kBatch), sums(kBatch), flushed_products(kBatch), flushed_sums(kBatch);
  for (Generator generate : kGenerators) {
    for (int batch = 0; batch < kBatches / 10; ++batch) {
      const Operands pairs = generate(random);
      our_operations(pairs, products.data(), sums.data());
      {
        FlushToZeroScope scope;
        our_operations(pairs, flushed_products.data(), flushed_sums.data());
      }
      for (size_t i = 0; i < kBatch; ++i) {
        ASSERT_TRUE(same_bits(products[i], flushed_products[i]) && same_bits(sums[i], flushed_sums[i]));
      }
    }
  }
}
#endif

TEST(Fp32, InfinitiesAndNansPropagate) {
  EXPECT_EQ(fmul(0x1p100f, -0x1p100f), -kInfinity);
  EXPECT_EQ(fadd(0x1.fffffep127f, 0x1p104f), kInfinity);
  EXPECT_TRUE(is_nan(fmul(kInfinity, 0.0f)));
  EXPECT_TRUE(is_nan(fmul(kNan, 0.0f)));
  EXPECT_TRUE(is_nan(fsub(kInfinity, kInfinity)));
}

TEST(Fp32, RoundsToTheNearestEvenIntegerUpTo2To22) {
  for (int32_t i = -(1 << 22) + 1; i < (1 << 22); i += 3) {
    for (float fraction : {-0.5f, -0.25f, 0.0f, 0.25f, 0.5f}) {
      const float x = static_cast<float>(i) + fraction;
      ASSERT_EQ(round_to_int(x), static_cast<int32_t>(std::nearbyint(x))) << x;
    }
  }
}

TEST(Fp32, LargestMagnitudeSeesNansAndIgnoresSigns) {
  const float x[] = {1.0f, -3.0f, 2.0f, -kInfinity, negate(kNan)};
  EXPECT_EQ(max_magnitude(x, 0), 0.0f);
  EXPECT_EQ(max_magnitude(x, 3), 3.0f);
  EXPECT_EQ(max_magnitude(x, 4), kInfinity);
  EXPECT_TRUE(is_nan(max_magnitude(x, 5)));
}

}  // namespace
}  // namespace brim
