#include "model/float_formats.h"

#include <cassert>
#include <cstring>

#include "numerics/fp16.h"
#include "numerics/fp32.h"

namespace brim {
namespace {

template <typename ToFloat>
void convert_16_bit(std::span<const uint8_t> bytes, std::span<float> out, ToFloat to_float) {
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, &bytes[2 * i], sizeof bits);
    out[i] = to_float(bits);
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
      return convert_16_bit(bytes, out, fp16_to_float);
    case FloatFormat::kBf16:
      return convert_16_bit(bytes, out,
                            [](uint16_t bits) { return float_from_bits(static_cast<uint32_t>(bits) << 16); });
  }
}

}  // namespace brim
