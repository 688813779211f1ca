#include "numerics/sums.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace brim {
namespace {

constexpr std::array<float, 3> kSample = {1.0f, 2.0f, 4.0f};
static_assert(sum16(kSample) == 7.0f && sum16({}) == 0.0f);

std::vector<float> random_vector(size_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> x(n);
  for (float& value : x) {
    const uint64_t bits = random();
    value = std::ldexp(static_cast<float>(static_cast<int32_t>(bits >> 40) - (1 << 23)),
                       static_cast<int>(bits % 30) - 30);
  }
  return x;
}

// The order written out, with nothing shared with the implementation but fadd.
float sum_written_out(const std::vector<float>& x) {
  float s[16];
  for (size_t lane = 0; lane < 16; ++lane) {
    s[lane] = 0.0f;
    for (size_t i = lane; i < x.size(); i += 16) s[lane] = fadd(s[lane], x[i]);
  }
  const float s0 =
      fadd(fadd(fadd(s[0], s[8]), fadd(s[4], s[12])), fadd(fadd(s[2], s[10]), fadd(s[6], s[14])));
  const float s1 =
      fadd(fadd(fadd(s[1], s[9]), fadd(s[5], s[13])), fadd(fadd(s[3], s[11]), fadd(s[7], s[15])));
  return fadd(s0, s1);
}

TEST(Sum16, KeepsTheOrderOfTheContract) {
  for (size_t n = 0; n < 300; ++n) {
    const std::vector<float> x = random_vector(n, n);
    ASSERT_EQ(float_bits(sum16(x)), float_bits(sum_written_out(x))) << n;
  }
}

TEST(Sum16, OrderMatters) {
  // The check above would see another order: on the same data a plain sum differs.
  const std::vector<float> x = random_vector(4096, 299);
  float plain = 0.0f;
  for (float value : x) plain = fadd(plain, value);
  EXPECT_NE(plain, sum16(x));
}

TEST(Sum16, TotalMayBeTakenInBetween) {
  const std::vector<float> x = random_vector(100, 7);
  Sum16 sum;
  for (size_t i = 0; i < x.size(); ++i) {
    sum.add(i, x[i]);
    ASSERT_EQ(float_bits(sum.total()), float_bits(sum16(std::span(x).first(i + 1)))) << i;
  }
}

TEST(Sum16, ErrorGrowsWithTheSixteenthOfTheLength) {
  const std::vector<float> x = random_vector(65536, 8);
  double exact = 0.0;
  double magnitude = 0.0;
  for (float value : x) {
    exact += value;
    magnitude += std::abs(value);
  }
  EXPECT_LE(std::abs(sum16(x) - exact), (65536.0 / 16 + 4) * 0x1p-24 * magnitude);
}

TEST(Sum16, StartsFromPlusZero) {
  const std::vector<float> x(16, -0.0f);
  EXPECT_EQ(float_bits(sum16(x)), 0u);
}

}  // namespace
}  // namespace brim
