// The arithmetic of the VPU and SPU on vectors, as an interface that each instruction set implements. All
// implementations give the same bits: docs/numerics.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/activations.h"
#include "isa/layout.h"
#include "numerics/kv4.h"

namespace brim {

// A matrix in the weight stream.
struct MatrixView {
  const uint8_t* stream = nullptr;  // start of the run of chunks
  uint64_t first_page = 0;          // in that run
  PageShape shape{4, 32};
  uint32_t rows = 0;
  uint32_t pages_per_block = 0;  // pages run through the columns of a block of shape.rows rows
  uint32_t input_blocks = 0;     // A16 blocks of the input; in two planes they come round twice

  // The block of the input that a column group is multiplied with.
  uint32_t block(uint32_t group) const { return group < input_blocks ? group : group - input_blocks; }
  uint32_t row_blocks() const { return (rows + shape.rows - 1) / shape.rows; }
  const uint8_t* page(uint64_t i) const { return stream + page_offset(first_page + i); }
  const uint8_t* record(uint64_t i) const { return stream + metadata_offset(first_page + i); }
};

// K or V of one head in the cache, which may be a ring: positions count from that at place `start` on. Memory
// is readable (and any bytes will do) up to a multiple of kAttentionBlock positions. kAttentionBlock
// positions from a multiple of that on are never the end and the beginning of a ring.
struct KvView {
  const uint8_t* pages = nullptr;
  const uint8_t* scales = nullptr;
  KvFormat format = {};
  uint32_t ring = UINT32_MAX;  // positions
  uint32_t start = 0;          // less than these

  uint32_t place(uint32_t position) const {
    return position < ring - start ? start + position : position - (ring - start);
  }
  const uint8_t* record(uint32_t position) const { return pages + format.offset(place(position)); }
  // FP16; with KV4, a u16 zero-point behind it.
  const uint8_t* scale(uint32_t position) const {
    return scales + uint64_t{place(position)} * format.scale_bytes;
  }
  // Positions counted from this one of the text on.
  KvView from(uint32_t position) const {
    KvView view = *this;
    view.start = position % ring;
    return view;
  }
};

// What a gate goes through before it is multiplied with its up.
enum class Gate : uint8_t { kSilu, kGelu };

// Callers hold a FlushToZero. `overflow` flags are set, never cleared. Where a length is said to be padded,
// an implementation may write up to the next multiple of it; inputs are never read past their length.
class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual std::string_view name() const = 0;

  // out[t * out_stride + row] = row of the matrix times x's row t, for the rows of blocks
  // [first_block, last_block) and t < x.tokens.
  virtual void matvec(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
                      float* out, uint64_t out_stride) const = 0;

  // scores[i] = q . K_i * factor, for i in [first, last), `first` a multiple of kAttentionBlock, `last`
  // padded to one. q has one A16 block of keys.format.elements() mantissas, in whole kA16Block, zero past the
  // head size.
  virtual void scores(const KvView& keys, const int16_t* q, int32_t exponent, float factor, uint32_t first,
                      uint32_t last, float* scores) const = 0;

  // p[i] = exp(scores[i] - max), in place, padded to kAttentionBlock; returns their sum in the order of
  // sum16.
  virtual float softmax(float* scores, uint32_t positions) const = 0;

  // Attention weights p[i] * scale of V_i as A16 blocks of kAttentionBlock positions; mantissas beyond the
  // last position of a block are zero. Of `values`, scales are read only.
  virtual void attention_weights(const float* p, const KvView& values, uint32_t positions, int16_t* mantissas,
                                 int32_t* exponents, bool* overflow) const = 0;

  // out[j] = sum over positions of weight * V, for j < values.format.elements().
  virtual void values(const KvView& values, const int16_t* mantissas, const int32_t* exponents,
                      uint32_t positions, float* out) const = 0;

  // x[i] = x[i] * factor.
  virtual void scale(float* x, uint32_t n, float factor) const = 0;
  // x[i] += y[i].
  virtual void add(float* x, const float* y, uint32_t n) const = 0;
  // sum16 of x[i]^2.
  virtual float sum_of_squares(const float* x, uint32_t n) const = 0;
  // x[i] = x[i] * w[i] * factor, rounded in this order.
  virtual void scale_by(float* x, const float* w, float factor, uint32_t n) const = 0;
  // Rotates pairs (x[2i], x[2i + 1]) by (cos, sin) = (row[2i], row[2i + 1]).
  virtual void rope(float* x, const float* row, uint32_t n) const = 0;

  // brim::rotate of a head of n elements.
  virtual void rotate(float* x, uint32_t n) const = 0;

  // One A16 block of n <= kMaxHeadSize elements, padded with zeros to whole kA16Block mantissas; returns the
  // exponent.
  virtual int32_t to_a16(const float* x, uint32_t n, int16_t* mantissas, bool* overflow) const = 0;
  // A16 blocks of x[i], resp. of x[i] * w[i]; n elements, the last block padded with zeros.
  virtual void to_a16(const float* x, uint32_t n, A16Digits* out, bool* overflow) const = 0;
  virtual void to_a16(const float* x, const float* w, uint32_t n, A16Digits* out, bool* overflow) const = 0;
  // A16 blocks of gate(gate * r) * (up * r); gate_up holds n pairs (gate, up).
  virtual void swiglu(Gate gate, const float* gate_up, float r, uint32_t n, A16Digits* out,
                      bool* overflow) const = 0;

  // KV8 of n <= kMaxHeadSize elements; returns the bits of the scale.
  virtual uint16_t to_kv8(const float* x, uint32_t n, int8_t* k) const = 0;
  // KV4 of n <= kMaxHeadSize elements, n even: the first n / 2 bytes of a record.
  virtual Kv4Scale to_kv4(const float* x, uint32_t n, uint8_t* record) const = 0;
};

// Plain scalar C++: the meaning of the above.
std::unique_ptr<Kernels> make_reference_kernels();

// Names of the kernels that this processor can run, the fastest first and "reference" last.
std::vector<std::string_view> available_kernels();

// Kernels by one of these names. Throws Error naming the available ones.
std::unique_ptr<Kernels> make_kernels(std::string_view name);

}  // namespace brim
