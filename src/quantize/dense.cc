#include "quantize/dense.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace brim {

namespace {

// A micro-tile of the result is summed in registers; a macro-tile is a thread's unit of work, whose operands
// are copied so that they are read in order and stay in the caches: kInner x kTile floats are 512 KiB.
constexpr uint64_t kMicroRows = 12;
constexpr uint64_t kMicroColumns = 32;
constexpr uint64_t kTileRows = 504;  // a multiple of kMicroRows
constexpr uint64_t kTileColumns = 512;
constexpr uint64_t kInner = 256;

// sums[i][j] = sum over k < inner of a[k][i] * b[k][j]: a and b hold kMicroRows and kMicroColumns per k.
using MicroKernel = void (*)(uint64_t inner, const float* a, const float* b, float* sums);

void micro_portable(uint64_t inner, const float* a, const float* b, float* sums) {
  std::fill_n(sums, kMicroRows * kMicroColumns, 0.0f);
  for (uint64_t k = 0; k < inner; ++k) {
    for (uint64_t i = 0; i < kMicroRows; ++i) {
      for (uint64_t j = 0; j < kMicroColumns; ++j) {
        float& sum = sums[i * kMicroColumns + j];
        sum = std::fma(a[k * kMicroRows + i], b[k * kMicroColumns + j], sum);
      }
    }
  }
}

#if defined(__x86_64__)

__attribute__((target("avx512f"))) void micro_avx512(uint64_t inner, const float* a, const float* b,
                                                     float* sums) {
  __m512 left[kMicroRows];
  __m512 right[kMicroRows];
  for (uint64_t i = 0; i < kMicroRows; ++i) left[i] = right[i] = _mm512_setzero_ps();
  for (uint64_t k = 0; k < inner; ++k) {
    const __m512 b0 = _mm512_loadu_ps(b + k * kMicroColumns);
    const __m512 b1 = _mm512_loadu_ps(b + k * kMicroColumns + 16);
#pragma GCC unroll 12
    for (uint64_t i = 0; i < kMicroRows; ++i) {
      const __m512 factor = _mm512_set1_ps(a[k * kMicroRows + i]);
      left[i] = _mm512_fmadd_ps(factor, b0, left[i]);
      right[i] = _mm512_fmadd_ps(factor, b1, right[i]);
    }
  }
#pragma GCC unroll 12
  for (uint64_t i = 0; i < kMicroRows; ++i) {
    _mm512_storeu_ps(sums + i * kMicroColumns, left[i]);
    _mm512_storeu_ps(sums + i * kMicroColumns + 16, right[i]);
  }
}

// Sixteen registers hold 6 x 16 sums and their operands: four passes over the micro-tile.
__attribute__((target("avx2,fma"))) void micro_avx2(uint64_t inner, const float* a, const float* b,
                                                    float* sums) {
  constexpr uint64_t kRows = 6;
  for (uint64_t row = 0; row < kMicroRows; row += kRows) {
    for (uint64_t column = 0; column < kMicroColumns; column += 16) {
      __m256 left[kRows];
      __m256 right[kRows];
      for (uint64_t i = 0; i < kRows; ++i) left[i] = right[i] = _mm256_setzero_ps();
      for (uint64_t k = 0; k < inner; ++k) {
        const __m256 b0 = _mm256_loadu_ps(b + k * kMicroColumns + column);
        const __m256 b1 = _mm256_loadu_ps(b + k * kMicroColumns + column + 8);
#pragma GCC unroll 6
        for (uint64_t i = 0; i < kRows; ++i) {
          const __m256 factor = _mm256_set1_ps(a[k * kMicroRows + row + i]);
          left[i] = _mm256_fmadd_ps(factor, b0, left[i]);
          right[i] = _mm256_fmadd_ps(factor, b1, right[i]);
        }
      }
#pragma GCC unroll 6
      for (uint64_t i = 0; i < kRows; ++i) {
        _mm256_storeu_ps(sums + (row + i) * kMicroColumns + column, left[i]);
        _mm256_storeu_ps(sums + (row + i) * kMicroColumns + column + 8, right[i]);
      }
    }
  }
}

#endif

struct Kernel {
  std::string_view name;
  MicroKernel run;
};

std::vector<Kernel> kernels() {
  std::vector<Kernel> found;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) found.push_back({"avx512", micro_avx512});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back({"avx2", micro_avx2});
#endif
  found.push_back({"portable", micro_portable});
  return found;
}

std::atomic<MicroKernel>& chosen_kernel() {
  static std::atomic<MicroKernel> chosen = kernels().front().run;
  return chosen;
}

// packed[panel][k][lane] = m(panel * lanes + lane, k), zeros beyond `count` rows.
void pack_panels(MatrixView m, uint64_t count, uint64_t inner, uint64_t lanes, float* packed) {
  for (uint64_t first = 0; first < count; first += lanes) {
    float* panel = packed + first * inner;
    const uint64_t real = std::min(lanes, count - first);
    if (real < lanes) std::fill_n(panel, lanes * inner, 0.0f);
    const float* from = m.data + first * m.row_stride;
    if (m.row_stride == 1) {
      for (uint64_t k = 0; k < inner; ++k) std::copy_n(from + k * m.column_stride, real, panel + k * lanes);
    } else {
      for (uint64_t lane = 0; lane < real; ++lane) {
        for (uint64_t k = 0; k < inner; ++k) {
          panel[k * lanes + lane] = from[lane * m.row_stride + k * m.column_stride];
        }
      }
    }
  }
}

