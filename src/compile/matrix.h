// The matrices of a model in the order in which a pass streams them, and how their rows map onto the
// checkpoint's tensors. Packing, programs and tests all take their geometry from here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "isa/layout.h"
#include "isa/program.h"
#include "model/description.h"
#include "model/tensor_source.h"

namespace brim {

static_assert(kGroup == kGroupInputs);

enum class MatrixKind : uint8_t {
  kQkv,     // per KV head: its K rows, its V rows, the Q rows of the query heads that share it
  kOut,     // attention output projection
  kGateUp,  // rows of gate and up in turn: gate 0, up 0, gate 1, ...
  kDown,
  kRouter,
  kExpertGateUp,
  kExpertDown,
  kLmHead,
};

struct Matrix {
  MatrixKind kind;
  uint32_t layer;
  uint32_t rows;    // outputs
  uint32_t inputs;  // inputs before padding to whole groups
  bool eight_bit = false;
  uint32_t expert = 0;  // of kExpertGateUp and kExpertDown

  uint32_t planes() const { return eight_bit ? 2 : 1; }
  uint32_t input_groups() const { return (inputs + kGroup - 1) / kGroup; }
  uint32_t groups() const { return planes() * input_groups(); }  // columns of groups in the image
  PageShape shape() const { return page_shape(groups()); }
  uint32_t row_blocks() const { return (rows + shape().rows - 1) / shape().rows; }
  uint32_t pages_per_block() const { return groups() / shape().columns; }
  uint64_t pages() const { return uint64_t{row_blocks()} * pages_per_block(); }
};

// One layer after the other: Qkv, Out, GateUp, Down, or with experts Qkv, Out, Router, GateUp and Down of
// each expert, then of the shared one if there is one; then the LmHead.
std::vector<Matrix> matrices(const ModelDescription& model);

constexpr bool is_of_expert(MatrixKind kind) {
  return kind == MatrixKind::kExpertGateUp || kind == MatrixKind::kExpertDown;
}

// The runs of chunks that matrices in stream order stand in: each expert's are one, and so are those between
// experts.
std::vector<std::span<const Matrix>> runs_of(std::span<const Matrix> matrices);

// Bytes of a run of these matrices.
uint64_t run_bytes(std::span<const Matrix> run);

// The roles of a list "lm_head,down" of names that people have for matrices. Throws Error naming the known
// ones.
RoleSet roles_of_matrices(std::string_view list);

// Where row `row` (< matrix.rows) of a matrix comes from.
struct RowSource {
  TensorId tensor;
  uint64_t row;
};
RowSource row_source(const ModelDescription& model, const Matrix& matrix, uint32_t row);

// What a program says of the bits of its matrices, by the names that roles_of_matrices() takes, in stream
// order.
struct MatrixBits {
  std::string_view name;
  uint32_t bits;
  bool operator==(const MatrixBits&) const = default;
};
std::vector<MatrixBits> bits_of_matrices(const Program& program);

// Element of a checkpoint's head (Q, K, their biases and norms) that becomes element i of Brim's, whose
// RoPE pairs are adjacent.
uint32_t rope_source(const ModelDescription& model, uint32_t i);

}  // namespace brim
