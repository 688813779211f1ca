// The steps of a decoder's layer in plain FP32 for many tokens at once, so that weights are read once for a
// whole text. What they compute is that of Fp32Forward (model/fp32_forward.h), step by step.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "model/tensor_source.h"

namespace brim {

// Activations of a text: [tokens][width], its windows one after the other.
using Activations = std::vector<float>;

class BatchForward {
 public:
  // windows: tokens of each, every one of them starting at position 0. `source` must outlive this.
  BatchForward(const TensorSource& source, std::vector<uint32_t> windows, uint32_t threads);

  uint64_t tokens() const { return tokens_; }

  // Rows of the embedding.
  Activations embed(std::span<const uint32_t> ids) const;

  // x / rms(x) * w, w being the source's norm `id`; x where the model has no such norm.
  Activations norm(const Activations& x, TensorId id) const;

  // Columns [first, first + rows) of every token's `out`, `width` wide, become W x; W: [rows][columns].
  void multiply(std::span<const float> w, uint64_t columns, const Activations& x, uint64_t first,
                uint64_t width, Activations& out) const;

  // Adds the bias `id` to every token, where the model has it.
  void add_bias(TensorId id, Activations& x) const;

  // For each query head, softmax(q K^T / sqrt(head_size)) V, after the norms of heads and RoPE. Changes q and
  // k.
  Activations attend(uint32_t layer, Activations& q, Activations& k, const Activations& v) const;

  // silu(gate) * up, or gelu(gate) * up, in place of the gate.
  void gate(Activations& gate, const Activations& up) const;

  void add(const Activations& branch, Activations& x) const;

 private:
  std::vector<float> vector_of(TensorId id) const;
  // Of a table of angles, [position][head_size / 2].
  struct Angles {
    std::vector<float> cosines, sines;
  };
  const Angles& angles(uint32_t layer) const {
    return angles_[static_cast<size_t>(model_.rope_table(layer))];
  }
  void rotate(std::span<float> head, const Angles& angles, uint64_t position) const;

  const TensorSource& source_;
  const ModelDescription& model_;
  std::vector<uint32_t> windows_;
  uint64_t tokens_ = 0;
  uint32_t threads_;
  std::array<Angles, 3> angles_;  // by RopeTable; those that the model has
};

}  // namespace brim
