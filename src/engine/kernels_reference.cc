#include <algorithm>
#include <cstring>

#include "engine/kernels.h"
#include "numerics/a16.h"
#include "numerics/exp.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "numerics/gelu.h"
#include "numerics/kv4.h"
#include "numerics/kv8.h"
#include "numerics/rotation.h"
#include "numerics/silu.h"
#include "numerics/sums.h"

namespace brim {

namespace {

float load_fp16(const uint8_t* from) {
  uint16_t bits;
  std::memcpy(&bits, from, sizeof(bits));
  return fp16_to_float(bits);
}

// Element i of K or V of a position, less its zero-point.
int32_t kv_element(const KvView& kv, uint32_t position, uint32_t i) {
  const uint8_t* record = kv.record(position);
  if (kv.format.bits == 8) return static_cast<int8_t>(record[i]);
  return ((record[i / 2] >> (i % 2 * 4)) & 15) - (kv.scale(position)[2] & 15);
}

// The exact integer sum of m_k (q_k - z) over a group.
int32_t group_dot(const uint8_t* packed, const A16Digits& x, int32_t zero) {
  int32_t sum = 0;
  for (uint32_t i = 0; i < kGroupBytes; ++i) {
    sum += x.mantissa(2 * i) * ((packed[i] & 15) - zero);
    sum += x.mantissa(2 * i + 1) * ((packed[i] >> 4) - zero);
  }
  return sum;
}

// Row `row` of a page: contributions of its column groups, added pairwise.
float page_row(const MatrixView& matrix, uint64_t index, uint32_t first_column, uint32_t row,
               const A16Digits* x) {
  const uint8_t* page = matrix.page(index);
  const uint8_t* record = matrix.record(index);
  const PageShape shape = matrix.shape;
  float c[4];
  for (uint32_t column = 0; column < shape.columns; ++column) {
    const uint32_t group = column * shape.rows + row;
    const int32_t zero = (record[group / 2] >> (group % 2 * 4)) & 15;
    const float scale = load_fp16(record + kMetadataZeroBytes + 2 * group);
    const A16Digits& block = x[matrix.block(first_column + column)];
    const int32_t dot = group_dot(page + group * kGroupBytes, block, zero);
    c[column] = fmul(fl(dot), fmul(scale, power_of_two(block.exponent)));
  }
  switch (shape.columns) {
    case 4:
      return fadd(fadd(c[0], c[1]), fadd(c[2], c[3]));
    case 2:
      return fadd(c[0], c[1]);
    default:
      return c[0];
  }
}

class ReferenceKernels : public Kernels {
 public:
  std::string_view name() const override { return "reference"; }

  void matvec(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
              float* out, uint64_t out_stride) const override {
    const auto [columns, rows] = matrix.shape;
    for (uint32_t block = first_block; block < last_block; ++block) {
      const uint32_t rows_here = std::min(rows, matrix.rows - block * rows);
      for (uint32_t t = 0; t < x.tokens; ++t) {
        for (uint32_t row = 0; row < rows_here; ++row) {
          float sum = 0;
          for (uint32_t p = 0; p < matrix.pages_per_block; ++p) {
            const uint64_t page = uint64_t{block} * matrix.pages_per_block + p;
            sum = fadd(sum, page_row(matrix, page, p * columns, row, x.row(t)));
          }
          out[t * out_stride + block * rows + row] = sum;
        }
      }
    }
  }

  void scores(const KvView& keys, const int16_t* q, int32_t exponent, float factor, uint32_t first,
              uint32_t last, float* scores) const override {
    for (uint32_t i = first; i < last; ++i) {
      int32_t dot = 0;
      for (uint32_t j = 0; j < keys.format.elements(); ++j) dot += q[j] * kv_element(keys, i, j);
      const float scale = fmul(load_fp16(keys.scale(i)), power_of_two(exponent));
      scores[i] = fmul(fl(dot), fmul(scale, factor));
    }
  }

  float softmax(float* scores, uint32_t positions) const override {
    float max = scores[0];
    for (uint32_t i = 1; i < positions; ++i) max = fmax(scores[i], max);
    for (uint32_t i = 0; i < positions; ++i) scores[i] = exp_fp32(fsub(scores[i], max));
    return sum16({scores, positions});
  }

  void attention_weights(const float* p, const KvView& values, uint32_t positions, int16_t* mantissas,
                         int32_t* exponents, bool* overflow) const override {
    for (uint32_t first = 0; first < positions; first += kAttentionBlock) {
      float weights[kAttentionBlock] = {};
      const uint32_t n = std::min(kAttentionBlock, positions - first);
      for (uint32_t i = 0; i < n; ++i) {
        weights[i] = fmul(p[first + i], load_fp16(values.scale(first + i)));
      }
      exponents[first / kAttentionBlock] =
          brim::to_a16(weights, kAttentionBlock, mantissas + first, overflow);
    }
  }

