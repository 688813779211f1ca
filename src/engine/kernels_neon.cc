// Kernels for Arm with Advanced SIMD and the dot product extension (Cortex-A55/A75, Neoverse N1 and later,
// Apple).
#include "engine/kernels_simd.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <sys/auxv.h>

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

// Only what is defined from here on is compiled for the extension: inline functions of the headers above stay
// baseline code, whichever copy the linker keeps.
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")

namespace brim {

namespace {

#include "engine/simd_dot.h"

struct Neon {
  static constexpr uint32_t kLanes = 4;
  using F = float32x4_t;
  using I = int32x4_t;
  using M = uint32x4_t;  // all bits of a lane

  static F load(const float* from) { return vld1q_f32(from); }
  static void store(float* to, F x) { vst1q_f32(to, x); }
  static F set(float x) { return vdupq_n_f32(x); }
  static F load_fp16(const uint8_t* from) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(from))); }
  static F load_fp16_of_words(const uint8_t* from) {
    return vcvt_f32_f16(vreinterpret_f16_s16(vmovn_s32(load_words(from))));
  }
  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F sub(F a, F b) { return vsubq_f32(a, b); }

  // FPCR.FZ flushes before rounding, fmul after it. They differ only where FZ makes a zero of factors that
  // are none; that is rare.
  static F mul(F a, F b) {
    const F product = vmulq_f32(a, b);
    const M flushed = vbicq_u32(vceqzq_f32(product), vorrq_u32(vceqzq_f32(a), vceqzq_f32(b)));
    return vmaxvq_u32(flushed) == 0 ? product : mul_lanes(a, b);
  }
  [[gnu::noinline]] static F mul_lanes(F a, F b) {
    float x[kLanes], y[kLanes];
    store(x, a);
    store(y, b);
    for (uint32_t i = 0; i < kLanes; ++i) x[i] = fmul(x[i], y[i]);
    return load(x);
  }

  static I bits(F x) { return vreinterpretq_s32_f32(x); }
  static F floats(I x) { return vreinterpretq_f32_s32(x); }
  static F to_float(I x) { return vcvtq_f32_s32(x); }
  static I set_int(int32_t x) { return vdupq_n_s32(x); }
  static I bit_and(I a, I b) { return vandq_s32(a, b); }
  static I bit_or(I a, I b) { return vorrq_s32(a, b); }
  static I add_int(I a, I b) { return vaddq_s32(a, b); }
  static I sub_int(I a, I b) { return vsubq_s32(a, b); }
  template <uint32_t n>
  static I shift_left(I x) {
    return vshlq_n_s32(x, n);
  }
  template <uint32_t n>
  static I shift_right(I x) {
    return vshrq_n_s32(x, n);
  }
  static I max_unsigned(I a, I b) {
    return vreinterpretq_s32_u32(vmaxq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)));
  }
  static uint32_t reduce_max(I x) { return vmaxvq_u32(vreinterpretq_u32_s32(x)); }

  static M less(F a, F b) { return vcltq_f32(a, b); }
  static M equal_int(I a, I b) { return vceqq_s32(a, b); }
  static M greater_int(I a, I b) { return vcgtq_s32(a, b); }
  static F select(M condition, F a, F b) { return vbslq_f32(condition, a, b); }

  static F lookup64(const float* table, I index) {
    const float entries[kLanes] = {table[vgetq_lane_s32(index, 0)], table[vgetq_lane_s32(index, 1)],
                                   table[vgetq_lane_s32(index, 2)], table[vgetq_lane_s32(index, 3)]};
    return load(entries);
  }
  static void store_int16(int16_t* to, I x) { vst1_s16(to, vmovn_s32(x)); }
  static void store_int8(int8_t* to, I x) {
    const int16x4_t words = vmovn_s32(x);
    const int8x8_t bytes = vmovn_s16(vcombine_s16(words, words));
    vst1_lane_s32(reinterpret_cast<int32_t*>(to), vreinterpret_s32_s8(bytes), 0);
  }
  static void load_pairs(const float* from, F* even, F* odd) {
    const float32x4x2_t pairs = vld2q_f32(from);
    *even = pairs.val[0];
    *odd = pairs.val[1];
  }
  static F swap_pairs(F x) { return vrev64q_f32(x); }
  static F even_of_pairs(F x) { return vtrn1q_f32(x, x); }
  static F odd_of_pairs(F x) { return vtrn2q_f32(x, x); }
  static F negate_even(F x) {
    return vreinterpretq_f32_u64(veorq_u64(vreinterpretq_u64_f32(x), vdupq_n_u64(0x80000000)));
  }

  // --- Dot products. ---

  static I load_words(const uint8_t* from) { return vreinterpretq_s32_u8(vld1q_u8(from)); }
  static I mul_int(I a, I b) { return vmulq_s32(a, b); }

  struct Weights {
    int8x16_t even[4], odd[4];
  };
  template <uint32_t bytes>
  static Weights unpack(const uint8_t* group) {
    Weights w;
    for (uint32_t i = 0; i < 4; ++i) {
      const uint8x16_t packed = 16 * i < bytes ? vld1q_u8(group + 16 * i) : vdupq_n_u8(0);
      w.even[i] = vreinterpretq_s8_u8(vandq_u8(packed, vdupq_n_u8(15)));
      w.odd[i] = vreinterpretq_s8_u8(vshrq_n_u8(packed, 4));
    }
    return w;
  }
  static I dot(const Weights& w, const A16Digits& x) {
    return vaddq_s32(vshlq_n_s32(dot_digits(w, x.high), 8), dot_digits(w, x.low));
  }
  static I dot_digits(const Weights& w, const int8_t (&digits)[2][kA16Block / 2]) {
    I even = set_int(0), odd = set_int(0);
    for (uint32_t i = 0; i < 4; ++i) {
      even = vdotq_s32(even, w.even[i], vld1q_s8(digits[0] + 16 * i));
      odd = vdotq_s32(odd, w.odd[i], vld1q_s8(digits[1] + 16 * i));
    }
    return vaddq_s32(even, odd);
  }
  template <uint32_t n>
  static I dot(const int8_t* k, const int16_t* q) {
    I low = set_int(0), high = set_int(0);
    for (uint32_t i = 0; i < n; i += 8) {
      const int16x8_t words = vmovl_s8(vld1_s8(k + i)), query = vld1q_s16(q + i);
      low = vmlal_s16(low, vget_low_s16(words), vget_low_s16(query));
      high = vmlal_high_s16(high, words, query);
    }
    return vaddq_s32(low, high);
  }
  static I load_zeros(const uint8_t* from) {
    const int32_t zeros[kLanes] = {from[0] & 15, from[0] >> 4, from[1] & 15, from[1] >> 4};
    return vld1q_s32(zeros);
  }
  template <uint32_t vectors>
  static I add_pair(I a, I b) {
    return vpaddq_s32(a, b);
  }
  static void dot_values(const KvView& values, uint32_t offset, const int16_t* mantissas, uint32_t first,
                         uint32_t last, I (&dots)[kBeatBytes / kLanes]) {
    for (I& d : dots) d = set_int(0);
    for (uint32_t i = first; i < last; ++i) {
      const auto* v = reinterpret_cast<const int8_t*>(values.record(i) + offset);
      __builtin_prefetch(v + kPageBytes);
      for (uint32_t j = 0; j < kBeatBytes; j += 8) {
        const int16x8_t words = vmovl_s8(vld1_s8(v + j));
        dots[j / 4] = vmlal_n_s16(dots[j / 4], vget_low_s16(words), mantissas[i]);
        dots[j / 4 + 1] = vmlal_high_n_s16(dots[j / 4 + 1], words, mantissas[i]);
      }
    }
  }
  template <uint32_t bytes>
  static void dot_nibbles(const KvView& values, const int16_t* mantissas, uint32_t first, uint32_t last,
                          I (&even)[kBeatBytes / kLanes], I (&odd)[kBeatBytes / kLanes]) {
    for (uint32_t v = 0; v < kBeatBytes / kLanes; ++v) even[v] = odd[v] = set_int(0);
    const auto add = [](I* dots, uint8x8_t nibbles, int16_t mantissa) {
      const int16x8_t words = vreinterpretq_s16_u16(vmovl_u8(nibbles));
      dots[0] = vmlal_n_s16(dots[0], vget_low_s16(words), mantissa);
      dots[1] = vmlal_high_n_s16(dots[1], words, mantissa);
    };
    for (uint32_t i = first; i < last; ++i) {
      const uint8_t* v = values.record(i);
      __builtin_prefetch(v + kPageBytes);
      for (uint32_t j = 0; j < bytes; j += 8) {
        const uint8x8_t packed = vld1_u8(v + j);
        add(&even[j / 4], vand_u8(packed, vdup_n_u8(15)), mantissas[i]);
        add(&odd[j / 4], vshr_n_u8(packed, 4), mantissas[i]);
      }
    }
  }
};

class NeonKernels final : public SimdDot<Neon> {
 public:
  std::string_view name() const override { return "neon"; }
};

}  // namespace

}  // namespace brim

#pragma GCC pop_options

namespace brim {

std::unique_ptr<Kernels> make_neon_kernels() {
  constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP, Linux uapi/asm/hwcap.h
  if ((getauxval(AT_HWCAP) & kDotProduct) == 0) return nullptr;
  return std::make_unique<NeonKernels>();
}

}  // namespace brim

#else

namespace brim {

std::unique_ptr<Kernels> make_neon_kernels() { return nullptr; }

}  // namespace brim

#endif
