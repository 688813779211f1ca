// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720), the checksum of image regions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brim {

// The CRC of `bytes` bytes that follow data with the CRC `crc`; start with 0. Freestanding.
uint32_t crc32c(const void* data, size_t bytes, uint32_t crc = 0);

// The same without special instructions: what crc32c does where the processor has none.
uint32_t crc32c_portable(const void* data, size_t bytes, uint32_t crc = 0);

}  // namespace brim
