// Checksums of the weight stream: a metadata page has the CRC-32C of each page that it describes, and its
// own. docs/integrity.md, "Weights". Freestanding.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/crc32c.h"
#include "isa/layout.h"

namespace brim {

// In a metadata page, in bytes: of the first weight page's CRC, and of its own.
inline constexpr uint32_t kPageChecksumsOffset = kPagesPerChunk * kMetadataRecordBytes;
inline constexpr uint32_t kMetadataChecksumOffset = kPageBytes - sizeof(uint32_t);
static_assert(kPageChecksumsOffset + kPagesPerChunk * sizeof(uint32_t) <= kMetadataChecksumOffset);

inline bool metadata_is_sound(const uint8_t* metadata) { return crc32c_of_page(metadata) == kCrc32cResidue; }

// Whether weight page `page` of the chunk, at `bytes`, is what the metadata says.
inline bool page_is_sound(const uint8_t* metadata, uint64_t page, const uint8_t* bytes) {
  uint32_t crc;
  std::memcpy(&crc, metadata + kPageChecksumsOffset + sizeof(crc) * page, sizeof(crc));
  return crc32c_of_page(bytes) == crc;
}

inline void set_page_checksum(uint8_t* metadata, uint64_t page, uint32_t crc) {
  std::memcpy(metadata + kPageChecksumsOffset + sizeof(crc) * page, &crc, sizeof(crc));
}

// Last of all: the metadata page's own.
inline void seal_metadata(uint8_t* metadata) {
  const uint32_t beats = kPageBytes / kBeatBytes;
  uint32_t crc = 0;
  for (uint32_t beat = 0; beat < beats; ++beat) {
    const uint8_t* from = metadata + beat % kPorts * kSubBlockBytes + beat / kPorts * kBeatBytes;
    crc = crc32c(from, beat + 1 < beats ? kBeatBytes : kBeatBytes - sizeof(crc), crc);
  }
  std::memcpy(metadata + kMetadataChecksumOffset, &crc, sizeof(crc));
}

}  // namespace brim
