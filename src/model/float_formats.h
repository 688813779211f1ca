// Stored floating-point formats to FP32, whole arrays at a time. Exact; infinities and NaNs stay.
#pragma once

#include <cstdint>
#include <span>

namespace brim {

enum class FloatFormat : uint8_t { kF32, kF16, kBf16, kF8E4m3 };  // the last without infinities: OCP E4M3

constexpr uint64_t bytes_per_value(FloatFormat format) {
  return format == FloatFormat::kF32 ? 4 : format == FloatFormat::kF8E4m3 ? 1 : 2;
}

// The value of the format that is nearest to x, ties to even. Not for kF8E4m3. Precondition: x is a normal
// number of the format.
float rounded(FloatFormat format, float x);

// bytes.size() = out.size() * bytes_per_value(format); little-endian, of any alignment.
void convert_to_float(FloatFormat format, std::span<const uint8_t> bytes, std::span<float> out);

}  // namespace brim