// Adds one macro-tile's part of the product.
void multiply_tile(const Product& tile, MatrixView a, MatrixView b, float* c, uint64_t c_stride) {
  const MicroKernel kernel = chosen_kernel();
  const auto rounded = [](uint64_t n, uint64_t step) { return (n + step - 1) / step * step; };
  const uint64_t depth = std::min(kInner, tile.inner);
  std::vector<float> a_panels(rounded(tile.rows, kMicroRows) * depth);
  std::vector<float> b_panels(rounded(tile.columns, kMicroColumns) * depth);
  float sums[kMicroRows * kMicroColumns];
  for (uint64_t first = 0; first < tile.inner; first += kInner) {
    const uint64_t inner = std::min(kInner, tile.inner - first);
    pack_panels(a.from(0, first), tile.rows, inner, kMicroRows, a_panels.data());
    pack_panels(b.from(first, 0).transposed(), tile.columns, inner, kMicroColumns, b_panels.data());
    for (uint64_t column = 0; column < tile.columns; column += kMicroColumns) {
      const uint64_t columns = std::min(kMicroColumns, tile.columns - column);
      for (uint64_t row = 0; row < tile.rows; row += kMicroRows) {
        kernel(inner, &a_panels[row * inner], &b_panels[column * inner], sums);
        const uint64_t rows = std::min(kMicroRows, tile.rows - row);
        for (uint64_t i = 0; i < rows; ++i) {
          float* out = c + (row + i) * c_stride + column;
          const float* sum = sums + i * kMicroColumns;
          for (uint64_t j = 0; j < columns; ++j) out[j] += tile.factor * sum[j];
        }
      }
    }
  }
}

// The factor of a diagonal block, in place.
bool cholesky_block(float* h, uint64_t stride, uint64_t n) {
  for (uint64_t j = 0; j < n; ++j) {
    float* row = h + j * stride;
    for (uint64_t k = 0; k < j; ++k) row[j] -= row[k] * row[k];
    if (!(row[j] > 0) || !std::isfinite(row[j])) return false;
    row[j] = std::sqrt(row[j]);
    for (uint64_t i = j + 1; i < n; ++i) {
      float* below = h + i * stride;
      for (uint64_t k = 0; k < j; ++k) below[j] -= below[k] * row[k];
      below[j] /= row[j];
    }
  }
  return true;
}

}  // namespace

void multiply_add(const Product& product, MatrixView a, MatrixView b, float* c, uint64_t c_stride,
                  uint32_t threads) {
  const uint64_t across = (product.columns + kTileColumns - 1) / kTileColumns;
  const uint64_t down = (product.rows + kTileRows - 1) / kTileRows;
  const auto tile = [&](uint64_t index) {
    const uint64_t row = index / across * kTileRows;
    const uint64_t column = index % across * kTileColumns;
    const uint64_t rows = std::min(kTileRows, product.rows - row);
    if (product.part == Part::kLower && column >= row + rows) return;
    multiply_tile({.rows = rows,
                   .columns = std::min(kTileColumns, product.columns - column),
                   .inner = product.inner,
                   .factor = product.factor},
                  a.from(row, 0), b.from(0, column), c + row * c_stride + column, c_stride);
  };
  for_each_index(static_cast<uint32_t>(std::min<uint64_t>(threads, across * down)), across * down, tile);
}

std::vector<std::string_view> dense_kernels() {
  std::vector<std::string_view> names;
  for (const Kernel& kernel : kernels()) names.push_back(kernel.name);
  return names;
}

void use_dense_kernel(std::string_view name) {
  for (const Kernel& kernel : kernels()) {
    if (!name.empty() && kernel.name != name) continue;
    chosen_kernel() = kernel.run;
    return;
  }
  throw Error("this processor has no dense kernel " + std::string(name));
}

bool cholesky(std::span<float> h, uint64_t n, uint32_t threads) {
  constexpr uint64_t kBlock = 128;
  std::vector<float> transposed(kBlock * kBlock);  // of the diagonal block
  for (uint64_t first = 0; first < n; first += kBlock) {
    const uint64_t width = std::min(kBlock, n - first);
    float* diagonal = &h[first * n + first];
    if (!cholesky_block(diagonal, n, width)) return false;
    for (uint64_t i = 0; i < width; ++i) {
      std::fill_n(&h[(first + i) * n] + first + i + 1, n - first - i - 1, 0.0f);
      for (uint64_t j = 0; j <= i; ++j) transposed[j * kBlock + i] = diagonal[i * n + j];
    }
    const uint64_t below = first + width;
    if (below == n) break;
    // Rows below: x L^T = h.
    constexpr uint64_t kRows = 64;
    for_each_index(threads, (n - below + kRows - 1) / kRows, [&](uint64_t job) {
      const uint64_t begin = below + job * kRows;
      for (uint64_t row = begin; row < std::min(n, begin + kRows); ++row) {
        float* x = &h[row * n + first];
        for (uint64_t j = 0; j < width; ++j) {
          const float* column = &transposed[j * kBlock];
          x[j] /= column[j];
          const float value = x[j];
          for (uint64_t i = j + 1; i < width; ++i) x[i] -= value * column[i];
        }
      }
    });
    const MatrixView panel{&h[below * n + first], n, 1};
    multiply_add(
        {.rows = n - below, .columns = n - below, .inner = width, .factor = -1, .part = Part::kLower}, panel,
        panel.transposed(), &h[below * n + below], n, threads);
  }
  return true;
}

}  // namespace brim
