#include "model/float_formats.h"

#include <cassert>
#include <cstring>

#include "base/multiversion.h"
#include "numerics/fp32.h"

namespace brim {
namespace {

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

}  // namespace

void convert_to_float(FloatFormat format, std::span<const uint8_t> bytes, std::span<float> out) {
  assert(bytes.size() == out.size() * bytes_per_value(format));
  switch (format) {
    case FloatFormat::kF32:
      if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
      return;
    case FloatFormat::kF16:
      return from_fp16(bytes.data(), out.size(), out.data());
    case FloatFormat::kBf16:
      return from_bf16(bytes.data(), out.size(), out.data());
  }
}

}  // namespace brim
