// How much memory this program holds by allocation.
#pragma once

#include <cstdint>

namespace brim {

// Bytes that were allocated and not freed yet: they grow with a leak, and not because freed memory lies
// about. Mappings are not among them. Of glibc they are what each thread keeps for itself, too (some 20 KB),
// unless GLIBC_TUNABLES=glibc.malloc.tcache_count=0 is in the environment.
uint64_t heap_bytes();

}  // namespace brim
