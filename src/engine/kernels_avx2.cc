// Kernels for x86 with AVX2 and F16C (Intel from Haswell on, AMD from Zen on).
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

// Only what is defined from here on is compiled for AVX2: inline functions of the headers above stay baseline
// code, whichever copy the linker keeps.
#pragma GCC push_options
#pragma GCC target("avx2,f16c")

namespace brim {

namespace {

#include "engine/simd_dot.h"

struct Avx2 {
  static constexpr uint32_t kLanes = 8;
  using F = __m256;
  using I = __m256i;
  using M = __m256;  // all bits of a lane

  static F load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, F x) { _mm256_storeu_ps(to, x); }
  static F set(float x) { return _mm256_set1_ps(x); }
  static F load_fp16(const uint8_t* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static F load_fp16_of_words(const uint8_t* from) {
    const __m256i low = _mm256_and_si256(load_words(from), _mm256_set1_epi32(0xFFFF));
    return _mm256_cvtph_ps(_mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
  }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }

  static I bits(F x) { return _mm256_castps_si256(x); }
  static F floats(I x) { return _mm256_castsi256_ps(x); }
  static F to_float(I x) { return _mm256_cvtepi32_ps(x); }
  static I set_int(int32_t x) { return _mm256_set1_epi32(x); }
  static I bit_and(I a, I b) { return _mm256_and_si256(a, b); }
  static I bit_or(I a, I b) { return _mm256_or_si256(a, b); }
  static I add_int(I a, I b) { return _mm256_add_epi32(a, b); }
  static I sub_int(I a, I b) { return _mm256_sub_epi32(a, b); }
  template <uint32_t n>
  static I shift_left(I x) {
    return _mm256_slli_epi32(x, n);
  }
  template <uint32_t n>
  static I shift_right(I x) {
    return _mm256_srai_epi32(x, n);
  }
  static I max_unsigned(I a, I b) { return _mm256_max_epu32(a, b); }
  static uint32_t reduce_max(I x) {
    uint32_t lanes[kLanes];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), x);
    return *std::max_element(lanes, lanes + kLanes);
  }

  static M less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static M equal_int(I a, I b) { return floats(_mm256_cmpeq_epi32(a, b)); }
  static M greater_int(I a, I b) { return floats(_mm256_cmpgt_epi32(a, b)); }
  static F select(M condition, F a, F b) { return _mm256_blendv_ps(b, a, condition); }

