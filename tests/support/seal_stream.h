// Puts right all checksums of a run of chunks. For tests.
#pragma once

#include <algorithm>
#include <cstdint>

#include "isa/stream_checks.h"

namespace brim::test {

inline void seal_stream(uint8_t* stream, uint64_t bytes) {
  const uint64_t pages = bytes / kPageBytes;
  for (uint64_t chunk = 0; chunk * (kPagesPerChunk + 1) < pages; ++chunk) {
    uint8_t* const metadata = stream + chunk * kChunkBytes;
    const uint64_t here = std::min<uint64_t>(kPagesPerChunk, pages - chunk * (kPagesPerChunk + 1) - 1);
    for (uint64_t page = 0; page < here; ++page)
      set_page_checksum(metadata, page, crc32c_of_page(metadata + (1 + page) * kPageBytes));
    seal_metadata(metadata);
  }
}

}  // namespace brim::test
