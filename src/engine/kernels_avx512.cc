// Kernels for x86 with AVX-512 F, BW, DQ, VL and VNNI (Intel from Ice Lake on, AMD from Zen 4 on).
#include "engine/kernels_simd.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "numerics/exp.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "numerics/gelu.h"
#include "numerics/kv4.h"
#include "numerics/kv8.h"
#include "numerics/reciprocal.h"
#include "numerics/rotation.h"
#include "numerics/silu.h"
#include "numerics/sums.h"

// Only what is defined from here on is compiled for AVX-512: inline functions of the headers above stay
// baseline code, whichever copy the linker keeps.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

namespace brim {

namespace {

#include "engine/simd_dot.h"

__m512i load_bytes(const void* from) { return _mm512_loadu_si512(from); }

__m512i broadcast(const int8_t* four) {
  int32_t bits;
  std::memcpy(&bits, four, sizeof(bits));
  return _mm512_set1_epi32(bits);
}

struct Avx512 {
  static constexpr uint32_t kLanes = 16;
  using F = __m512;
  using I = __m512i;
  using M = __mmask16;

  static F load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, F x) { _mm512_storeu_ps(to, x); }
  static F set(float x) { return _mm512_set1_ps(x); }
  static F load_fp16(const uint8_t* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static F load_fp16_of_words(const uint8_t* from) {
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(load_words(from)));
  }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }

  static I bits(F x) { return _mm512_castps_si512(x); }
  static F floats(I x) { return _mm512_castsi512_ps(x); }
  static F to_float(I x) { return _mm512_cvtepi32_ps(x); }
  static I set_int(int32_t x) { return _mm512_set1_epi32(x); }
  static I bit_and(I a, I b) { return _mm512_and_si512(a, b); }
  static I bit_or(I a, I b) { return _mm512_or_si512(a, b); }
  static I add_int(I a, I b) { return _mm512_add_epi32(a, b); }
  static I sub_int(I a, I b) { return _mm512_sub_epi32(a, b); }
  template <uint32_t n>
  static I shift_left(I x) {
    return _mm512_slli_epi32(x, n);
  }
  template <uint32_t n>
  static I shift_right(I x) {
    return _mm512_srai_epi32(x, n);
  }
  static I max_unsigned(I a, I b) { return _mm512_max_epu32(a, b); }
  static uint32_t reduce_max(I x) { return _mm512_reduce_max_epu32(x); }

  static M less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static M equal_int(I a, I b) { return _mm512_cmpeq_epi32_mask(a, b); }
  static M greater_int(I a, I b) { return _mm512_cmpgt_epi32_mask(a, b); }
  static F select(M condition, F a, F b) { return _mm512_mask_blend_ps(condition, b, a); }

