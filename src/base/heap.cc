#include "base/heap.h"

#include <malloc.h>

#include <cstddef>

// Of AddressSanitizer, which has an allocator of its own; null without it.
extern "C" __attribute__((weak)) size_t
__sanitizer_get_current_allocated_bytes();  // NOLINT(bugprone-reserved-identifier)

namespace brim {

uint64_t heap_bytes() {
  if (__sanitizer_get_current_allocated_bytes != nullptr) return __sanitizer_get_current_allocated_bytes();
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace brim
