// Dot products of matrices and of attention scores, on vectors of any instruction set. To be included like
// simd_spu.h, which it brings along.

#include "engine/simd_spu.h"

// Vectors that multiply weights and keys besides. The int32 lanes of a dot product add up to it, each below
// 2^31.
template <typename S>
concept DotSimd = SpuSimd<S> && kBeatBytes % S::kLanes == 0 &&
                  requires(typename S::I i, typename S::Weights weights, const uint8_t* bytes,
                           const A16Digits& x, const int8_t* k, const int16_t* q, const KvView& kv,
                           uint32_t n, typename S::I (&dots)[kBeatBytes / S::kLanes]) {
  { S::mul_int(i, i) } -> std::same_as<typename S::I>;
  { S::load_zeros(bytes) } -> std::same_as<typename S::I>;  // from kLanes / 2 bytes
  { S::load_words(bytes) } -> std::same_as<typename S::I>;  // of 32 bits
  // Even and odd nibbles of so many bytes, the others of 128 zero: a group, and half of one.
  { S::template unpack<64>(bytes) } -> std::same_as<typename S::Weights>;
  { S::template unpack<32>(bytes) } -> std::same_as<typename S::Weights>;
  { S::dot(weights, x) } -> std::same_as<typename S::I>;  // m_k times q_k
  { S::template dot<64>(k, q) } -> std::same_as<typename S::I>;
  { S::template dot<128>(k, q) } -> std::same_as<typename S::I>;
  // A level of the tree in which kLanes vectors become one, whose lane i is the sum over vector i: 2, 4, ...
  // kLanes vectors are below the node.
  { S::template add_pair<2>(i, i) } -> std::same_as<typename S::I>;
  { S::template add_pair<S::kLanes>(i, i) } -> std::same_as<typename S::I>;
  // dot_values(values, offset, mantissas, first, last, dots): for the 64 elements of each V record from byte
  // `offset` on, the sum of mantissa times element over positions [first, last) of one attention block.
  S::dot_values(kv, n, q, n, n, dots);
  // dot_nibbles<record bytes>(values, mantissas, first, last, even, odd): likewise for the even and the odd
  // nibbles of KV4 records, zero-points left in; vectors beyond the record's bytes are 0.
  S::template dot_nibbles<64>(kv, q, n, n, dots, dots);
  S::template dot_nibbles<32>(kv, q, n, n, dots, dots);
};

template <DotSimd Simd>
class SimdDot : public SimdSpu<Simd> {
  using F = typename Simd::F;
  using I = typename Simd::I;
  using Weights = typename Simd::Weights;
  static constexpr uint32_t kLanes = Simd::kLanes;

 public:
  void matvec(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
              float* out, uint64_t out_stride) const override {
    switch (matrix.shape.columns) {
      case 4:
        return matvec_shape<4>(matrix, x, first_block, last_block, out, out_stride);
      case 2:
        return matvec_shape<2>(matrix, x, first_block, last_block, out, out_stride);
      default:
        return matvec_shape<1>(matrix, x, first_block, last_block, out, out_stride);
    }
  }

  void scores(const KvView& keys, const int16_t* q, int32_t exponent, float factor, uint32_t first,
              uint32_t last, float* scores) const override {
    switch (keys.format.elements()) {
      case 64:
        return keys.format.bits == 4 ? scores_nibbles<32>(keys, q, exponent, factor, first, last, scores)
                                     : scores_record<64>(keys, q, exponent, factor, first, last, scores);
      case 128:
        return keys.format.bits == 4 ? scores_nibbles<64>(keys, q, exponent, factor, first, last, scores)
                                     : scores_record<128>(keys, q, exponent, factor, first, last, scores);
      default:
        return keys.format.bits == 4 ? scores_nibbles<128>(keys, q, exponent, factor, first, last, scores)
                                     : scores_record<256>(keys, q, exponent, factor, first, last, scores);
    }
  }

