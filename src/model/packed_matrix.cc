#include "model/packed_matrix.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "numerics/fp16.h"

namespace brim {
namespace {

// The nibble that holds element e of a word's eight in AutoAWQ's order.
constexpr std::array<uint32_t, 8> kInterleaved = {0, 4, 1, 5, 2, 6, 3, 7};

// Calls each(row, column, q) for these rows, in the order in which the words stand.
template <typename Each>
void for_each_level(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, const Each& each) {
  if (matrix.q.row_stride > matrix.q.column_stride) {
    for (uint64_t r = 0; r < rows; ++r) {
      for (uint64_t column = 0; column < matrix.columns; ++column) {
        each(r, column, matrix.q.at(first_row + r, column));
      }
    }
    return;
  }
  // Neighbouring rows share words and cache lines.
  for (uint64_t column = 0; column < matrix.columns; ++column) {
    for (uint64_t r = 0; r < rows; ++r) each(r, column, matrix.q.at(first_row + r, column));
  }
}

}  // namespace

uint8_t NibbleGrid::at(uint64_t row, uint64_t column) const {
  const uint64_t index = (row >> row_shift) * row_stride + (column >> column_shift) * column_stride;
  uint32_t word;
  std::memcpy(&word, &words[index * sizeof word], sizeof word);
  const uint64_t element = (row & ((1u << row_shift) - 1)) + (column & ((1u << column_shift) - 1));
  return ((word >> (4 * (interleaved ? kInterleaved[element] : element))) + offset) & 15u;
}

float PackedMatrix::scale(uint64_t row, uint64_t g) const {
  const uint64_t bytes = bytes_per_value(scale_format);
  float value;
  convert_to_float(scale_format,
                   scales.subspan((row * scale_row_stride + g * scale_group_stride) * bytes, bytes),
                   {&value, 1});
  return value;
}

void unpack_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, const QuantisedRows& out) {
  const uint64_t groups = matrix.columns / kGroup;
  const uint64_t copies = matrix.group / kGroup;
  for_each_level(matrix, first_row, rows,
                 [&](uint64_t r, uint64_t column, uint8_t q) { out.q[r * matrix.columns + column] = q; });
  for (uint64_t group = 0; group < matrix.groups(); ++group) {
    for (uint64_t r = 0; r < rows; ++r) {
      const uint64_t first = r * groups + group * copies;
      std::fill_n(&out.zeros[first], copies, matrix.zero(first_row + r, group));
      std::fill_n(&out.scales[first], copies, float_to_fp16(matrix.scale(first_row + r, group)));
    }
  }
}

void dequantise_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, std::span<float> out) {
  const uint64_t groups = matrix.groups();
  std::vector<float> zeros(rows * groups);
  std::vector<float> scales(rows * groups);
  for (uint64_t group = 0; group < groups; ++group) {
    for (uint64_t r = 0; r < rows; ++r) {
      zeros[r * groups + group] = matrix.zero(first_row + r, group);
      scales[r * groups + group] = matrix.scale(first_row + r, group);
    }
  }
  for_each_level(matrix, first_row, rows, [&](uint64_t r, uint64_t column, uint8_t q) {
    const uint64_t in_row = matrix.group_of.empty() ? column / matrix.group : matrix.group_of[column];
    const uint64_t group = r * groups + in_row;
    out[r * matrix.columns + column] = (static_cast<float>(q) - zeros[group]) * scales[group];
  });
}

}  // namespace brim