  void values(const KvView& values, const int16_t* mantissas, const int32_t* exponents, uint32_t positions,
              float* out) const override {
    std::fill(out, out + values.format.elements(), 0.0f);
    for (uint32_t first = 0; first < positions; first += kAttentionBlock) {
      const float scale = power_of_two(exponents[first / kAttentionBlock]);
      const uint32_t last = std::min(first + kAttentionBlock, positions);
      for (uint32_t j = 0; j < values.format.elements(); ++j) {
        int32_t dot = 0;
        for (uint32_t i = first; i < last; ++i) dot += mantissas[i] * kv_element(values, i, j);
        out[j] = fadd(out[j], fmul(fl(dot), scale));
      }
    }
  }

  void scale(float* x, uint32_t n, float factor) const override {
    for (uint32_t i = 0; i < n; ++i) x[i] = fmul(x[i], factor);
  }

  void add(float* x, const float* y, uint32_t n) const override {
    for (uint32_t i = 0; i < n; ++i) x[i] = fadd(x[i], y[i]);
  }

  float sum_of_squares(const float* x, uint32_t n) const override {
    Sum16 sum;
    for (uint32_t i = 0; i < n; ++i) sum.add(i, fmul(x[i], x[i]));
    return sum.total();
  }

  void scale_by(float* x, const float* w, float factor, uint32_t n) const override {
    for (uint32_t i = 0; i < n; ++i) x[i] = fmul(fmul(x[i], w[i]), factor);
  }

  void rope(float* x, const float* row, uint32_t n) const override {
    for (uint32_t i = 0; i < n; i += 2) {
      const float a = x[i], b = x[i + 1];
      const float cosine = row[i], sine = row[i + 1];
      x[i] = fsub(fmul(a, cosine), fmul(b, sine));
      x[i + 1] = fadd(fmul(a, sine), fmul(b, cosine));
    }
  }

  void rotate(float* x, uint32_t n) const override { brim::rotate(x, n); }

  int32_t to_a16(const float* x, uint32_t n, int16_t* mantissas, bool* overflow) const override {
    std::fill(mantissas + n, mantissas + whole_a16_blocks(n), int16_t{0});
    return brim::to_a16(x, static_cast<int32_t>(n), mantissas, overflow);
  }

  void to_a16(const float* x, uint32_t n, A16Digits* out, bool* overflow) const override {
    convert([&](uint32_t i) { return x[i]; }, n, out, overflow);
  }

  void to_a16(const float* x, const float* w, uint32_t n, A16Digits* out, bool* overflow) const override {
    convert([&](uint32_t i) { return fmul(x[i], w[i]); }, n, out, overflow);
  }

  void swiglu(Gate gate, const float* gate_up, float r, uint32_t n, A16Digits* out,
              bool* overflow) const override {
    const auto element = [&](uint32_t i) {
      const float x = fmul(gate_up[2 * i], r);
      return fmul(gate == Gate::kGelu ? gelu(x) : silu(x), fmul(gate_up[2 * i + 1], r));
    };
    convert(element, n, out, overflow);
  }

  uint16_t to_kv8(const float* x, uint32_t n, int8_t* k) const override {
    return quantise_kv8(x, static_cast<int32_t>(n), k);
  }

  Kv4Scale to_kv4(const float* x, uint32_t n, uint8_t* record) const override {
    uint8_t k[kMaxHeadSize] = {};
    const Kv4Scale scale = quantise_kv4(x, static_cast<int32_t>(n), k);
    for (uint32_t i = 0; i < n / 2; ++i) record[i] = static_cast<uint8_t>(k[2 * i] | k[2 * i + 1] << 4);
    return scale;
  }

 private:
  // A16 blocks of element(0) ... element(n - 1).
  template <typename Element>
  static void convert(const Element& element, uint32_t n, A16Digits* out, bool* overflow) {
    for (uint32_t first = 0; first < n; first += kA16Block) {
      float block[kA16Block] = {};
      for (uint32_t i = first; i < std::min(first + kA16Block, n); ++i) block[i - first] = element(i);
      int16_t mantissas[kA16Block];
      const int32_t exponent = brim::to_a16(block, kA16Block, mantissas, overflow);
      out[first / kA16Block].assign(mantissas, exponent);
    }
  }
};

}  // namespace

std::unique_ptr<Kernels> make_reference_kernels() { return std::make_unique<ReferenceKernels>(); }

}  // namespace brim
