// 4-bit matrices as AutoAWQ, AutoGPTQ and compressed-tensors store them: eight nibbles to an int32 word. All
// hold, for every output row and group of inputs, a scale and a zero-point, and mean (q - zero) * scale:
// Brim's own arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/float_formats.h"
#include "model/tensor_source.h"

namespace brim {

// Nibbles [rows][columns] in words of eight that run along the rows or along the columns: nibble
// (row % 2^row_shift + column % 2^column_shift) of word (row >> row_shift) * row_stride +
// (column >> column_shift) * column_stride, where one of the shifts is 3 and the other 0.
struct NibbleGrid {
  std::span<const uint8_t> words = {};
  uint32_t row_shift = 0, column_shift = 0;
  uint64_t row_stride = 0, column_stride = 0;
  bool interleaved = false;  // AutoAWQ's order: the nibbles of a word are its elements 0 2 4 6 1 3 5 7
  uint8_t offset = 0;        // what the stored value lacks, modulo 16 (AutoGPTQ's zero-points)

  uint8_t at(uint64_t row, uint64_t column) const;
};

struct PackedMatrix {
  uint64_t rows;     // outputs
  uint64_t columns;  // inputs, a multiple of group
  uint64_t group;    // inputs that share a scale and a zero-point
  NibbleGrid q;
  NibbleGrid zeros = {};  // columns are groups; without words every zero-point is 8
  std::span<const uint8_t> scales = {};
  FloatFormat scale_format = FloatFormat::kF16;
  uint64_t scale_row_stride = 0, scale_group_stride = 0;  // in values
  std::vector<uint32_t> group_of =
      {};  // [columns], act-order: the group of each input; empty: column / group

  uint64_t groups() const { return columns / group; }
  float scale(uint64_t row, uint64_t g) const;
  uint8_t zero(uint64_t row, uint64_t g) const { return zeros.words.empty() ? 8 : zeros.at(row, g); }

  // Whether the image's groups can have the file's scales and zero-points.
  bool fits_image() const { return group % kGroup == 0 && group_of.empty(); }
};

// Unpacks rows [first_row, first_row + rows) of a matrix that fits_image(): each of the image's groups gets
// the scale (rounded to FP16) and zero-point of the file's. The spans of `matrix` and `out` must have the
// sizes that follow.
void unpack_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, const QuantisedRows& out);

// out[rows * columns] = (q - zero) * scale of these rows.
void dequantise_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, std::span<float> out);

}  // namespace brim
