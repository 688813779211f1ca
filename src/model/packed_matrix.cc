#include "model/packed_matrix.h"

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

}  // namespace

void unpack_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, const QuantisedRows& out) {
  const bool awq = matrix.packing == Packing::kAwq;
  const uint64_t groups = matrix.columns / matrix.group;
  // Where output `row` stands among words that run along the outputs.
  const auto along_outputs = [&](std::span<const uint8_t> words, uint64_t line, uint64_t row) {
    const uint32_t word = word_at(words, line * (matrix.rows / kPerWord) + row / kPerWord);
    return nibble(word, awq ? kAwqNibble[row % kPerWord] : row % kPerWord);
  };
  // Rows innermost: neighbouring rows share words and cache lines.
  for (uint64_t column = 0; column < matrix.columns; ++column) {
    for (uint64_t r = 0; r < rows; ++r) {
      const uint64_t row = first_row + r;
      out.q[r * matrix.columns + column] =
          awq ? along_outputs(matrix.words, column, row)
              : nibble(word_at(matrix.words, column / kPerWord * matrix.rows + row), column % kPerWord);
    }
  }
  const uint8_t zero_offset = matrix.packing == Packing::kGptq ? 1 : 0;
  for (uint64_t group = 0; group < groups; ++group) {
    for (uint64_t r = 0; r < rows; ++r) {
      const uint64_t row = first_row + r;
      out.zeros[r * groups + group] = (along_outputs(matrix.zeros, group, row) + zero_offset) & 15u;
      std::memcpy(&out.scales[r * groups + group],
                  &matrix.scales[(group * matrix.rows + row) * sizeof(uint16_t)], sizeof(uint16_t));
    }
  }
}

void dequantise_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, std::span<float> out) {
  const uint64_t groups = matrix.columns / matrix.group;
  std::vector<uint8_t> q(rows * matrix.columns);
  std::vector<uint8_t> zeros(rows * groups);
  std::vector<uint16_t> scales(rows * groups);
  unpack_rows(matrix, first_row, rows, {q, zeros, scales});
  for (uint64_t i = 0; i < q.size(); ++i) {
    const uint64_t group = i / matrix.group;  // groups do not cross rows
    out[i] = static_cast<float>(q[i] - zeros[group]) * fp16_to_float(scales[group]);
  }
}

}  // namespace brim
