// Every instruction set's kernels give the reference's bits.
#include "engine/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <numeric>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "engine/emulated_tiles.h"
#include "engine/flush_to_zero.h"
#include "engine/kernels_simd.h"
#include "engine/same_products.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"

namespace brim {
namespace {

#include "engine/tile_matvec.h"

class Operands {
 protected:
  std::unique_ptr<Kernels> reference_ = make_reference_kernels();
  FlushToZero flush_;
  std::mt19937 random_{1};

  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  // A normal number or zero with an exponent in [-range, range].
  float number(int32_t range) {
    if (below(16) == 0) return below(2) ? 0.0f : -0.0f;
    const auto field = static_cast<uint32_t>(
        127 + static_cast<int32_t>(below(2 * static_cast<uint32_t>(range) + 1)) - range);
    return float_from_bits((random_() & 0x807FFFFFu) | field << 23);
  }

  std::vector<float> numbers(size_t n, int32_t range) {
    std::vector<float> x(n);
    for (float& v : x) v = number(range);
    return x;
  }

  // FP16 bits of a positive number; subnormal ones, and the largest, too.
  uint16_t scale() {
    switch (below(8)) {
      case 0:
        return static_cast<uint16_t>(1 + below(1023));
      case 1:
        return 0x7BFF;
      case 2:
        return 0;
      default:
        return static_cast<uint16_t>(0x0400 + below(0x7000));
    }
  }

  enum class Extreme { kNone, kLargest, kZero };

  Activations activations(uint32_t tokens, uint32_t groups, Extreme extreme) {
    Activations x(tokens, groups * kA16Block);
    int16_t m[kA16Block];
    for (uint32_t t = 0; t < tokens; ++t) {
      for (uint32_t g = 0; g < groups; ++g) {
        for (int16_t& v : m) {
          v = static_cast<int16_t>(static_cast<int32_t>(below(2 * kA16MaxMantissa + 1)) - kA16MaxMantissa);
          if (extreme == Extreme::kLargest) v = below(2) ? kA16MaxMantissa : -kA16MaxMantissa;
          if (extreme == Extreme::kZero) v = 0;
        }
        if (extreme == Extreme::kLargest && g % 2 == 0)
          std::fill(m, m + kA16Block, int16_t{-kA16MaxMantissa});
        constexpr int32_t kExponents[] = {kA16MinExponent, kA16MaxExponent, 0, -14, -20};
        x.row(t)[g].assign(m, kExponents[below(extreme == Extreme::kNone ? 5 : 1)]);
      }
    }
    return x;
  }

  // A stream of chunks with random weights, zero-points and scales.
  std::vector<uint8_t> stream(uint64_t pages) {
    std::vector<uint8_t> bytes(stream_bytes(pages));
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random_());
    for (uint64_t page = 0; page < pages; ++page) {
      for (uint32_t group = 0; group < kGroupsPerPage; ++group) {
        const uint16_t s = scale();
        std::memcpy(&bytes[metadata_offset(page) + kMetadataZeroBytes + 2 * group], &s, sizeof(s));
      }
    }
    return bytes;
  }
};

void expect_same(std::span<const float> expected, std::span<const float> got, const std::string& what) {
  ASSERT_EQ(expected.size(), got.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    if (is_nan(expected[i]) && is_nan(got[i])) continue;
    ASSERT_EQ(float_bits(expected[i]), float_bits(got[i]))
        << what << " at " << i << ": expected " << expected[i] << ", got " << got[i];
  }
}

void expect_same(std::span<const A16Digits> expected, std::span<const A16Digits> got,
                 const std::string& what) {
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(expected[i].exponent, got[i].exponent) << what << " block " << i;
    ASSERT_EQ(expected[i].sum, got[i].sum) << what << " block " << i;
    ASSERT_EQ(std::memcmp(expected[i].high, got[i].high, sizeof(got[i].high)), 0) << what << " block " << i;
    ASSERT_EQ(std::memcmp(expected[i].low, got[i].low, sizeof(got[i].low)), 0) << what << " block " << i;
  }
}

