#include "model/float_formats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "numerics/fp16.h"
#include "numerics/fp32.h"

namespace brim {
namespace {

// All 16-bit patterns, one byte beside their alignment.
class FloatFormats : public testing::Test {
 protected:
  static constexpr uint32_t kPatterns = 0x10000;

  std::vector<float> convert(FloatFormat format) const {
    std::vector<uint8_t> bytes(1 + 2 * kPatterns);
    for (uint32_t i = 0; i < kPatterns; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      std::memcpy(&bytes[1 + 2 * i], &bits, sizeof bits);
    }
    std::vector<float> out(kPatterns);
    convert_to_float(format, std::span(bytes).subspan(1), out);
    return out;
  }
};

TEST_F(FloatFormats, EveryFp16PatternConvertsAsOneAloneDoes) {
  const auto out = convert(FloatFormat::kF16);
  for (uint32_t i = 0; i < kPatterns; ++i) {
    ASSERT_EQ(float_bits(out[i]), float_bits(fp16_to_float(static_cast<uint16_t>(i)))) << i;
  }
}

TEST_F(FloatFormats, EveryBf16PatternIsTheUpperHalfOfItsFloat) {
  const auto out = convert(FloatFormat::kBf16);
  for (uint32_t i = 0; i < kPatterns; ++i) ASSERT_EQ(float_bits(out[i]), i << 16);
}

TEST_F(FloatFormats, NothingIsReadOfNothing) {
  for (const FloatFormat format : {FloatFormat::kF32, FloatFormat::kF16, FloatFormat::kBf16}) {
    convert_to_float(format, {}, {});
  }
}

// The values of OCP's 8-bit E4M3: 448 is the largest, 2^-9 the smallest.
TEST(Fp8, E4m3PatternsAreTheirValues) {
  const std::vector<uint8_t> bytes = {0x00, 0x01, 0x07, 0x08, 0x38, 0x39, 0x7E, 0xB8, 0xFE, 0x7F, 0xFF};
  const std::vector<float> expected = {0, 0x1p-9f, 7 * 0x1p-9f, 0x1p-6f, 1, 1.125f, 448, -1, -448};
  std::vector<float> values(bytes.size());
  convert_to_float(FloatFormat::kF8E4m3, bytes, values);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(values[i], expected[i]) << i;
  EXPECT_TRUE(std::isnan(values[9]) && std::isnan(values[10]));
}

}  // namespace
}  // namespace brim
