#include "quantize/dense.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"

namespace brim {
namespace {

std::vector<float> random_values(uint64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Sizes on both sides of every block's: micro-tiles of 12 x 32, macro-tiles of 504 x 512, runs of 256.
constexpr Product kProducts[] = {
    {.rows = 1, .columns = 1, .inner = 1},      {.rows = 12, .columns = 32, .inner = 256},
    {.rows = 13, .columns = 33, .inner = 257},  {.rows = 505, .columns = 7, .inner = 3},
    {.rows = 5, .columns = 513, .inner = 70},   {.rows = 3, .columns = 5, .inner = 0},
    {.rows = 510, .columns = 530, .inner = 20}, {.rows = 31, .columns = 40, .inner = 600, .factor = -0.5f},
};

TEST(Dense, ProductsOfMatricesAndTheirTransposesAreThoseOfTheDefinition) {
  for (const auto& product : kProducts) {
    const auto a = random_values(product.rows * product.inner, 1);
    const auto b = random_values(product.inner * product.columns, 2);
    const auto before = random_values(product.rows * product.columns, 3);
    for (const bool transposed : {false, true}) {
      const MatrixView left =
          transposed ? row_major(a.data(), product.rows).transposed() : row_major(a.data(), product.inner);
      const MatrixView right =
          transposed ? row_major(b.data(), product.inner).transposed() : row_major(b.data(), product.columns);
      auto c = before;
      multiply_add(product, left, right, c.data(), product.columns, 2);
      for (uint64_t i = 0; i < product.rows; ++i) {
        for (uint64_t j = 0; j < product.columns; ++j) {
          double sum = 0;
          for (uint64_t k = 0; k < product.inner; ++k) {
            sum += static_cast<double>(left.data[i * left.row_stride + k * left.column_stride]) *
                   static_cast<double>(right.data[k * right.row_stride + j * right.column_stride]);
          }
          const double expected = static_cast<double>(before[i * product.columns + j]) +
                                  static_cast<double>(product.factor) * sum;
          ASSERT_NEAR(c[i * product.columns + j], expected, 1e-4) << i << ' ' << j << ' ' << product.inner;
        }
      }
    }
  }
}

TEST(Dense, EveryKernelAndNumberOfThreadsGivesTheSameBits) {
  for (const auto& product : kProducts) {
    const auto a = random_values(product.rows * product.inner, 4);
    const auto b = random_values(product.inner * product.columns, 5);
    std::vector<float> expected;
    for (const std::string_view kernel : dense_kernels()) {
      use_dense_kernel(kernel);
      for (const uint32_t threads : {1u, 3u}) {
        std::vector<float> c(product.rows * product.columns);
        multiply_add(product, row_major(a.data(), product.inner), row_major(b.data(), product.columns),
                     c.data(), product.columns, threads);
        if (expected.empty()) expected = c;
        EXPECT_EQ(c, expected) << kernel;
      }
    }
    use_dense_kernel("");
  }
  EXPECT_EQ(dense_kernels().back(), "portable");
  EXPECT_THROW(use_dense_kernel("none"), Error);
}

TEST(Dense, TheLowerPartOfASymmetricProductIsThatOfTheWhole) {
  constexpr uint64_t kSize = 1030;
  const auto a = random_values(kSize * 9, 6);
  const MatrixView view = row_major(a.data(), 9);
  std::vector<float> whole(kSize * kSize);
  std::vector<float> lower(kSize * kSize);
  multiply_add({.rows = kSize, .columns = kSize, .inner = 9}, view, view.transposed(), whole.data(), kSize,
               1);
  multiply_add({.rows = kSize, .columns = kSize, .inner = 9, .part = Part::kLower}, view, view.transposed(),
               lower.data(), kSize, 1);
  for (uint64_t i = 0; i < kSize; ++i) {
    for (uint64_t j = 0; j <= i; ++j) ASSERT_EQ(lower[i * kSize + j], whole[i * kSize + j]);
  }
  EXPECT_EQ(lower[kSize - 1], 0) << "nothing is computed far above the diagonal";
}

TEST(Dense, ACholeskyFactorTimesItsTransposeIsTheMatrix) {
  for (const uint64_t n : {1u, 2u, 127u, 128u, 129u, 300u}) {
    const auto x = random_values(n * 2 * n, n);
    std::vector<float> h(n * n);
    multiply_add({.rows = n, .columns = n, .inner = 2 * n}, row_major(x.data(), 2 * n),
                 row_major(x.data(), 2 * n).transposed(), h.data(), n, 1);
    auto factor = h;
    ASSERT_TRUE(cholesky(factor, n, 2));
    for (uint64_t i = 0; i < n; ++i) {
      for (uint64_t j = 0; j < n; ++j) {
        if (j > i) {
          ASSERT_EQ(factor[i * n + j], 0);
          continue;
        }
        double sum = 0;
        for (uint64_t k = 0; k <= j; ++k) {
          sum += static_cast<double>(factor[i * n + k]) * static_cast<double>(factor[j * n + k]);
        }
        ASSERT_NEAR(sum, h[i * n + j], 1e-3 * static_cast<double>(n)) << n << ' ' << i << ' ' << j;
      }
    }
  }
}

TEST(Dense, AMatrixThatIsNotPositiveDefiniteHasNoFactor) {
  std::vector<float> indefinite = {1, 0, 2, 1};
  EXPECT_FALSE(cholesky(indefinite, 2, 1));
  std::vector<float> nan = {NAN};
  EXPECT_FALSE(cholesky(nan, 1, 1));
}

}  // namespace
}  // namespace brim
