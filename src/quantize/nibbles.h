// Two 4-bit values to a byte, the first of them in its low half.
#pragma once

#include <cstdint>
#include <span>

namespace brim {

// values: 2 * packed.size(), each 0..15.
void pack_nibbles(std::span<const uint8_t> values, std::span<uint8_t> packed);
void unpack_nibbles(std::span<const uint8_t> packed, std::span<uint8_t> values);

}  // namespace brim
