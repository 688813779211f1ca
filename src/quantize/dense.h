// Dense linear algebra in FP32 for quantisers. Results depend neither on the number of threads nor on the
// instruction set: every sum is taken in one fixed order, with the same rounding.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace brim {

// Element (i, j) is data[i * row_stride + j * column_stride]: a matrix, its transpose, or a part of one.
struct MatrixView {
  const float* data;
  uint64_t row_stride;
  uint64_t column_stride;

  MatrixView transposed() const { return {data, column_stride, row_stride}; }
  MatrixView from(uint64_t row, uint64_t column) const {
    return {data + row * row_stride + column * column_stride, row_stride, column_stride};
  }
};

// Row-major, so many columns to a row.
inline MatrixView row_major(const float* data, uint64_t columns) { return {data, columns, 1}; }

enum class Part : uint8_t {
  kAll,
  kLower,  // of a symmetric result: at least the elements on and below the diagonal
};

// c[i * c_stride + j] += factor * sum over k of a(i, k) * b(k, j), for i < rows, j < columns, k < inner; c
// overlaps neither a nor b. The sum runs through k in runs of 256, fused multiply-adds in each.
struct Product {
  uint64_t rows;
  uint64_t columns;
  uint64_t inner;
  float factor = 1;
  Part part = Part::kAll;
};
void multiply_add(const Product& product, MatrixView a, MatrixView b, float* c, uint64_t c_stride,
                  uint32_t threads);

// The instruction sets that this processor has for multiply_add, best first, and a choice among them for
// tests; "" is the best.
std::vector<std::string_view> dense_kernels();
void use_dense_kernel(std::string_view name);

// The Cholesky factor L of the symmetric n x n matrix h = L L^T, of which the part on and below the diagonal
// is read; L takes its place, what is above the diagonal becomes 0. False if h is not positive definite in
// FP32; then h's content is lost.
bool cholesky(std::span<float> h, uint64_t n, uint32_t threads);

}  // namespace brim
