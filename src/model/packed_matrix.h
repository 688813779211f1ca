// 4-bit matrices as AutoAWQ and AutoGPTQ store them: eight nibbles to an int32 word. Both hold, for every
// output row and group of inputs, a scale and a zero-point, and mean (q - zero) * scale: Brim's own
// arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "model/tensor_source.h"

namespace brim {

enum class Packing : uint8_t {
  kAwq,    // AutoAWQ "gemm": words along the outputs, nibbles in the order 0 2 4 6 1 3 5 7
  kGptq,   // AutoGPTQ: words along the inputs (zeros: along the outputs), zeros stored minus one, mod 16
  kGptq2,  // "gptq_v2": the same with zeros as they are
};

struct PackedMatrix {
  Packing packing;
  uint64_t rows;                    // outputs, a multiple of 8
  uint64_t columns;                 // inputs, a multiple of 8 and of group
  uint64_t group;                   // inputs that share a scale and a zero-point
  std::span<const uint8_t> words;   // AWQ: int32 [columns][rows / 8]; GPTQ: int32 [columns / 8][rows]
  std::span<const uint8_t> zeros;   // int32 [columns / group][rows / 8]
  std::span<const uint8_t> scales;  // FP16 [columns / group][rows]
};

// Unpacks rows [first_row, first_row + rows). The group must be a multiple of kGroup: each of the image's
// groups gets the scale and zero-point of the file's. The spans of `matrix` and `out` must have the sizes
// that follow.
void unpack_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, const QuantisedRows& out);

// out[rows * columns] = (q - zero) * scale of these rows.
void dequantise_rows(const PackedMatrix& matrix, uint64_t first_row, uint64_t rows, std::span<float> out);

}  // namespace brim
