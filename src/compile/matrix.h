// The matrices of a model in the order in which a pass streams them, and how their rows map onto the
// checkpoint's tensors. Packing, programs and tests all take their geometry from here.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/layout.h"
#include "model/description.h"
#include "model/tensor_source.h"

namespace brim {

static_assert(kGroup == kGroupInputs);

enum class MatrixKind : uint8_t {
  kQkv,     // per KV head: its K rows, its V rows, the Q rows of the query heads that share it
  kOut,     // attention output projection
  kGateUp,  // rows of gate and up in turn: gate 0, up 0, gate 1, ...
  kDown,
  kLmHead,
};

struct Matrix {
  MatrixKind kind;
  uint32_t layer;
  uint32_t rows;    // outputs
  uint32_t inputs;  // inputs before padding to whole groups

  uint32_t groups() const { return (inputs + kGroup - 1) / kGroup; }
  PageShape shape() const { return page_shape(groups()); }
  uint32_t row_blocks() const { return (rows + shape().rows - 1) / shape().rows; }
  uint32_t pages_per_block() const { return groups() / shape().columns; }
  uint64_t pages() const { return uint64_t{row_blocks()} * pages_per_block(); }
};

// One layer after the other: Qkv, Out, GateUp, Down; then the LmHead.
std::vector<Matrix> matrices(const ModelDescription& model);

// Where row `row` (< matrix.rows) of a matrix comes from.
struct RowSource {
  TensorId tensor;
  uint64_t row;
};
RowSource row_source(const ModelDescription& model, const Matrix& matrix, uint32_t row);

// Element of a checkpoint's head (Q, K, their biases and norms) that becomes element i of Brim's, whose
// RoPE pairs are adjacent.
uint32_t rope_source(const ModelDescription& model, uint32_t i);

}  // namespace brim