  static F lookup64(const float* table, I index) {
    const F low = _mm512_permutex2var_ps(load(table), index, load(table + 16));
    const F high = _mm512_permutex2var_ps(load(table + 32), index, load(table + 48));
    return select(_mm512_test_epi32_mask(index, set_int(32)), high, low);
  }
  static void store_int16(int16_t* to, I x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(x));
  }
  static void store_int8(int8_t* to, I x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(x));
  }
  static void load_pairs(const float* from, F* even, F* odd) {
    const F a = load(from), b = load(from + 16);
    const I evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, evens, b);
    *odd = _mm512_permutex2var_ps(a, bit_or(evens, set_int(1)), b);
  }
  static F swap_pairs(F x) { return _mm512_permute_ps(x, 0xB1); }
  static F even_of_pairs(F x) { return _mm512_moveldup_ps(x); }
  static F odd_of_pairs(F x) { return _mm512_movehdup_ps(x); }
  static F negate_even(F x) {
    return _mm512_castsi512_ps(_mm512_xor_si512(bits(x), _mm512_set1_epi64(0x80000000)));
  }

  // --- Dot products. ---

  static I load_words(const uint8_t* from) { return load_bytes(from); }
  static I mul_int(I a, I b) { return _mm512_mullo_epi32(a, b); }

  struct Weights {
    __m512i even, odd;
  };
  template <uint32_t bytes>
  static __m512i load_part(const uint8_t* from) {
    if constexpr (bytes == 64) return load_bytes(from);
    return _mm512_zextsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  template <uint32_t bytes>
  static Weights unpack(const uint8_t* group) {
    const __m512i packed = load_part<bytes>(group), nibble = _mm512_set1_epi8(15);
    return {_mm512_and_si512(packed, nibble), _mm512_and_si512(_mm512_srli_epi16(packed, 4), nibble)};
  }
  static I dot(const Weights& w, const A16Digits& x) {
    __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w.even, load_bytes(x.high[0]));
    sum = _mm512_slli_epi32(_mm512_dpbusd_epi32(sum, w.odd, load_bytes(x.high[1])), 8);
    sum = _mm512_dpbusd_epi32(sum, w.even, load_bytes(x.low[0]));
    return _mm512_dpbusd_epi32(sum, w.odd, load_bytes(x.low[1]));
  }
  template <uint32_t n>
  static I dot(const int8_t* k, const int16_t* q) {
    __m512i sum = _mm512_setzero_si512();
    for (uint32_t i = 0; i < n; i += 32) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(k + i));
      sum = _mm512_dpwssd_epi32(sum, _mm512_cvtepi8_epi16(bytes), load_bytes(q + i));
    }
    return sum;
  }
  static I load_zeros(const uint8_t* from) {
    const __m128i packed = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    const __m128i nibble = _mm_set1_epi8(15);
    const __m128i even = _mm_and_si128(packed, nibble);
    const __m128i odd = _mm_and_si128(_mm_srli_epi16(packed, 4), nibble);
    return _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(even, odd));
  }
  // A node of the tree that adds across lanes: the partial sums of the vectors below it, side by side.
  template <uint32_t vectors>
  static I add_pair(I a, I b) {
    if constexpr (vectors == 2) {
      return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    } else if constexpr (vectors == 4) {
      return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    } else {
      return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
    }
  }

  // V + 128 is unsigned, as the dot product of bytes wants one factor; 128 times the sum of the weights is
  // taken off again. Mantissas beyond `last` are 0.
  static void dot_values(const KvView& values, uint32_t offset, const int16_t* mantissas, uint32_t first,
                         uint32_t last, I (&dots)[kBeatBytes / kLanes]) {
    const __m512i flip = _mm512_set1_epi8(-128);
    alignas(64) int8_t high[kAttentionBlock], low[kAttentionBlock];
    const int32_t total = split(mantissas + first, high, low);
    const uint8_t* at = values.record(first) + offset;
    const uint32_t quads = (last - first + 3) / 4;
    const uint32_t quads_of_page = kSubBlockBytes / values.format.record_bytes;  // a power of two
    __m512i h[4], l[4];
    for (uint32_t i = 0; i < 4; ++i) h[i] = l[i] = _mm512_setzero_si512();
    for (uint32_t quad = 0; quad < quads; ++quad) {
      for (uint32_t port = 0; port < kPorts; ++port) {
        __builtin_prefetch(at + port * kSubBlockBytes + kPageBytes);
      }
      __m512i abcd[4];
      interleave(load_bytes(at), load_bytes(at + kSubBlockBytes), load_bytes(at + 2 * kSubBlockBytes),
                 load_bytes(at + 3 * kSubBlockBytes), abcd);
      const __m512i weights_high = broadcast(high + 4 * quad), weights_low = broadcast(low + 4 * quad);
      for (uint32_t i = 0; i < 4; ++i) {
        const __m512i v = _mm512_xor_si512(abcd[i], flip);
        h[i] = _mm512_dpbusd_epi32(h[i], v, weights_high);
        l[i] = _mm512_dpbusd_epi32(l[i], v, weights_low);
      }
      at += values.format.record_bytes;
      if (((quad + 1) & (quads_of_page - 1)) == 0) at += kPageBytes - kSubBlockBytes;
    }
    const __m512i excess = _mm512_set1_epi32(128 * total);
    for (uint32_t i = 0; i < 4; ++i) {
      dots[i] = _mm512_sub_epi32(_mm512_add_epi32(_mm512_slli_epi32(h[i], 8), l[i]), excess);
    }
    transpose_lanes(dots);
  }

  // As dot_values, the two nibbles of a byte each a factor of their own.
  template <uint32_t bytes>
  static void dot_nibbles(const KvView& values, const int16_t* mantissas, uint32_t first, uint32_t last,
                          I (&even)[kBeatBytes / kLanes], I (&odd)[kBeatBytes / kLanes]) {
    const __m512i nibble = _mm512_set1_epi8(15);
    alignas(64) int8_t high[kAttentionBlock], low[kAttentionBlock];
    split(mantissas + first, high, low);
    const uint8_t* records = values.record(first);
    const uint32_t quads = (last - first + 3) / 4;
    __m512i h[2][4], l[2][4];
    for (uint32_t i = 0; i < 8; ++i) h[i / 4][i % 4] = l[i / 4][i % 4] = _mm512_setzero_si512();
    for (uint32_t quad = 0; quad < quads; ++quad) {
      const uint8_t* at = records + quad * values.format.record_bytes;
      for (uint32_t port = 0; port < kPorts; ++port) {
        __builtin_prefetch(at + port * kSubBlockBytes + kPageBytes);
      }
      __m512i abcd[4];
      interleave(load_part<bytes>(at), load_part<bytes>(at + kSubBlockBytes),
                 load_part<bytes>(at + 2 * kSubBlockBytes), load_part<bytes>(at + 3 * kSubBlockBytes), abcd);
      const __m512i weights_high = broadcast(high + 4 * quad), weights_low = broadcast(low + 4 * quad);
      for (uint32_t i = 0; i < 4; ++i) {
        const __m512i v[2] = {_mm512_and_si512(abcd[i], nibble),
                              _mm512_and_si512(_mm512_srli_epi16(abcd[i], 4), nibble)};
        for (uint32_t part = 0; part < 2; ++part) {
          h[part][i] = _mm512_dpbusd_epi32(h[part][i], v[part], weights_high);
          l[part][i] = _mm512_dpbusd_epi32(l[part][i], v[part], weights_low);
        }
      }
    }
    for (uint32_t i = 0; i < 4; ++i) {
      even[i] = _mm512_add_epi32(_mm512_slli_epi32(h[0][i], 8), l[0][i]);
      odd[i] = _mm512_add_epi32(_mm512_slli_epi32(h[1][i], 8), l[1][i]);
    }
    transpose_lanes(even);
    transpose_lanes(odd);
  }

  // Dword j of lane L of abcd[i]: byte 16 L + 4 i + j of four positions.
  static void interleave(__m512i a, __m512i b, __m512i c, __m512i d, __m512i (&abcd)[4]) {
    const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    abcd[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
    abcd[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
    abcd[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
    abcd[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
  }

  // Digits of 64 mantissas; returns their sum.
  static int32_t split(const int16_t* mantissas, int8_t* high, int8_t* low) {
    __m512i sum = _mm512_setzero_si512();
    for (uint32_t i = 0; i < kAttentionBlock; i += 32) {
      const __m512i m = load_bytes(mantissas + i);
      const __m512i h = _mm512_srai_epi16(_mm512_add_epi16(m, _mm512_set1_epi16(128)), 8);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(high + i), _mm512_cvtepi16_epi8(h));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(low + i), _mm512_cvtepi16_epi8(m));
      sum = _mm512_dpwssd_epi32(sum, m, _mm512_set1_epi16(1));
    }
    return _mm512_reduce_add_epi32(sum);
  }

  // x[i]'s 128-bit lane k becomes x[k]'s lane i.
  static void transpose_lanes(__m512i (&x)[4]) {
    const __m512i a = _mm512_shuffle_i32x4(x[0], x[1], 0x44), b = _mm512_shuffle_i32x4(x[2], x[3], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(x[0], x[1], 0xEE), d = _mm512_shuffle_i32x4(x[2], x[3], 0xEE);
    x[0] = _mm512_shuffle_i32x4(a, b, 0x88);
    x[1] = _mm512_shuffle_i32x4(a, b, 0xDD);
    x[2] = _mm512_shuffle_i32x4(c, d, 0x88);
    x[3] = _mm512_shuffle_i32x4(c, d, 0xDD);
  }
};

class Avx512Kernels final : public SimdDot<Avx512> {
 public:
  Avx512Kernels(std::string_view name, const WideMatvec& wide) : name_(name), wide_(wide) {}

  std::string_view name() const override { return name_; }

  void matvec(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
              float* out, uint64_t out_stride) const override {
    if (x.tokens >= wide_.least_tokens)
      return wide_.matvec(matrix, x, first_block, last_block, out, out_stride);
    switch (matrix.shape.columns) {
      case 4:
        return matvec_shape<4>(matrix, x, first_block, last_block, out, out_stride);
      case 2:
        return matvec_shape<2>(matrix, x, first_block, last_block, out, out_stride);
      default:
        return matvec_shape<1>(matrix, x, first_block, last_block, out, out_stride);
    }
  }

 private:
  template <uint32_t columns>
  static void matvec_shape(const MatrixView& matrix, const A16View& x, uint32_t first_block,
                           uint32_t last_block, float* out, uint64_t out_stride) {
    switch (x.tokens) {
      case 1:
        return matvec_one<columns>(matrix, x.row(0), first_block, last_block, out);
      case 2:
        return matvec_few<columns, 2>(matrix, x, first_block, last_block, out, out_stride);
      case 3:
        return matvec_few<columns, 3>(matrix, x, first_block, last_block, out, out_stride);
      case kTokens:
        return matvec_few<columns, kTokens>(matrix, x, first_block, last_block, out, out_stride);
      default:
        return matvec_many<columns>(matrix, x, first_block, last_block, out, out_stride);
    }
  }

  // --- Several tokens: bound by arithmetic. ---

  static constexpr uint32_t kTokens = 4;  // whose sums fit into registers
  static constexpr uint32_t kRowsAtOnce = 32;

  // sums += what the columns contribute to kRowsAtOnce rows.
  template <uint32_t columns>
  static void add_rows(const __m512 (&c)[2][columns], float* sums) {
    for (uint32_t half = 0; half < 2; ++half, sums += 16) {
      _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_loadu_ps(sums), page_sum<columns>(c[half])));
    }
  }

  // --- A few tokens, as of several texts or a draft: a page is unpacked as it is used. ---

  template <uint32_t columns, uint32_t tokens>
  static void matvec_few(const MatrixView& matrix, const A16View& x, uint32_t first_block,
                         uint32_t last_block, float* out, uint64_t out_stride) {
    constexpr uint32_t kRows = kGroupsPerPage / columns;
    uint64_t index = uint64_t{first_block} * matrix.pages_per_block;
    for (uint32_t block = first_block; block < last_block; ++block) {
      float sums[tokens][kRows] = {};
      for (uint32_t p = 0; p < matrix.pages_per_block; ++p, ++index) {
        const uint8_t* page = matrix.page(index);
        __builtin_prefetch(page + kStartBytes);
        __builtin_prefetch(page + kStartBytes + kSystemPage);
        for (uint32_t row = 0; row < kRows; row += kRowsAtOnce) {
          __m512 c[tokens][2][columns];
          for (uint32_t column = 0; column < columns; ++column) {
            add_packed<columns, tokens>(page, matrix.record(index), column * kRows + row,
                                        x.digits + matrix.block(p * columns + column), x.blocks, column, c);
          }
          for (uint32_t t = 0; t < tokens; ++t) add_rows<columns>(c[t], &sums[t][row]);
        }
      }
      for (uint32_t t = 0; t < tokens; ++t) {
        std::copy_n(sums[t], std::min(kRows, matrix.rows - block * kRows),
                    out + t * out_stride + block * kRows);
      }
    }
  }

  // As add_column below, of a page's groups from `group` on as they are. Nibbles are spread between the
  // multiplications, and lines prefetched: all at once, either would keep them waiting.
  template <uint32_t columns, uint32_t tokens>
  static void add_packed(const uint8_t* page, const uint8_t* record, uint32_t group, const A16Digits* digits,
                         uint32_t stride, uint32_t column, __m512 (&c)[tokens][2][columns]) {
    const uint8_t* const from = page + group * kGroupBytes;
    __m512i packed[2][16];  // [half][dword], lanes are rows
    for (uint32_t half = 0; half < 2; ++half) load_transposed(from + 16 * half * kGroupBytes, packed[half]);
    __m512i high[tokens][2] = {}, low[tokens][2] = {};
    const __m512i nibble = _mm512_set1_epi8(15);
#pragma GCC unroll 16
    for (uint32_t k = 0; k < 16; ++k) {
      for (uint32_t odd = 0; odd < 2; ++odd) {
        __builtin_prefetch(from + (2 * k + odd) * kGroupBytes + kPrefetchBytes);
        __m512i w[2];
        for (uint32_t half = 0; half < 2; ++half) {
          const __m512i words = packed[half][k];
          w[half] = _mm512_and_si512(odd == 0 ? words : _mm512_srli_epi16(words, 4), nibble);
        }
        multiply<tokens>(w, digits, stride, odd, k, high, low);
      }
    }
    for (uint32_t half = 0; half < 2; ++half) {
      const uint32_t first = group + 16 * half;
      contribute<columns, tokens>(Avx512::load_zeros(record + first / 2),
                                  Avx512::load_fp16(record + kMetadataZeroBytes + 2 * first), digits, stride,
                                  high, low, half, column, c);
    }
  }

  // 16 groups. Not inlined, as they are to go to memory: the sums need the registers.
  [[gnu::noinline]] static void load_transposed(const uint8_t* from, __m512i (&to)[16]) {
    __m512i rows[16];
    for (uint32_t i = 0; i < 16; ++i) rows[i] = load_bytes(from + i * kGroupBytes);
    transpose(rows);
    std::copy_n(rows, 16, to);
  }

  // Adds the products of dword k of two vectors of rows.
  template <uint32_t tokens>
  static void multiply(const __m512i (&w)[2], const A16Digits* digits, uint32_t stride, uint32_t odd,
                       uint32_t k, __m512i (&high)[tokens][2], __m512i (&low)[tokens][2]) {
    for (uint32_t t = 0; t < tokens; ++t) {
      const A16Digits& x = digits[uint64_t{t} * stride];
      const __m512i h = broadcast(x.high[odd] + 4 * k), l = broadcast(x.low[odd] + 4 * k);
      for (uint32_t half = 0; half < 2; ++half) {
        high[t][half] = _mm512_dpbusd_epi32(high[t][half], w[half], h);
        low[t][half] = _mm512_dpbusd_epi32(low[t][half], w[half], l);
      }
    }
  }

  // The column's contributions to 16 rows, from the sums of products.
  template <uint32_t columns, uint32_t tokens>
  static void contribute(__m512i zeros, __m512 scales, const A16Digits* digits, uint32_t stride,
                         const __m512i (&high)[tokens][2], const __m512i (&low)[tokens][2], uint32_t half,
                         uint32_t column, __m512 (&c)[tokens][2][columns]) {
    for (uint32_t t = 0; t < tokens; ++t) {
      const A16Digits& x = digits[uint64_t{t} * stride];
      const __m512i dot = _mm512_add_epi32(_mm512_slli_epi32(high[t][half], 8), low[t][half]);
      const __m512i sums = _mm512_sub_epi32(dot, _mm512_mullo_epi32(zeros, _mm512_set1_epi32(x.sum)));
      const __m512 power = _mm512_set1_ps(power_of_two(x.exponent));
      c[t][half][column] = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_mul_ps(scales, power));
    }
  }

  // --- Many, as of a prompt: a page is unpacked once for all of them. ---

  // A page with its nibbles spread to bytes and transposed, so that lanes are rows: dword k of 16 rows, for
  // k < 16, even elements in [0], odd ones in [1]. A dword of activations then serves 16 rows by
  // broadcasting, and nothing needs to be added across lanes.
  struct UnpackedPage {
    __m512i weights[8][16][2];  // [group / 16][dword][odd]
    __m512i zeros[8];
    __m512 scales[8];
  };

  static void unpack(const uint8_t* page, const uint8_t* record, UnpackedPage& to) {
    for (uint32_t v = 0; v < 8; ++v) {
      const uint8_t* from = page + v * 16 * kGroupBytes;
      __m512i rows[16];
      for (uint32_t i = 0; i < 16; ++i) {
        __builtin_prefetch(from + i * kGroupBytes + kPageBytes);
        rows[i] = load_bytes(from + i * kGroupBytes);
      }
      transpose(rows);
      const __m512i nibble = _mm512_set1_epi8(15);
      for (uint32_t k = 0; k < 16; ++k) {
        to.weights[v][k][0] = _mm512_and_si512(rows[k], nibble);
        to.weights[v][k][1] = _mm512_and_si512(_mm512_srli_epi16(rows[k], 4), nibble);
      }
      to.zeros[v] = Avx512::load_zeros(record + v * 8);
      to.scales[v] = Avx512::load_fp16(record + kMetadataZeroBytes + v * 32);
    }
  }

  template <uint32_t columns>
  static void matvec_many(const MatrixView& matrix, const A16View& x, uint32_t first_block,
                          uint32_t last_block, float* out, uint64_t out_stride) {
    constexpr uint32_t kRows = kGroupsPerPage / columns;
    UnpackedPage page;
    std::vector<float> sums(uint64_t{x.tokens} * kRows);  // [tokens][kRows]
    for (uint32_t block = first_block; block < last_block; ++block) {
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (uint32_t p = 0; p < matrix.pages_per_block; ++p) {
        const uint64_t index = uint64_t{block} * matrix.pages_per_block + p;
        unpack(matrix.page(index), matrix.record(index), page);
        uint32_t blocks[columns];
        for (uint32_t column = 0; column < columns; ++column)
          blocks[column] = matrix.block(p * columns + column);
        for (uint32_t t = 0; t < x.tokens; t += kTokens) {
          const A16Digits* digits = x.row(t);
          float* to = &sums[t * kRows];
          switch (x.tokens - t) {
            case 1:
              add_page<columns, 1>(page, digits, x.blocks, blocks, to);
              break;
            case 2:
              add_page<columns, 2>(page, digits, x.blocks, blocks, to);
              break;
            case 3:
              add_page<columns, 3>(page, digits, x.blocks, blocks, to);
              break;
            default:
              add_page<columns, kTokens>(page, digits, x.blocks, blocks, to);
          }
        }
      }
      for (uint32_t t = 0; t < x.tokens; ++t) {
        const uint32_t rows = std::min(kRows, matrix.rows - block * kRows);
        std::copy_n(&sums[t * kRows], rows, out + t * out_stride + block * kRows);
      }
    }
  }

  // sums[t][...] += the page times token t; the digits of the next token are `stride` blocks away. The page's
  // columns are multiplied with these blocks.
  template <uint32_t columns, uint32_t tokens>
  static void add_page(const UnpackedPage& page, const A16Digits* digits, uint32_t stride,
                       const uint32_t (&blocks)[columns], float* sums) {
    constexpr uint32_t kVectors = kGroupsPerPage / columns / 16;
    for (uint32_t v = 0; v < kVectors; v += 2) {
      __m512 c[tokens][2][columns];
      for (uint32_t column = 0; column < columns; ++column) {
        add_column<columns, tokens>(page, column * kVectors + v, digits + blocks[column], stride, column, c);
      }
      for (uint32_t t = 0; t < tokens; ++t) add_rows<columns>(c[t], sums + (t * kVectors + v) * 16);
    }
  }

  // Contributions of 32 rows of a column, for each token.
  template <uint32_t columns, uint32_t tokens>
  static void add_column(const UnpackedPage& page, uint32_t v, const A16Digits* digits, uint32_t stride,
                         uint32_t column, __m512 (&c)[tokens][2][columns]) {
    __m512i high[tokens][2] = {}, low[tokens][2] = {};
    for (uint32_t k = 0; k < 16; ++k) {
      for (uint32_t odd = 0; odd < 2; ++odd) {
        const __m512i w[2] = {page.weights[v][k][odd], page.weights[v + 1][k][odd]};
        multiply<tokens>(w, digits, stride, odd, k, high, low);
      }
    }
    for (uint32_t half = 0; half < 2; ++half) {
      contribute<columns, tokens>(page.zeros[v + half], page.scales[v + half], digits, stride, high, low,
                                  half, column, c);
    }
  }

  // rows[i] lane k becomes rows[k] lane i.
  static void transpose(__m512i (&rows)[16]) {
    __m512i quads[4][4];  // [row / 4][dword % 4], 128-bit lane L: dword 4 L + i of four rows
    for (uint32_t g = 0; g < 4; ++g) {
      const __m512i* r = rows + 4 * g;
      const __m512i ab_low = _mm512_unpacklo_epi32(r[0], r[1]), ab_high = _mm512_unpackhi_epi32(r[0], r[1]);
      const __m512i cd_low = _mm512_unpacklo_epi32(r[2], r[3]), cd_high = _mm512_unpackhi_epi32(r[2], r[3]);
      quads[g][0] = _mm512_unpacklo_epi64(ab_low, cd_low);
      quads[g][1] = _mm512_unpackhi_epi64(ab_low, cd_low);
      quads[g][2] = _mm512_unpacklo_epi64(ab_high, cd_high);
      quads[g][3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
    for (uint32_t i = 0; i < 4; ++i) {
      __m512i lanes[4] = {quads[0][i], quads[1][i], quads[2][i], quads[3][i]};
      Avx512::transpose_lanes(lanes);
      for (uint32_t lane = 0; lane < 4; ++lane) rows[4 * lane + i] = lanes[lane];
    }
  }

  const std::string_view name_;
  const WideMatvec wide_;
};

}  // namespace

}  // namespace brim

#pragma GCC pop_options

namespace brim {

std::unique_ptr<Kernels> make_avx512_kernels(std::string_view name, const WideMatvec& wide) {
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512vnni")) {
    return nullptr;
  }
  return std::make_unique<Avx512Kernels>(name, wide);
}

}  // namespace brim

#else

namespace brim {

std::unique_ptr<Kernels> make_avx512_kernels(std::string_view, const WideMatvec&) { return nullptr; }

}  // namespace brim

#endif

namespace brim {

std::unique_ptr<Kernels> make_avx512_kernels() { return make_avx512_kernels("avx512", {}); }

}  // namespace brim
