#include "numerics/rotation.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

namespace brim {
namespace {

TEST(Rotation, IsOfTheLargestPowerOfTwoThatDividesTheHead) {
  EXPECT_EQ(rotation_size(128), 128u);
  EXPECT_EQ(rotation_size(64), 64u);
  EXPECT_EQ(rotation_size(96), 32u);
  EXPECT_EQ(rotation_size(80), 16u);
  EXPECT_EQ(rotation_size(6), 2u);
}

// The Hadamard matrix by its definition: element (i, j) is -1 to the number of digits that i and j share.
TEST(Rotation, MultipliesEachRunByTheHadamardMatrix) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const uint32_t n : {2u, 8u, 64u, 80u, 96u, 128u}) {
    const uint32_t size = rotation_size(n);
    std::vector<float> x(n);
    for (float& value : x) value = normal(random);
    std::vector<float> rotated = x;
    rotate(rotated.data(), n);
    for (uint32_t i = 0; i < n; ++i) {
      double sum = 0, magnitude = 0;
      for (uint32_t j = 0; j < size; ++j) {
        const double value = x[i / size * size + j];
        sum += std::popcount(i % size & j) % 2 ? -value : value;
        magnitude += std::abs(value);
      }
      EXPECT_LE(std::abs(rotated[i] - sum), std::bit_width(size) * 0x1p-24 * magnitude) << n << ' ' << i;
    }
  }
}

TEST(Rotation, TwiceIsTheSizeTimesTheVector) {
  std::vector<float> x(128);
  for (uint32_t i = 0; i < 128; ++i) x[i] = static_cast<float>(static_cast<int32_t>(i * i % 251) - 125);
  std::vector<float> twice = x;
  rotate(twice.data(), 128);
  rotate(twice.data(), 128);
  for (uint32_t i = 0; i < 128; ++i) EXPECT_EQ(twice[i], 128 * x[i]);
}

TEST(Rotation, SpreadsAnOutlierOverAllChannels) {
  std::vector<float> x(64);
  x[5] = 64.0f;
  rotate(x.data(), 64);
  for (const float value : x) EXPECT_EQ(std::abs(value), 64.0f);
}

}  // namespace
}  // namespace brim
