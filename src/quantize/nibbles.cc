#include "quantize/nibbles.h"

#include "base/multiversion.h"

namespace brim {

namespace {

MULTIVERSION void pack(const uint8_t* values, size_t bytes, uint8_t* packed) {
  for (size_t i = 0; i < bytes; ++i) packed[i] = static_cast<uint8_t>(values[2 * i] | values[2 * i + 1] << 4);
}

MULTIVERSION void unpack(const uint8_t* packed, size_t bytes, uint8_t* values) {
  for (size_t i = 0; i < bytes; ++i) {
    values[2 * i] = packed[i] & 15;
    values[2 * i + 1] = packed[i] >> 4;
  }
}

}  // namespace

void pack_nibbles(std::span<const uint8_t> values, std::span<uint8_t> packed) {
  pack(values.data(), packed.size(), packed.data());
}

void unpack_nibbles(std::span<const uint8_t> packed, std::span<uint8_t> values) {
  unpack(packed.data(), packed.size(), values.data());
}

}  // namespace brim
