// Kernels that multiply with a checkpoint's own FP32 weights. For tests.
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "engine/kernels.h"
#include "isa/matrix.h"
#include "model/tensor_source.h"

namespace brim::test {

// The reference kernels with the two coarse roundings of an image bypassed:
//  - matvec takes the row of the checkpoint that stands at the page's place in the stream instead of the
//    page's 4-bit weights;
//  - attention takes K and V as they were before KV8, from a shadow of the cache. The interpreter writes the
//    cache itself, so the shadow is filled where K and V pass through the kernels: K is what `rope` leaves in
//    the results of a Qkv matrix, V what `scale` leaves there.
// All else, A16 included, is as in the image. For passes of one token, without biases or head norms, and an
// image with one run of weights.
class ExactKernels final : public Kernels {
 public:
  explicit ExactKernels(const TensorSource& source)
      : reference_(make_reference_kernels()), model_(source.description()) {
    uint64_t page = 0;
    for (const Matrix& matrix : matrices(source.description())) {
      matrices_[page].matrix = matrix;
      std::vector<float>& rows = matrices_[page].rows;
      rows.resize(uint64_t{matrix.rows} * matrix.groups() * kGroup);
      for (uint32_t row = 0; row < matrix.rows; ++row) {
        const RowSource from = row_source(source.description(), matrix, row);
        source.read_rows(from.tensor, from.row, 1,
                         std::span(rows).subspan(uint64_t{row} * matrix.groups() * kGroup, matrix.inputs));
      }
      page += matrix.pages();
    }
  }

  std::string name() const override { return "exact weights"; }

  void matvec(const MatrixView& matrix, const Activations& x, uint32_t tokens, uint32_t first_block,
              uint32_t last_block, float* out, uint64_t out_stride) const override {
    const auto& [shape, rows] = matrices_.at(matrix.first_page);
    if (shape.kind == MatrixKind::kQkv) {
      projections_ = out;
      layer_ = shape.layer;
    }
    const uint32_t last = std::min(matrix.rows, last_block * matrix.shape.rows);
    for (uint32_t t = 0; t < tokens; ++t) {
      for (uint32_t row = first_block * matrix.shape.rows; row < last; ++row) {
        const float* w = &rows[uint64_t{row} * x.blocks() * kGroup];
        double sum = 0;
        for (uint32_t g = 0; g < x.blocks(); ++g) {
          double block = 0;
          for (uint32_t i = 0; i < kGroup; ++i) block += double{w[g * kGroup + i]} * x.mantissas(t, g)[i];
          sum += std::ldexp(block, x.exponent(t, g));
        }
        out[t * out_stride + row] = static_cast<float>(sum);
      }
    }
  }

  void scores(const KvView& keys, const int16_t* q, int32_t exponent, float inverse_sqrt_head_size,
              uint32_t first, uint32_t last, float* scores) const override {
    const std::vector<float>& k = shadow(keys, 0);
    const uint32_t d = model_.head_size;
    for (uint32_t t = first; t < last; ++t) {
      double dot = 0;
      for (uint32_t i = 0; i < d; ++i) dot += double{k[t * d + i]} * q[i];
      scores[t] = static_cast<float>(std::ldexp(dot, exponent) * inverse_sqrt_head_size);
    }
  }

  float softmax(float* scores, uint32_t positions) const override {
    return reference_->softmax(scores, positions);
  }

  // V's scale belongs to KV8: the probabilities are kept for `values`.
  void attention_weights(const float* p, const KvView&, uint32_t positions, int16_t* mantissas, int32_t*,
                         bool*) const override {
    probabilities_[mantissas].assign(p, p + positions);
  }

  void values(const KvView& values, const int16_t* mantissas, const int32_t*, uint32_t positions,
              float* out) const override {
    const std::vector<float>& v = shadow(values, 1);
    const std::vector<float>& p = probabilities_.at(mantissas);
    const uint32_t d = model_.head_size;
    for (uint32_t i = 0; i < d; ++i) {
      double sum = 0;
      for (uint32_t t = 0; t < positions; ++t) sum += double{p[t]} * v[t * d + i];
      out[i] = static_cast<float>(sum);
    }
  }

  void scale(float* x, uint32_t n, float factor) const override {
    reference_->scale(x, n, factor);
    remember(x, 1);
  }
  void rope(float* x, const float* row, uint32_t n) const override {
    reference_->rope(x, row, n);
    remember(x, 0);
  }

  void add(float* x, const float* y, uint32_t n) const override { reference_->add(x, y, n); }
  float sum_of_squares(const float* x, uint32_t n) const override { return reference_->sum_of_squares(x, n); }
  void scale_by(float* x, const float* w, float factor, uint32_t n) const override {
    reference_->scale_by(x, w, factor, n);
  }
  void to_a16(const float* x, uint32_t n, int16_t* mantissas, int32_t* exponents,
              bool* overflow) const override {
    reference_->to_a16(x, n, mantissas, exponents, overflow);
  }
  void to_a16(const float* x, const float* w, uint32_t n, int16_t* mantissas, int32_t* exponents,
              bool* overflow) const override {
    reference_->to_a16(x, w, n, mantissas, exponents, overflow);
  }
  void swiglu(const float* gate_up, float r, uint32_t n, int16_t* mantissas, int32_t* exponents,
              bool* overflow) const override {
    reference_->swiglu(gate_up, r, n, mantissas, exponents, overflow);
  }

 private:
  struct ExactMatrix {
    Matrix matrix;
    std::vector<float> rows;  // [rows][groups * 128]
  };
  struct ShadowHead {
    std::vector<float> vectors[2];  // K, V: [position][head_size]
  };

  // x is a head's vector in the results of a Qkv matrix: K comes first in each KV head's group, V second.
  void remember(const float* x, uint32_t slot) const {
    const uint32_t d = model_.head_size;
    const uint32_t heads_in_group = 2 + model_.heads_per_kv();
    const auto row = x - projections_;
    if (projections_ == nullptr || row < 0 || row >= ptrdiff_t{model_.kv_heads} * heads_in_group * d) return;
    const auto head = static_cast<uint32_t>(row) / d;
    if (head % heads_in_group != slot) return;
    auto& vectors = heads_[layer_ * model_.kv_heads + head / heads_in_group].vectors[slot];
    vectors.insert(vectors.end(), x, x + d);
    // The last V of the layer: from here on the results buffer holds other things.
    if (slot == 1 && head / heads_in_group + 1 == model_.kv_heads) projections_ = nullptr;
  }

  // Heads are told apart by the address of their pages; at position 0 they are met in ascending order.
  const std::vector<float>& shadow(const KvView& view, uint32_t slot) const {
    const auto next = static_cast<uint32_t>(pages_[slot].size());
    return heads_.at(pages_[slot].try_emplace(view.pages, next).first->second).vectors[slot];
  }

  std::unique_ptr<Kernels> reference_;
  ModelDescription model_;
  std::map<uint64_t, ExactMatrix> matrices_;  // by first page in the stream

  // State of the sequence. Kernels are stateless by their interface; these are the exception.
  mutable const float* projections_ = nullptr;  // results of the last Qkv matrix
  mutable uint32_t layer_ = 0;
  mutable std::map<uint32_t, ShadowHead> heads_;  // by layer * kv_heads + kv head
  mutable std::map<const uint8_t*, uint32_t> pages_[2];
  mutable std::map<const int16_t*, std::vector<float>> probabilities_;
};

}  // namespace brim::test
