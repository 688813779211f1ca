// Data cache maintenance by address, to the point of coherency: where processor and accelerator, or processor
// and DMA, meet. The accelerator's ports and the SD controller do not look into the caches.
#pragma once

#include <cstdint>

namespace brim {

// What the processor wrote is in memory. Before a device reads it.
void clean_cache(const void* start, uint64_t bytes);

// The same, and later reads come from memory. Twice around a device's write: before it, so that no dirty line
// is written over it later; after it, because the processor may have fetched lines meanwhile on its own
// account.
void flush_cache(const void* start, uint64_t bytes);

// Bytes of a line of the Cortex-A53.
inline constexpr uint64_t kCacheLine = 64;

}  // namespace brim