  void values(const KvView& values, const int16_t* mantissas, const int32_t* exponents, uint32_t positions,
              float* out) const override {
    if (values.format.bits == 4) {
      if (values.format.record_bytes == 32)
        return values_nibbles<32>(values, mantissas, exponents, positions, out);
      for (uint32_t offset = 0; offset < values.format.record_bytes; offset += kBeatBytes) {
        KvView beat = values;  // of each record
        beat.pages += offset;
        values_nibbles<kBeatBytes>(beat, mantissas, exponents, positions, out + 2 * offset);
      }
      return;
    }
    for (uint32_t offset = 0; offset < values.format.record_bytes; offset += kBeatBytes) {
      values_beat(values, offset, mantissas, exponents, positions, out + offset);
    }
  }

 protected:
  // t of the contract: the contributions of a page's columns to a row.
  template <uint32_t columns>
  static F page_sum(const F (&c)[columns]) {
    if constexpr (columns == 4) {
      return Simd::add(Simd::add(c[0], c[1]), Simd::add(c[2], c[3]));
    } else if constexpr (columns == 2) {
      return Simd::add(c[0], c[1]);
    } else {
      return c[0];
    }
  }

  // How far ahead of the weights every line is prefetched, and, further ahead, the first line of every page
  // of the system's: translating its address takes time, and the processor's own prefetching stops at its
  // end. The distances are measured: docs/performance.md.
  static constexpr uint32_t kPrefetchBytes = 8192;
  static constexpr uint32_t kStartBytes = 16384;
  static constexpr uint32_t kSystemPage = 4096;

  // One token: bound by memory. A page is read from start to end.
  template <uint32_t columns>
  static void matvec_one(const MatrixView& matrix, const A16Digits* x, uint32_t first_block,
                         uint32_t last_block, float* out) {
    constexpr uint32_t kRows = kGroupsPerPage / columns;
    constexpr uint32_t kVectors = kRows / kLanes;
    uint64_t page_index = uint64_t{first_block} * matrix.pages_per_block;
    for (uint32_t block = first_block; block < last_block; ++block) {
      F sum[kVectors];
      for (F& s : sum) s = Simd::set(0.0f);
      for (uint32_t p = 0; p < matrix.pages_per_block; ++p, ++page_index) {
        const uint8_t* page = matrix.page(page_index);
        const uint8_t* record = matrix.record(page_index);
        __builtin_prefetch(page + kStartBytes);
        __builtin_prefetch(page + kStartBytes + kSystemPage);
        F c[kVectors][columns];
        for (uint32_t column = 0; column < columns; ++column) {
          for (uint32_t v = 0; v < kVectors; ++v) {
            const uint32_t group = column * kRows + v * kLanes;
            const auto weights = [&](uint32_t row) {
              const uint8_t* at = page + (group + row) * kGroupBytes;
              __builtin_prefetch(at + kPrefetchBytes);
              return Simd::template unpack<kGroupBytes>(at);
            };
            c[v][column] = contributions(weights, record, group, x[matrix.block(p * columns + column)]);
          }
        }
        for (uint32_t v = 0; v < kVectors; ++v) sum[v] = Simd::add(sum[v], page_sum<columns>(c[v]));
      }
      float rows[kRows];
      for (uint32_t v = 0; v < kVectors; ++v) Simd::store(rows + v * kLanes, sum[v]);
      std::copy_n(rows, std::min(kRows, matrix.rows - block * kRows), out + block * kRows);
    }
  }

 private:
  // Lane i is the sum over leaf(i), for i < kLanes.
  template <uint32_t vectors, typename Leaf>
  static I add_across(const Leaf& leaf, uint32_t first = 0) {
    if constexpr (vectors == 1) {
      return leaf(first);
    } else {
      const I low = add_across<vectors / 2>(leaf, first);
      return Simd::template add_pair<vectors>(low, add_across<vectors / 2>(leaf, first + vectors / 2));
    }
  }

  template <uint32_t columns>
  static void matvec_shape(const MatrixView& matrix, const A16View& x, uint32_t first_block,
                           uint32_t last_block, float* out, uint64_t out_stride) {
    if (x.tokens == 1) {
      matvec_one<columns>(matrix, x.row(0), first_block, last_block, out);
    } else {
      matvec_many<columns>(matrix, x, first_block, last_block, out, out_stride);
    }
  }