// Matrices of all shapes, in one plane and in two over the same inputs.
class MatvecTest : public Operands {
 protected:
  // `matvec` is Kernels::matvec.
  template <typename Matvec>
  void expect_reference_bits(std::span<const uint32_t> row_counts, std::span<const uint32_t> token_counts,
                             const Matvec& matvec) {
    constexpr Extreme kExtremes[] = {Extreme::kNone, Extreme::kLargest, Extreme::kZero};
    uint32_t next = 0;
    for (const auto& [planes, inputs] : std::initializer_list<std::pair<uint32_t, uint32_t>>{
             {1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 6}, {1, 8}, {2, 1}, {2, 2}, {2, 3}, {2, 6}}) {
      const PageShape shape = page_shape(planes * inputs);
      for (const uint32_t rows : row_counts) {
        // crosses a metadata page
        MatrixView matrix{nullptr, 23, shape, rows, planes * inputs / shape.columns, inputs};
        const auto bytes = stream(matrix.first_page + uint64_t{matrix.row_blocks()} * matrix.pages_per_block);
        matrix.stream = bytes.data();
        for (const uint32_t tokens : token_counts) {
          const Extreme extreme = kExtremes[next++ % std::size(kExtremes)];
          const Activations x = activations(tokens, inputs, extreme);
          const uint64_t stride = rows + 3;
          std::vector<float> expected(tokens * stride, 7.0f), got(tokens * stride, 7.0f);
          reference_->matvec(matrix, x.view(0, tokens), 0, matrix.row_blocks(), expected.data(), stride);
          const uint32_t middle = matrix.row_blocks() / 2;
          matvec(matrix, x.view(0, tokens), 0, middle, got.data(), stride);
          matvec(matrix, x.view(0, tokens), middle, matrix.row_blocks(), got.data(), stride);
          expect_same(expected, got,
                      concat(planes, " planes of ", inputs, " groups, ", rows, " rows, ", tokens, " tokens"));
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
};

std::vector<uint32_t> numbers_to(uint32_t last) {
  std::vector<uint32_t> numbers(last);
  std::iota(numbers.begin(), numbers.end(), 1);
  return numbers;
}

class KernelsTest : public MatvecTest, public testing::TestWithParam<std::string_view> {
 protected:
  void expect_reference_bits(std::span<const uint32_t> row_counts, std::span<const uint32_t> token_counts) {
    MatvecTest::expect_reference_bits(row_counts, token_counts,
                                      [&](auto&&... arguments) { tested_->matvec(arguments...); });
  }
  std::unique_ptr<Kernels> tested_ = make_kernels(GetParam());
};

TEST_P(KernelsTest, MatvecHasTheBitsOfTheReferenceForAllShapesAndRows) {
  const uint32_t rows[] = {1, 16, 31, 129, 200}, tokens[] = {1, 2, 5, 9};
  expect_reference_bits(rows, tokens);
}

TEST_P(KernelsTest, MatvecHasTheBitsOfTheReferenceForOneToSeventyTokens) {
  const uint32_t rows[] = {17};
  expect_reference_bits(rows, numbers_to(70));
}

class TileMatvecTest : public MatvecTest, public testing::Test {};

// Where the processor has tiles of its own, the tests of the amx kernels run on them.
TEST_F(TileMatvecTest, OnEmulatedTilesHasTheBitsOfTheReferenceForOneToSeventyTokens) {
  const uint32_t rows[] = {1, 17, 129};
  expect_reference_bits(std::span(rows).first(1), numbers_to(70), TileMatvec<EmulatedTiles>::run);
  const uint32_t tokens[] = {8, 17};
  expect_reference_bits(rows, tokens, TileMatvec<EmulatedTiles>::run);
}

TEST(AmxKernels, AreAvailableWhereTheProcessorHasTilesAndTheSystemPermitsThem) {
  const std::vector<std::string_view> names = available_kernels();
  if (std::ranges::find(names, "amx") == names.end()) GTEST_SKIP() << "no AMX here: nothing ran on its tiles";
  EXPECT_EQ(names.front(), "amx");
  EXPECT_EQ(make_kernels("amx")->name(), "amx");
}

// A wrong product shows, so that kernels that give one are not used.
TEST(SameProducts, TellRightKernelsFromWrongOnes) {
  const auto reference = make_reference_kernels();
  for (const std::string_view name : available_kernels())
    EXPECT_TRUE(same_products(*make_kernels(name), *reference)) << name;
  const auto emulated = make_avx512_kernels("emulated", {8, TileMatvec<EmulatedTiles>::run});
  const auto wrong = make_avx512_kernels(
      "wrong", {8, [](const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
                      float* out, uint64_t stride) {
                  TileMatvec<EmulatedTiles>::run(matrix, x, first_block, last_block, out, stride);
                  out[(x.tokens - 1) * stride] += 0x1p-10f;
                }});
  if (emulated == nullptr) GTEST_SKIP() << "needs AVX-512";
  EXPECT_TRUE(same_products(*emulated, *reference));
  EXPECT_FALSE(same_products(*wrong, *reference));
}

TEST_P(KernelsTest, MatvecHasTheBitsOfTheReferenceForLargestWeights) {
  for (const uint32_t groups : {1u, 2u, 4u}) {
    for (const int fill : {0x00, 0xFF}) {
      const PageShape shape = page_shape(groups);
      std::vector<uint8_t> bytes = stream(1);
      std::memset(bytes.data() + page_offset(0), fill, kPageBytes);
      std::memset(bytes.data(), 0xFF - fill, kMetadataZeroBytes);
      const MatrixView matrix{bytes.data(), 0, shape, shape.rows, 1};
      const Activations x = activations(5, groups, Extreme::kLargest);
      for (const uint32_t tokens : {1u, 5u}) {
        std::vector<float> expected(tokens * shape.rows), got(tokens * shape.rows);
        reference_->matvec(matrix, x.view(0, tokens), 0, 1, expected.data(), shape.rows);
        tested_->matvec(matrix, x.view(0, tokens), 0, 1, got.data(), shape.rows);
        expect_same(expected, got, "largest");
      }
    }
  }
}

// K or V of one head with random content.
struct Cache {
  Cache(std::mt19937& random, uint32_t context, uint32_t head_size, bool extreme, uint32_t bits = 8)
      : pages(kv_format(head_size, bits).page_bytes(context)),
        scales(kv_format(head_size, bits).scales_bytes(context)) {
    const KvFormat format = kv_format(head_size, bits);
    for (uint32_t p = 0; p < context; ++p) {
      for (uint32_t i = 0; i < head_size; ++i) {
        const auto k = extreme ? (random() % 2 ? 127 : -127) : static_cast<int>(random() % 255) - 127;
        // Of four bits, 15 or 0, and any.
        pages[format.offset(p) + i * bits / 8] |=
            static_cast<uint8_t>(bits == 8 ? k : (k & 15) << (i % 2 * 4));
      }
      const uint16_t scale = float_to_fp16(static_cast<float>(random() % 4096) * 0x1p-18f);
      std::memcpy(&scales[format.scale_bytes * p], &scale, 2);
      if (bits == 4) scales[4 * p + 2] = static_cast<uint8_t>(extreme ? random() % 2 * 15 : random() % 16);
    }
    view = {pages.data(), scales.data(), format};
  }
  std::vector<uint8_t> pages, scales;
  KvView view;
};

struct KvBits {
  uint32_t keys, values;
};

TEST_P(KernelsTest, AttentionHasTheBitsOfTheReferenceForAllHeadSizesPositionsAndRings) {
  for (const KvBits bits : {KvBits{8, 8}, KvBits{4, 4}, KvBits{8, 4}}) {
    for (const uint32_t head_size : {8u, 48u, 64u, 80u, 128u, 160u, 256u}) {
      for (const bool extreme : {false, true}) {
        const uint32_t context = 2112;
        Cache keys(random_, context, head_size, extreme, bits.keys);
        Cache values(random_, context, head_size, extreme, bits.values);
        int16_t q[kMaxHeadSize] = {};
        for (uint32_t i = 0; i < head_size; ++i) {
          q[i] = static_cast<int16_t>(static_cast<int32_t>(below(2 * kA16MaxMantissa + 1)) - kA16MaxMantissa);
          if (extreme) q[i] = below(2) ? kA16MaxMantissa : -kA16MaxMantissa;
        }
        struct Case {
          uint32_t positions;
          uint32_t start = 0;  // in a ring
        };
        constexpr Case kCases[] = {{1},  {3},   {15},  {16},  {17},   {63},        {64},
                                   {65}, {130}, {255}, {320}, {2001}, {320, 1792}, {2001, 1792}};
        for (const Case& one : kCases) {
          const uint32_t positions = one.positions;
          for (KvView* view : {&keys.view, &values.view}) {
            view->ring = 2048;
            view->start = one.start;
          }
          const auto run = [&](const Kernels& kernels, std::vector<float>& scores,
                               std::vector<int16_t>& mantissas, std::vector<int32_t>& exponents,
                               std::vector<float>& out, float& denominator, bool& overflow) {
            scores.assign(context, 0.0f);
            mantissas.assign(context, 0);
            exponents.assign(context / kAttentionBlock, 0);
            out.assign(values.view.format.elements(), 0.0f);
            const uint32_t half = positions / 2 / kAttentionBlock * kAttentionBlock;
            kernels.scores(keys.view, q, -16, 0.25f, 0, half, scores.data());
            kernels.scores(keys.view, q, -16, 0.25f, half, positions, scores.data());
            std::vector<float> before(scores.begin(), scores.begin() + positions);
            denominator = kernels.softmax(scores.data(), positions);
            kernels.attention_weights(scores.data(), values.view, positions, mantissas.data(),
                                      exponents.data(), &overflow);
            kernels.values(values.view, mantissas.data(), exponents.data(), positions, out.data());
            before.insert(before.end(), scores.begin(), scores.begin() + positions);
            scores = before;
          };
          std::vector<float> scores[2], out[2];
          std::vector<int16_t> mantissas[2];
          std::vector<int32_t> exponents[2];
          float denominator[2];
          bool overflow[2] = {false, false};
          run(*reference_, scores[0], mantissas[0], exponents[0], out[0], denominator[0], overflow[0]);
          run(*tested_, scores[1], mantissas[1], exponents[1], out[1], denominator[1], overflow[1]);
          const std::string what = concat("K", bits.keys, "V", bits.values, ", head size ", head_size,
                                          ", positions ", positions, " from ", one.start);
          expect_same(scores[0], scores[1], what + " scores and p");
          EXPECT_EQ(denominator[0], denominator[1]) << what;
          const uint32_t blocks = (positions + kAttentionBlock - 1) / kAttentionBlock;
          for (uint32_t i = 0; i < blocks * kAttentionBlock; ++i)
            ASSERT_EQ(mantissas[0][i], mantissas[1][i]) << what << i;
          EXPECT_EQ(exponents[0], exponents[1]) << what;
          expect_same(out[0], out[1], what + " values");
          EXPECT_FALSE(overflow[0] || overflow[1]);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(KernelsTest, ValuesIgnoreWhatStandsBeyondTheLastPosition) {
  for (const uint32_t bits : {8u, 4u}) {
    Cache values(random_, 64, 128, false, bits);
    std::vector<int16_t> mantissas(64, 0);
    for (uint32_t i = 0; i < 5; ++i) mantissas[i] = static_cast<int16_t>(1000 * i - 2000);
    const int32_t exponent = -20;
    std::vector<float> expected(128), got(128);
    reference_->values(values.view, mantissas.data(), &exponent, 5, expected.data());
    tested_->values(values.view, mantissas.data(), &exponent, 5, got.data());
    expect_same(expected, got, "values");
  }
}

TEST_P(KernelsTest, SoftmaxHasTheBitsOfTheReferenceOverTheWholeRangeOfScores) {
  for (const uint32_t n : {1u, 7u, 16u, 33u, 64u, 200u}) {
    for (const int32_t range : {1, 6, 20, 126}) {
      std::vector<float> expected = numbers(256, range);
      std::vector<float> got = expected;
      const float a = reference_->softmax(expected.data(), n);
      const float b = tested_->softmax(got.data(), n);
      EXPECT_EQ(float_bits(a), float_bits(b));
      expect_same(std::span(expected).first(n), std::span(got).first(n), "p");
    }
  }
}

TEST_P(KernelsTest, DamagedScoresSetTheOverflowFlag) {
  for (const float bad : {kInfinity, kNan}) {
    std::vector<float> p = numbers(64, 3);
    p[5] = bad;
    const std::vector<uint8_t> scales(128, 0x3C);
    tested_->softmax(p.data(), 40);
    int16_t mantissas[64];
    int32_t exponent = 0;
    bool overflow = false;
    tested_->attention_weights(p.data(), {nullptr, scales.data(), kv_format(64)}, 40, mantissas, &exponent,
                               &overflow);
    EXPECT_TRUE(overflow);
  }
}

TEST_P(KernelsTest, AttentionWeightsKeepTheFlushRule) {
  // Products all around 2^-126, where flushing before and after rounding differ.
  for (uint32_t round = 0; round < 200; ++round) {
    std::vector<float> p(64);
    std::vector<uint8_t> scales(128);
    for (uint32_t i = 0; i < 64; ++i) {
      p[i] = float_from_bits((random_() & 0x7FFFFFu) | (1 + below(30)) << 23);
      const uint16_t s = scale();
      std::memcpy(&scales[2 * i], &s, 2);
    }
    int16_t expected[64], got[64];
    int32_t e[2];
    bool overflow = false;
    const KvView values{nullptr, scales.data(), kv_format(64)};
    reference_->attention_weights(p.data(), values, 64, expected, &e[0], &overflow);
    tested_->attention_weights(p.data(), values, 64, got, &e[1], &overflow);
    EXPECT_EQ(e[0], e[1]);
    EXPECT_EQ(std::memcmp(expected, got, sizeof(got)), 0);
  }
}

TEST_P(KernelsTest, ElementwiseOperationsHaveTheBitsOfTheReference) {
  for (const uint32_t n : {2u, 8u, 16u, 30u, 48u, 64u, 100u, 128u, 256u, 288u}) {
    for (const int32_t range : {3, 62, 126}) {
      const std::vector<float> x = numbers(n, range), y = numbers(n, range);
      const float factor = number(range);
      const auto compare = [&](const std::string& what, const auto& operation) {
        std::vector<float> expected = x, got = x;
        operation(*reference_, expected.data());
        operation(*tested_, got.data());
        expect_same(expected, got, what + " of " + std::to_string(n));
      };
      compare("scale", [&](const Kernels& k, float* v) { k.scale(v, n, factor); });
      compare("add", [&](const Kernels& k, float* v) { k.add(v, y.data(), n); });
      compare("scale_by", [&](const Kernels& k, float* v) { k.scale_by(v, y.data(), factor, n); });
      compare("rope", [&](const Kernels& k, float* v) { k.rope(v, y.data(), n); });
      compare("rotate", [&](const Kernels& k, float* v) { k.rotate(v, n); });
      compare("sum_of_squares", [&](const Kernels& k, float* v) { v[0] = k.sum_of_squares(v, n); });
    }
  }
}

TEST_P(KernelsTest, ProductsAtTheFlushBoundaryHaveTheBitsOfTheReference) {
  std::vector<float> x(4096), y(4096);
  for (uint32_t i = 0; i < x.size(); ++i) {
    // y is close to 2^-126 / x, so that products fall on both sides of 2^-126 by some 2^-24 of it.
    x[i] = float_from_bits((random_() & 0x7FFFFFu) | (64 + below(64)) << 23);
    const double quotient = 0x1p-126 / static_cast<double>(x[i]);
    const uint32_t bits = float_bits(static_cast<float>(quotient)) + below(5) - 2;
    y[i] = float_from_bits(bits | (random_() & 0x80000000u));
  }
  std::vector<float> expected = x, got = x;
  reference_->scale_by(expected.data(), y.data(), 1.0f, 4096);
  tested_->scale_by(got.data(), y.data(), 1.0f, 4096);
  expect_same(expected, got, "product");
}

TEST_P(KernelsTest, A16AndSwigluHaveTheBitsOfTheReference) {
  for (const uint32_t n : {1u, 8u, 30u, 64u, 127u, 128u, 129u, 256u, 288u, 512u}) {
    for (const int32_t range : {2, 20, 60, 126}) {
      const std::vector<float> x = numbers(n, range), w = numbers(n, range),
                               gate_up = numbers(2 * n, std::min(range, 60));
      const uint32_t blocks = (n + kA16Block - 1) / kA16Block;
      const auto compare = [&](const std::string& what, const auto& operation) {
        std::vector<A16Digits> expected(blocks), got(blocks);
        bool overflow[2] = {false, false};
        operation(*reference_, expected.data(), &overflow[0]);
        operation(*tested_, got.data(), &overflow[1]);
        EXPECT_EQ(overflow[0], overflow[1]) << what;
        expect_same(expected, got, what + " of " + std::to_string(n));
      };
      compare("to_a16", [&](const Kernels& k, A16Digits* out, bool* o) { k.to_a16(x.data(), n, out, o); });
      compare("to_a16 of products",
              [&](const Kernels& k, A16Digits* out, bool* o) { k.to_a16(x.data(), w.data(), n, out, o); });
      for (const Gate gate : {Gate::kSilu, Gate::kGelu}) {
        compare("swiglu", [&](const Kernels& k, A16Digits* out, bool* o) {
          k.swiglu(gate, gate_up.data(), 0.7f, n, out, o);
        });
      }
      if (n <= kMaxHeadSize) {
        int16_t expected[kMaxHeadSize] = {}, got[kMaxHeadSize] = {};
        bool overflow[2] = {false, false};
        EXPECT_EQ(reference_->to_a16(x.data(), n, expected, &overflow[0]),
                  tested_->to_a16(x.data(), n, got, &overflow[1]));
        EXPECT_EQ(overflow[0], overflow[1]);
        EXPECT_EQ(std::memcmp(expected, got, sizeof(got)), 0);
      }
    }
  }
}

TEST_P(KernelsTest, InfinitiesAndNansSetTheOverflowFlagAndGiveZeros) {
  for (const float bad : {kInfinity, -kInfinity, kNan, 0x1p120f}) {
    std::vector<float> x = numbers(256, 3);
    x[130] = bad;
    A16Digits expected[2], got[2];
    bool overflow[2] = {false, false};
    reference_->to_a16(x.data(), 256, expected, &overflow[0]);
    tested_->to_a16(x.data(), 256, got, &overflow[1]);
    EXPECT_TRUE(overflow[0] && overflow[1]);
    expect_same(expected, got, "overflow");
  }
}

TEST_P(KernelsTest, GatesHaveTheBitsOfTheReferenceForAllMagnitudes) {
  std::vector<float> gate_up(2 * 128 * 64);
  for (uint32_t i = 0; i < gate_up.size(); i += 2) {
    gate_up[i] = static_cast<float>(static_cast<int32_t>(below(400000)) - 200000) * 1e-3f;
    gate_up[i + 1] = 1.0f;
  }
  for (const Gate gate : {Gate::kSilu, Gate::kGelu}) {
    std::vector<A16Digits> expected(64), got(64);
    bool overflow[2] = {false, false};
    reference_->swiglu(gate, gate_up.data(), 1.0f, 128 * 64, expected.data(), &overflow[0]);
    tested_->swiglu(gate, gate_up.data(), 1.0f, 128 * 64, got.data(), &overflow[1]);
    expect_same(expected, got, "swiglu");
    EXPECT_EQ(overflow[0], overflow[1]);
  }
}

TEST_P(KernelsTest, Kv8HasTheBitsOfTheReference) {
  for (const uint32_t n : {2u, 8u, 30u, 64u, 80u, 128u, 256u}) {
    for (const int32_t range : {1, 10, 30, 126}) {
      std::vector<float> x = numbers(n, range);
      for (const float extra : {x[0], 0.0f, kInfinity, kNan}) {
        x[0] = extra;
        int8_t expected[kMaxHeadSize], got[kMaxHeadSize + 1] = {};
        got[n] = 99;
        EXPECT_EQ(reference_->to_kv8(x.data(), n, expected), tested_->to_kv8(x.data(), n, got));
        EXPECT_EQ(std::memcmp(expected, got, n), 0) << n << ' ' << range << ' ' << extra;
        EXPECT_EQ(got[n], 99);
      }
    }
  }
}

TEST_P(KernelsTest, Kv4HasTheBitsOfTheReference) {
  for (const uint32_t n : {2u, 8u, 30u, 64u, 80u, 128u, 256u}) {
    for (const int32_t range : {1, 10, 30, 126}) {
      std::vector<float> x = numbers(n, range);
      for (const float extra : {x[0], 0.0f, kInfinity, -kInfinity, kNan}) {
        x[0] = extra;
        uint8_t expected[kMaxHeadSize / 2], got[kMaxHeadSize / 2 + 1] = {};
        got[n / 2] = 99;
        EXPECT_EQ(reference_->to_kv4(x.data(), n, expected), tested_->to_kv4(x.data(), n, got));
        EXPECT_EQ(std::memcmp(expected, got, n / 2), 0) << n << ' ' << range << ' ' << extra;
        EXPECT_EQ(got[n / 2], 99);
      }
    }
    // On one side of zero.
    std::vector<float> positive(n);
    for (float& value : positive) value = fabs(number(3));
    uint8_t expected[kA16Block / 2], got[kA16Block / 2];
    EXPECT_EQ(reference_->to_kv4(positive.data(), n, expected), tested_->to_kv4(positive.data(), n, got));
    EXPECT_EQ(std::memcmp(expected, got, n / 2), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Available, KernelsTest, testing::ValuesIn(available_kernels()),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace brim
