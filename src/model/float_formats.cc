#include "model/float_formats.h"

#include <array>
#include <cassert>
#include <cstring>
#include <limits>

#include "base/multiversion.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace brim {
namespace {

#if defined(__x86_64__)
// Converts values up to the last whole vector, or to one with a NaN, of which the instruction would make a
// quiet one; returns how many.
__attribute__((target("avx512f"))) size_t from_fp16_avx512(const uint8_t* bytes, size_t count, float* out) {
  constexpr size_t kLanes = 16;
  size_t done = 0;
  for (; done + kLanes <= count; done += kLanes) {
    __m256i halves;
    std::memcpy(&halves, bytes + 2 * done, sizeof halves);
    const __m512 values = _mm512_maskz_cvtph_ps(0xFFFF, halves);
    if (_mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q) != 0) break;
    _mm512_storeu_ps(out + done, values);
  }
  return done;
}
#endif

// fp16_to_float (numerics/fp16.h) without branches, so that it vectorises.
MULTIVERSION void from_fp16(const uint8_t* bytes, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t h;
    std::memcpy(&h, bytes + 2 * i, sizeof h);
    const uint32_t magnitude = h & 0x7FFFu;
    const uint32_t rebias = magnitude >= 0x7C00u ? 224u << 23 : 112u << 23;  // infinities and NaNs: to 255
    const float subnormal = static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f;
    const uint32_t bits = magnitude < 0x400u ? float_bits(subnormal) : (magnitude << 13) + rebias;
    out[i] = float_from_bits(bits | static_cast<uint32_t>(h & 0x8000u) << 16);
  }
}

MULTIVERSION void from_bf16(const uint8_t* bytes, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof bits);
    out[i] = float_from_bits(static_cast<uint32_t>(bits) << 16);
  }
}

// Sign, four bits of exponent (bias 7), three of mantissa; 15 and 7 together are NaN.
constexpr std::array<float, 256> kF8E4m3Values = [] {
  std::array<float, 256> values{};
  for (uint32_t bits = 0; bits < 256; ++bits) {
    const uint32_t exponent = bits >> 3 & 15;
    const uint32_t mantissa = bits & 7;
    float value = static_cast<float>(exponent == 0 ? mantissa : 8 + mantissa) / 512.0f;  // times 2^-9
    for (uint32_t i = 1; i < exponent; ++i) value *= 2.0f;
    if (exponent == 15 && mantissa == 7) value = std::numeric_limits<float>::quiet_NaN();
    values[bits] = (bits & 128) != 0 ? -value : value;
  }
  return values;
}();

}  // namespace

float rounded(FloatFormat format, float x) {
  if (format == FloatFormat::kF16) return fp16_to_float(float_to_fp16(x));
  if (format != FloatFormat::kBf16) return x;
  const uint32_t bits = float_bits(x);
  return float_from_bits((bits + 0x7FFFu + (bits >> 16 & 1u)) & 0xFFFF0000u);
}

void convert_to_float(FloatFormat format, std::span<const uint8_t> bytes, std::span<float> out) {
  assert(bytes.size() == out.size() * bytes_per_value(format));
  switch (format) {
    case FloatFormat::kF32:
      if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
      return;
    case FloatFormat::kF16: {
      size_t done = 0;
#if defined(__x86_64__)
      if (__builtin_cpu_supports("avx512f")) done = from_fp16_avx512(bytes.data(), out.size(), out.data());
#endif
      return from_fp16(bytes.data() + 2 * done, out.size() - done, out.data() + done);
    }
    case FloatFormat::kBf16:
      return from_bf16(bytes.data(), out.size(), out.data());
    case FloatFormat::kF8E4m3:
      for (size_t i = 0; i < out.size(); ++i) out[i] = kF8E4m3Values[bytes[i]];
      return;
  }
}

}  // namespace brim