  static F lookup64(const float* table, I index) { return _mm256_i32gather_ps(table, index, sizeof(float)); }
  static void store_int16(int16_t* to, I x) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), words);
  }
  static void store_int8(int8_t* to, I x) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi16(words, words));
  }
  static void load_pairs(const float* from, F* even, F* odd) {
    const F a = load(from), b = load(from + 8);
    *even = swap_middle_pairs(_mm256_shuffle_ps(a, b, 0x88));
    *odd = swap_middle_pairs(_mm256_shuffle_ps(a, b, 0xDD));
  }
  static F swap_middle_pairs(F x) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xD8));
  }
  static F swap_pairs(F x) { return _mm256_permute_ps(x, 0xB1); }
  static F even_of_pairs(F x) { return _mm256_moveldup_ps(x); }
  static F odd_of_pairs(F x) { return _mm256_movehdup_ps(x); }
  static F negate_even(F x) { return floats(_mm256_xor_si256(bits(x), _mm256_set1_epi64x(0x80000000))); }

  // --- Dot products. ---

  static I load_words(const uint8_t* from) { return load_bytes(from); }
  static I mul_int(I a, I b) { return _mm256_mullo_epi32(a, b); }
  static I load_bytes(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }

  struct Weights {
    __m256i even[2], odd[2];
  };
  template <uint32_t bytes>
  static Weights unpack(const uint8_t* group) {
    const __m256i first = load_bytes(group), nibble = _mm256_set1_epi8(15);
    const __m256i second = bytes == 64 ? load_bytes(group + 32) : _mm256_setzero_si256();
    return {{_mm256_and_si256(first, nibble), _mm256_and_si256(second, nibble)},
            {_mm256_and_si256(_mm256_srli_epi16(first, 4), nibble),
             _mm256_and_si256(_mm256_srli_epi16(second, 4), nibble)}};
  }
  static I dot(const Weights& w, const A16Digits& x) {
    const __m256i high = dot_words(w, x.high), low = dot_words(w, x.low);
    return _mm256_add_epi32(_mm256_madd_epi16(high, _mm256_set1_epi16(256)),
                            _mm256_madd_epi16(low, _mm256_set1_epi16(1)));
  }
  // Sums of eight products each: at most 8 * 15 * 128 < 2^15.
  static I dot_words(const Weights& w, const int8_t (&digits)[2][kA16Block / 2]) {
    const __m256i even = _mm256_add_epi16(_mm256_maddubs_epi16(w.even[0], load_bytes(digits[0])),
                                          _mm256_maddubs_epi16(w.even[1], load_bytes(digits[0] + 32)));
    const __m256i odd = _mm256_add_epi16(_mm256_maddubs_epi16(w.odd[0], load_bytes(digits[1])),
                                         _mm256_maddubs_epi16(w.odd[1], load_bytes(digits[1] + 32)));
    return _mm256_add_epi16(even, odd);
  }
  template <uint32_t n>
  static I dot(const int8_t* k, const int16_t* q) {
    __m256i sum = _mm256_setzero_si256();
    for (uint32_t i = 0; i < n; i += 16) {
      const __m256i words = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(k + i)));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(words, load_bytes(q + i)));
    }
    return sum;
  }
  static I load_zeros(const uint8_t* from) {
    int32_t bits;
    std::memcpy(&bits, from, sizeof(bits));
    const __m128i packed = _mm_cvtsi32_si128(bits), nibble = _mm_set1_epi8(15);
    const __m128i even = _mm_and_si128(packed, nibble);
    const __m128i odd = _mm_and_si128(_mm_srli_epi16(packed, 4), nibble);
    return _mm256_cvtepu8_epi32(_mm_unpacklo_epi8(even, odd));
  }
  template <uint32_t vectors>
  static I add_pair(I a, I b) {
    if constexpr (vectors == 2) {
      return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    } else if constexpr (vectors == 4) {
      return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    } else {
      return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    }
  }
  // Two positions at a time: their bytes side by side, as pairs of words. A missing second one has mantissa
  // 0.
  static void dot_values(const KvView& values, uint32_t offset, const int16_t* mantissas, uint32_t first,
                         uint32_t last, I (&dots)[kBeatBytes / kLanes]) {
    for (I& d : dots) d = _mm256_setzero_si256();
    for (uint32_t i = first; i < last; i += 2) {
      int32_t two_weights;
      std::memcpy(&two_weights, mantissas + i, sizeof(two_weights));
      const __m256i weights = _mm256_set1_epi32(two_weights);
      const uint8_t* v0 = values.record(i) + offset;
      const uint8_t* v1 = v0 + kSubBlockBytes;
      __builtin_prefetch(v0 + kPageBytes);
      __builtin_prefetch(v1 + kPageBytes);
      for (uint32_t j = 0; j < kBeatBytes; j += 16) {
        const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(v0 + j));
        const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(v1 + j));
        const __m256i low = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b));
        const __m256i high = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b));
        dots[j / 8] = _mm256_add_epi32(dots[j / 8], _mm256_madd_epi16(low, weights));
        dots[j / 8 + 1] = _mm256_add_epi32(dots[j / 8 + 1], _mm256_madd_epi16(high, weights));
      }
    }
  }
  template <uint32_t bytes>
  static void dot_nibbles(const KvView& values, const int16_t* mantissas, uint32_t first, uint32_t last,
                          I (&even)[kBeatBytes / kLanes], I (&odd)[kBeatBytes / kLanes]) {
    for (uint32_t v = 0; v < kBeatBytes / kLanes; ++v) even[v] = odd[v] = _mm256_setzero_si256();
    const __m256i nibble = _mm256_set1_epi16(15);
    for (uint32_t i = first; i < last; i += 2) {
      int32_t two_weights;
      std::memcpy(&two_weights, mantissas + i, sizeof(two_weights));
      const __m256i weights = _mm256_set1_epi32(two_weights);
      const uint8_t* v0 = values.record(i);
      const uint8_t* v1 = v0 + kSubBlockBytes;
      __builtin_prefetch(v0 + kPageBytes);
      __builtin_prefetch(v1 + kPageBytes);
      for (uint32_t j = 0; j < bytes; j += 16) {
        const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(v0 + j));
        const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(v1 + j));
        const __m256i words[2] = {_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)),
                                  _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b))};
        for (uint32_t half = 0; half < 2; ++half) {
          I& e = even[j / 8 + half];
          I& o = odd[j / 8 + half];
          e = _mm256_add_epi32(e, _mm256_madd_epi16(_mm256_and_si256(words[half], nibble), weights));
          o = _mm256_add_epi32(o, _mm256_madd_epi16(_mm256_srli_epi16(words[half], 4), weights));
        }
      }
    }
  }
};

class Avx2Kernels final : public SimdDot<Avx2> {
 public:
  std::string_view name() const override { return "avx2"; }
};

}  // namespace

}  // namespace brim

#pragma GCC pop_options

namespace brim {

std::unique_ptr<Kernels> make_avx2_kernels() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c")) return nullptr;
  return std::make_unique<Avx2Kernels>();
}

}  // namespace brim

#else

namespace brim {

std::unique_ptr<Kernels> make_avx2_kernels() { return nullptr; }

}  // namespace brim

#endif
