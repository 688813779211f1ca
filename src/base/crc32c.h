// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720), the checksum of whatever Brim checks:
// docs/integrity.md. Freestanding.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brim {

// The CRC of `bytes` bytes that follow data with the CRC `crc`; start with 0.
uint32_t crc32c(const void* data, size_t bytes, uint32_t crc = 0);

// The same without special instructions: what crc32c does where the processor has none.
uint32_t crc32c_portable(const void* data, size_t bytes, uint32_t crc = 0);

// The CRC of a page of 8192 bytes, which starts at a multiple of 8, in the order in which four ports stream
// it: 64 bytes from each of its four parts of 2048 bytes in turn.
uint32_t crc32c_of_page(const void* page);
uint32_t crc32c_of_page_portable(const void* page);

// The CRC of anything that its own CRC, little endian, follows.
inline constexpr uint32_t kCrc32cResidue = 0x48674BC7;

}  // namespace brim
