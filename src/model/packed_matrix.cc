#include "model/packed_matrix.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "numerics/fp16.h"

namespace brim {
namespace {

constexpr uint64_t kPerWord = 8;

// The nibble that holds column c of a word's eight: the inverse of the order in `Packing`.
constexpr std::array<uint32_t, kPerWord> kAwqNibble = {0, 4, 1, 5, 2, 6, 3, 7};

uint32_t word_at(std::span<const uint8_t> words, uint64_t index) {
  uint32_t word;
  std::memcpy(&word, &words[index * sizeof word], sizeof word);
  return word;
}

uint8_t nibble(uint32_t word, uint64_t index) { return (word >> (4 * index)) & 15u; }

// Calls each(row, column, q) for the levels of these rows and then group(row, group, zero, scale).
template <typename Level, typename Group>
void for_each_value(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, const Level& level,
                    const Group& group_of) {
  const bool awq = matrix.packing == Packing::kAwq;
  // Where output `row` stands among words that run along the outputs.
  const auto along_outputs = [&](std::span<const uint8_t> words, uint64_t line, uint64_t row) {
    const uint32_t word = word_at(words, line * (matrix.rows / kPerWord) + row / kPerWord);
    return nibble(word, awq ? kAwqNibble[row % kPerWord] : row % kPerWord);
  };
  const uint8_t zero_offset = matrix.packing == Packing::kGptq ? 1 : 0;
  for (uint64_t group = 0; group < matrix.columns / matrix.group; ++group) {
    for (uint64_t r = 0; r < rows; ++r) {
      const uint64_t row = first_row + r;
      uint16_t scale;
      std::memcpy(&scale, &matrix.scales[(group * matrix.rows + row) * sizeof scale], sizeof scale);
      group_of(r, group, static_cast<uint8_t>((along_outputs(matrix.zeros, group, row) + zero_offset) & 15u),
               scale);
    }
  }
  // Rows innermost: neighbouring rows share words and cache lines.
  for (uint64_t column = 0; column < matrix.columns; ++column) {
    for (uint64_t r = 0; r < rows; ++r) {
      const uint64_t row = first_row + r;
      level(r, column,
            awq ? along_outputs(matrix.words, column, row)
                : nibble(word_at(matrix.words, column / kPerWord * matrix.rows + row), column % kPerWord));
    }
  }
}

}  // namespace

void unpack_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, const QuantisedRows& out) {
  const uint64_t groups = matrix.columns / kGroup;
  const uint64_t copies = matrix.group / kGroup;
  for_each_value(
      matrix, first_row, rows,
      [&](uint64_t r, uint64_t column, uint8_t q) { out.q[r * matrix.columns + column] = q; },
      [&](uint64_t r, uint64_t group, uint8_t zero, uint16_t scale) {
        const uint64_t first = r * groups + group * copies;
        std::fill_n(&out.zeros[first], copies, zero);
        std::fill_n(&out.scales[first], copies, scale);
      });
}

void dequantise_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, std::span<float> out) {
  const uint64_t groups = matrix.columns / matrix.group;
  std::vector<float> zeros(rows * groups);
  std::vector<float> scales(rows * groups);
  for_each_value(
      matrix, first_row, rows,
      [&](uint64_t r, uint64_t column, uint8_t q) {
        const uint64_t group = r * groups + column / matrix.group;
        out[r * matrix.columns + column] = (static_cast<float>(q) - zeros[group]) * scales[group];
      },
      [&](uint64_t r, uint64_t group, uint8_t zero, uint16_t scale) {
        zeros[r * groups + group] = zero;
        scales[r * groups + group] = fp16_to_float(scale);
      });
}

}  // namespace brim
