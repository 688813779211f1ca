#include "model/ggml_types.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "numerics/fp16.h"

namespace brim {
namespace {

// One value of a block at a time, by the bit position that the format gives it. Written from the format's
// description and in another way than the reader, so that a slip in either shows.
class Block {
 public:
  explicit Block(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  double fp16(size_t at) const {
    return fp16_to_float(static_cast<uint16_t>(bytes_[at] | (bytes_[at + 1] << 8)));
  }
  // `count` bits from bit `first` of the byte at `at` on.
  int bits(size_t at, int first, int count) const { return (bytes_[at] >> first) & ((1 << count) - 1); }
  int int8(size_t at) const { return bytes_[at] < 128 ? bytes_[at] : bytes_[at] - 256; }

 private:
  std::span<const uint8_t> bytes_;
};

// Value i of 32 with nibbles from `at` on.
int nibble_of_32(const Block& b, size_t at, int i) {
  return i < 16 ? b.bits(at + i, 0, 4) : b.bits(at + i - 16, 4, 4);
}

double q4_0(const Block& b, int i) { return b.fp16(0) * (nibble_of_32(b, 2, i) - 8); }
double q4_1(const Block& b, int i) { return b.fp16(0) * nibble_of_32(b, 4, i) + b.fp16(2); }
double q5_0(const Block& b, int i) {
  return b.fp16(0) * (nibble_of_32(b, 6, i) + 16 * b.bits(2 + i / 8, i % 8, 1) - 16);
}
double q5_1(const Block& b, int i) {
  return b.fp16(0) * (nibble_of_32(b, 8, i) + 16 * b.bits(4 + i / 8, i % 8, 1)) + b.fp16(2);
}
double q8_0(const Block& b, int i) { return b.fp16(0) * b.int8(2 + i); }

int k_scale(const Block& b, int s) {
  return s < 4 ? b.bits(4 + s, 0, 6) : b.bits(12 + s - 4, 0, 4) + 16 * b.bits(4 + s - 4, 6, 2);
}
int k_min(const Block& b, int s) {
  return s < 4 ? b.bits(8 + s, 0, 6) : b.bits(12 + s - 4, 4, 4) + 16 * b.bits(8 + s - 4, 6, 2);
}
double q4_k(const Block& b, int i) {
  const int s = i / 32;
  const int q = b.bits(16 + i / 64 * 32 + i % 32, s % 2 == 0 ? 0 : 4, 4);
  return b.fp16(0) * k_scale(b, s) * q - b.fp16(2) * k_min(b, s);
}
double q5_k(const Block& b, int i) {
  const int s = i / 32;
  const int q = b.bits(48 + i / 64 * 32 + i % 32, s % 2 == 0 ? 0 : 4, 4) + 16 * b.bits(16 + i % 32, s, 1);
  return b.fp16(0) * k_scale(b, s) * q - b.fp16(2) * k_min(b, s);
}
double q6_k(const Block& b, int i) {
  const int half = i / 128, j = i % 128;
  const int low = b.bits(64 * half + j % 64, j < 64 ? 0 : 4, 4);
  const int high = b.bits(128 + 32 * half + j % 32, j / 32 * 2, 2);
  return b.fp16(208) * b.int8(192 + i / 16) * (low + 16 * high - 32);
}

struct Case {
  GgmlType type;
  double (*value)(const Block&, int);
  std::vector<size_t> fp16_at;  // where FP16 numbers stand, so that the test can keep them finite
};

class Dequantise : public testing::TestWithParam<Case> {};

TEST_P(Dequantise, GivesEveryValueOfRandomBlocks) {
  const auto& [type, value, fp16_at] = GetParam();
  const GgmlBlock block = *ggml_block(type);
  constexpr size_t kBlocks = 200;
  std::mt19937 random(7);
  std::vector<uint8_t> bytes(kBlocks * block.bytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  for (size_t b = 0; b < kBlocks; ++b) {
    for (const size_t at : fp16_at) bytes[b * block.bytes + at + 1] &= 0xBF;  // exponents below 16
  }
  std::vector<float> out(kBlocks * block.values);
  dequantise(type, bytes, out);
  for (size_t i = 0; i < out.size(); ++i) {
    const Block one(std::span<const uint8_t>(bytes).subspan(i / block.values * block.bytes, block.bytes));
    const double expected = value(one, static_cast<int>(i % block.values));
    // Two products and a difference in FP32: the error is relative to the terms, below 2^12 here.
    ASSERT_NEAR(out[i], expected, 1e-6 * std::abs(expected) + 2e-4) << "value " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, Dequantise,
    testing::Values(Case{GgmlType::kQ4_0, q4_0, {0}}, Case{GgmlType::kQ4_1, q4_1, {0, 2}},
                    Case{GgmlType::kQ5_0, q5_0, {0}}, Case{GgmlType::kQ5_1, q5_1, {0, 2}},
                    Case{GgmlType::kQ8_0, q8_0, {0}}, Case{GgmlType::kQ4K, q4_k, {0, 2}},
                    Case{GgmlType::kQ5K, q5_k, {0, 2}}, Case{GgmlType::kQ6K, q6_k, {208}}),
    [](const auto& test) { return ggml_type_name(test.param.type); });

TEST(Dequantise, FloatsAreExact) {
  const std::vector<uint8_t> f16 = {0x00, 0x3C, 0x00, 0xC0};
  const std::vector<uint8_t> bf16 = {0x80, 0x3F, 0x00, 0xC0};
  std::vector<float> out(2);
  dequantise(GgmlType::kF16, f16, out);
  EXPECT_EQ(out, (std::vector<float>{1.0f, -2.0f}));
  dequantise(GgmlType::kBf16, bf16, out);
  EXPECT_EQ(out, (std::vector<float>{1.0f, -2.0f}));
}

}  // namespace
}  // namespace brim
