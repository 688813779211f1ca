// Rounding with second-order compensation: each weight of a row is rounded to make up for the errors of those
// rounded before it, as the inputs' second moments show them to add up in the product. After Frantar et al.,
// "GPTQ" (ICLR 2023), in the form of Chee et al., "QuIP" (NeurIPS 2023), which needs one Cholesky factor and
// no inverse; then passes of coordinate descent, in which every weight is rounded anew beside all the others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/tensor_source.h"

namespace brim {

struct GptqOptions {
  float damping = 0.01f;  // added to the diagonal, as a part of its mean
  uint32_t sweeps = 2;    // of coordinate descent
};

// Rounds all matrices that have one input in common.
class Gptq {
 public:
  // hessian: [columns][columns], the mean of x x^T over tokens, x the input; the part on and below the
  // diagonal is read. Throws Error if it is not finite.
  Gptq(std::span<const float> hessian, uint64_t columns, const GptqOptions& options, uint32_t threads);

  // Rounds `rows` of a matrix, w: [rows][columns], so that for each of them, q being what `out` stands for,
  //   (w - q) H (w - q)^T + 2 (w - q) b^T
  // is small. correction: b of every row, [columns][rows], or empty for 0: the mean of d x^T over tokens,
  // where d is what the product with w should be greater by than w x.
  void quantise(std::span<const float> weights, std::span<const float> correction, uint64_t rows,
                const QuantisedRows& out, uint32_t threads) const;

 private:
  // Columns are rounded from the last to the first in an order of their own: a group stays together, and the
  // columns whose inputs are the largest come last, to be rounded first.
  struct Block {
    uint64_t group;  // of the matrix's columns
    uint64_t first;  // position in the order
    uint64_t size;   // at most kGroup
  };
  struct Tile;

  void choose_order(std::span<const float> hessian);
  void factorise(std::span<const float> hessian, float damping, uint32_t threads);
  void quantise_tile(Tile& tile) const;
  void shift_by_correction(Tile& tile) const;
  void round_block(const Block& block, Tile& tile) const;
  void descend_block(const Block& block, Tile& tile) const;

  uint64_t columns_;
  GptqOptions options_;
  std::vector<uint32_t> order_;  // [position]: column
  std::vector<Block> blocks_;    // by position
  std::vector<float> hessian_;   // [position][position], damped
  std::vector<float> factor_;    // its Cholesky factor
};

}  // namespace brim