  // c of kLanes rows of a column, whose first group is `group` of the page: dot product, less zero-point
  // times sum of mantissas, times scale. weights(i) are those of row i.
  template <typename RowWeights>
  static F contributions(const RowWeights& weights, const uint8_t* record, uint32_t group,
                         const A16Digits& x) {
    const I dots = add_across<kLanes>([&](uint32_t row) { return Simd::dot(weights(row), x); });
    const I zeros = Simd::mul_int(Simd::load_zeros(record + group / 2), Simd::set_int(x.sum));
    const F scale = Simd::mul(Simd::load_fp16(record + kMetadataZeroBytes + 2 * group),
                              Simd::set(power_of_two(x.exponent)));
    return Simd::mul(Simd::to_float(Simd::sub_int(dots, zeros)), scale);
  }

  // Several tokens: weights are unpacked once for all of them.
  template <uint32_t columns>
  static void matvec_many(const MatrixView& matrix, const A16View& x, uint32_t first_block,
                          uint32_t last_block, float* out, uint64_t out_stride) {
    constexpr uint32_t kRows = kGroupsPerPage / columns;
    std::vector<float> sums(uint64_t{x.tokens} * kRows);  // [tokens][kRows]
    Weights unpacked[columns][kLanes];
    for (uint32_t block = first_block; block < last_block; ++block) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (uint32_t p = 0; p < matrix.pages_per_block; ++p) {
        const uint64_t page_index = uint64_t{block} * matrix.pages_per_block + p;
        const uint8_t* page = matrix.page(page_index);
        const uint8_t* record = matrix.record(page_index);
        for (uint32_t first_row = 0; first_row < kRows; first_row += kLanes) {
          for (uint32_t column = 0; column < columns; ++column) {
            for (uint32_t row = 0; row < kLanes; ++row) {
              const uint8_t* at = page + (column * kRows + first_row + row) * kGroupBytes;
              __builtin_prefetch(at + kPrefetchBytes);
              unpacked[column][row] = Simd::template unpack<kGroupBytes>(at);
            }
          }
          for (uint32_t t = 0; t < x.tokens; ++t) {
            F c[columns];
            for (uint32_t column = 0; column < columns; ++column) {
              c[column] =
                  contributions([&](uint32_t row) { return unpacked[column][row]; }, record,
                                column * kRows + first_row, x.row(t)[matrix.block(p * columns + column)]);
            }
            float* sum = &sums[t * kRows + first_row];
            Simd::store(sum, Simd::add(Simd::load(sum), page_sum<columns>(c)));
          }
        }
      }
      const uint32_t rows = std::min(kRows, matrix.rows - block * kRows);
      for (uint32_t t = 0; t < x.tokens; ++t) {
        std::copy_n(&sums[t * kRows], rows, out + t * out_stride + block * kRows);
      }
    }
  }

  template <uint32_t record_bytes>
  static void scores_record(const KvView& keys, const int16_t* q, int32_t exponent, float factor,
                            uint32_t begin, uint32_t end, float* scores) {
    for (uint32_t first = begin; first < end; first += kLanes) {
      const uint8_t* records = keys.record(first);
      const auto dot = [&](uint32_t i) {
        const uint8_t* k = records + place_of<record_bytes>(i);
        for (uint32_t line = 0; line < record_bytes; line += 64) __builtin_prefetch(k + line + kPageBytes);
        const auto* elements = reinterpret_cast<const int8_t*>(k);
        if constexpr (record_bytes <= 128) {
          return Simd::template dot<record_bytes>(elements, q);
        } else {
          return Simd::add_int(Simd::template dot<128>(elements, q),
                               Simd::template dot<128>(elements + 128, q + 128));
        }
      };
      store_scores(keys, add_across<kLanes>(dot), exponent, factor, first, scores);
    }
  }

  // A record is a group of weights, or two; its zero-point is taken off as theirs are.
  template <uint32_t record_bytes>
  static void scores_nibbles(const KvView& keys, const int16_t* q, int32_t exponent, float factor,
                             uint32_t begin, uint32_t end, float* scores) {
    constexpr uint32_t kGroups = (record_bytes + kGroupBytes - 1) / kGroupBytes;
    constexpr uint32_t kBytes = record_bytes / kGroups;
    A16Digits x[kGroups];
    int32_t sum = 0;
    for (uint32_t g = 0; g < kGroups; ++g) {
      x[g].assign(q + g * kA16Block, exponent);
      sum += x[g].sum;
    }
    for (uint32_t first = begin; first < end; first += kLanes) {
      const uint8_t* records = keys.record(first);
      const auto dot = [&](uint32_t i) {
        const uint8_t* k = records + place_of<record_bytes>(i);
        __builtin_prefetch(k + kPageBytes);
        I of_groups = Simd::dot(Simd::template unpack<kBytes>(k), x[0]);
        for (uint32_t g = 1; g < kGroups; ++g)
          of_groups =
              Simd::add_int(of_groups, Simd::dot(Simd::template unpack<kBytes>(k + g * kBytes), x[g]));
        return of_groups;
      };
      const I words = Simd::load_words(keys.scale(first));
      const I zeros = Simd::bit_and(Simd::template shift_right<16>(words), Simd::set_int(15));
      const I dots = Simd::sub_int(add_across<kLanes>(dot), Simd::mul_int(zeros, Simd::set_int(sum)));
      store_scores(keys, dots, exponent, factor, first, scores);
    }
  }

  // Of position `first` + i, in a page from that of `first` on: position 4 i + s is at place i of sub-block
  // s.
  template <uint32_t record_bytes>
  static constexpr uint32_t place_of(uint32_t i) {
    return i % kPorts * kSubBlockBytes + i / kPorts * record_bytes;
  }

  static void store_scores(const KvView& keys, I dots, int32_t exponent, float factor, uint32_t first,
                           float* scores) {
    const F scale = Simd::mul(SimdSpu<Simd>::load_scales(keys, first), Simd::set(power_of_two(exponent)));
    Simd::store(scores + first, Simd::mul(Simd::to_float(dots), Simd::mul(scale, Simd::set(factor))));
  }

  // One beat of elements, whose sums fit into registers.
  static void values_beat(const KvView& values, uint32_t offset, const int16_t* mantissas,
                          const int32_t* exponents, uint32_t positions, float* out) {
    constexpr uint32_t kVectors = kBeatBytes / kLanes;
    F sum[kVectors];
    for (F& s : sum) s = Simd::set(0.0f);
    for (uint32_t first = 0; first < positions; first += kAttentionBlock) {
      I dots[kVectors];
      Simd::dot_values(values, offset, mantissas, first, std::min(first + kAttentionBlock, positions), dots);
      const F power = Simd::set(power_of_two(exponents[first / kAttentionBlock]));
      for (uint32_t v = 0; v < kVectors; ++v) {
        sum[v] = Simd::add(sum[v], Simd::mul(Simd::to_float(dots[v]), power));
      }
    }
    for (uint32_t v = 0; v < kVectors; ++v) Simd::store(out + v * kLanes, sum[v]);
  }

  // All elements, even ones and odd ones apart until the end.
  template <uint32_t record_bytes>
  static void values_nibbles(const KvView& values, const int16_t* mantissas, const int32_t* exponents,
                             uint32_t positions, float* out) {
    constexpr uint32_t kVectors = record_bytes / kLanes;
    F sums[2][kVectors];
    for (auto& sum : sums) {
      for (F& s : sum) s = Simd::set(0.0f);
    }
    for (uint32_t first = 0; first < positions; first += kAttentionBlock) {
      const uint32_t last = std::min(first + kAttentionBlock, positions);
      int32_t zeros = 0;
      for (uint32_t i = first; i < last; ++i) zeros += mantissas[i] * (values.scale(i)[2] & 15);
      I dots[2][kBeatBytes / kLanes];
      Simd::template dot_nibbles<record_bytes>(values, mantissas, first, last, dots[0], dots[1]);
      const F power = Simd::set(power_of_two(exponents[first / kAttentionBlock]));
      for (uint32_t odd = 0; odd < 2; ++odd) {
        for (uint32_t v = 0; v < kVectors; ++v) {
          const F dot = Simd::to_float(Simd::sub_int(dots[odd][v], Simd::set_int(zeros)));
          sums[odd][v] = Simd::add(sums[odd][v], Simd::mul(dot, power));
        }
      }
    }
    for (uint32_t odd = 0; odd < 2; ++odd) {
      float half[record_bytes];
      for (uint32_t v = 0; v < kVectors; ++v) Simd::store(half + v * kLanes, sums[odd][v]);
      for (uint32_t i = 0; i < record_bytes; ++i) out[2 * i + odd] = half[i];
    }
  }
};
