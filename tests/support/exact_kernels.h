// Kernels that multiply with a checkpoint's own FP32 weights. For tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "compile/matrix.h"
#include "engine/kernels.h"
#include "model/tensor_source.h"
#include "numerics/fp16.h"

namespace brim::test {

// The reference kernels with the two coarse roundings of an image bypassed:
//  - matvec takes the row of the checkpoint that stands at the page's place in the stream instead of the
//    page's 4-bit weights;
//  - attention takes K and V as they were before KV8 or KV4, from a shadow of the cache: what rounds notes
//    what was rounded by the address of the record, where scores and values look for it.
// All else, A16 included, is as in the image. For executors of one thread on images with one run of weights.
class ExactKernels final : public Kernels {
 public:
  explicit ExactKernels(const TensorSource& source) : reference_(make_reference_kernels()) {
    uint64_t page = 0;
    for (const Matrix& matrix : matrices(source.description())) {
      const uint64_t width = uint64_t{matrix.groups()} * kGroup;
      std::vector<float>& rows = matrices_[page];
      rows.resize(matrix.rows * width);
      for (uint32_t row = 0; row < matrix.rows; ++row) {
        const RowSource from = row_source(source.description(), matrix, row);
        source.read_rows(from.tensor, from.row, 1, std::span(rows).subspan(row * width, matrix.inputs));
      }
      page += matrix.pages();
    }
  }

  std::string_view name() const override { return "exact"; }

  void matvec(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
              float* out, uint64_t out_stride) const override {
    const std::vector<float>& rows = matrices_.at(matrix.first_page);
    const uint32_t last = std::min(matrix.rows, last_block * matrix.shape.rows);
    for (uint32_t t = 0; t < x.tokens; ++t) {
      for (uint32_t row = first_block * matrix.shape.rows; row < last; ++row) {
        double sum = 0;
        for (uint32_t g = 0; g < x.blocks; ++g) {
          const A16Digits& block = x.row(t)[g];
          const float* w = &rows[(uint64_t{row} * x.blocks + g) * kGroup];
          double dot = 0;
          for (uint32_t i = 0; i < kGroup; ++i) dot += double{w[i]} * block.mantissa(i);
          sum += std::ldexp(dot, block.exponent);
        }
        out[t * out_stride + row] = static_cast<float>(sum);
      }
    }
  }

  uint16_t to_kv8(const float* x, uint32_t n, int8_t* k) const override {
    const uint16_t scale = reference_->to_kv8(x, n, k);
    shadow_[reinterpret_cast<uint8_t*>(k)] = {{x, x + n}, fp16_to_float(scale)};
    return scale;
  }

  void scores(const KvView& keys, const int16_t* q, int32_t exponent, float factor, uint32_t first,
              uint32_t last, float* scores) const override {
    for (uint32_t t = first; t < last; ++t) {
      const Record& k = shadow_.at(keys.record(t));
      uint16_t scale;
      std::memcpy(&scale, keys.scale(t), sizeof(scale));
      double dot = 0;
      for (size_t i = 0; i < k.elements.size(); ++i) dot += double{k.elements[i]} * q[i];
      // A norm over all heads is in the scale, behind the rounding.
      const double norm = k.scale == 0 ? 0 : double{fp16_to_float(scale)} / k.scale;
      scores[t] = static_cast<float>(std::ldexp(dot, exponent) * norm * factor);
    }
  }

  Kv4Scale to_kv4(const float* x, uint32_t n, uint8_t* record) const override {
    const Kv4Scale scale = reference_->to_kv4(x, n, record);
    shadow_[record] = {{x, x + n}, fp16_to_float(scale.scale)};
    return scale;
  }

  // V's scale belongs to its quantisation: the probabilities themselves are kept for `values`.
  void attention_weights(const float* p, const KvView&, uint32_t positions, int16_t* mantissas, int32_t*,
                         bool*) const override {
    probabilities_[mantissas].assign(p, p + positions);
  }

  void values(const KvView& values, const int16_t* mantissas, const int32_t*, uint32_t positions,
              float* out) const override {
    const std::vector<float>& p = probabilities_.at(mantissas);
    std::vector<double> sums(values.format.elements());
    for (uint32_t t = 0; t < positions; ++t) {
      const std::vector<float>& v = shadow_.at(values.record(t)).elements;
      for (size_t i = 0; i < v.size(); ++i) sums[i] += double{p[t]} * v[i];
    }
    std::copy(sums.begin(), sums.end(), out);
  }

  float softmax(float* scores, uint32_t positions) const override {
    return reference_->softmax(scores, positions);
  }
  void scale(float* x, uint32_t n, float factor) const override { reference_->scale(x, n, factor); }
  void add(float* x, const float* y, uint32_t n) const override { reference_->add(x, y, n); }
  float sum_of_squares(const float* x, uint32_t n) const override { return reference_->sum_of_squares(x, n); }
  void scale_by(float* x, const float* w, float factor, uint32_t n) const override {
    reference_->scale_by(x, w, factor, n);
  }
  void rope(float* x, const float* row, uint32_t n) const override { reference_->rope(x, row, n); }
  void rotate(float* x, uint32_t n) const override { reference_->rotate(x, n); }
  int32_t to_a16(const float* x, uint32_t n, int16_t* mantissas, bool* overflow) const override {
    return reference_->to_a16(x, n, mantissas, overflow);
  }
  void to_a16(const float* x, uint32_t n, A16Digits* out, bool* overflow) const override {
    reference_->to_a16(x, n, out, overflow);
  }
  void to_a16(const float* x, const float* w, uint32_t n, A16Digits* out, bool* overflow) const override {
    reference_->to_a16(x, w, n, out, overflow);
  }
  void swiglu(Gate gate, const float* gate_up, float r, uint32_t n, A16Digits* out,
              bool* overflow) const override {
    reference_->swiglu(gate, gate_up, r, n, out, overflow);
  }

 private:
  std::unique_ptr<Kernels> reference_;
  std::map<uint64_t, std::vector<float>> matrices_;  // [rows][groups * 128], by first page in the stream

  struct Record {
    std::vector<float> elements;  // [head_size], before they were rounded
    float scale = 0;              // that they were rounded with
  };

  // Kernels have no state by their interface; the shadow of the cache is the exception.
  mutable std::map<const uint8_t*, Record> shadow_;                     // by the record in the cache
  mutable std::map<const int16_t*, std::vector<float>> probabilities_;  // by the mantissas they stand for
};

}  // namespace brim::test
