// Accesses that may fault.
#pragma once

#include <cstdint>

namespace brim {

// Whether memory answers at `address` (8-byte aligned): what is written can be read back. Keeps its contents.
bool memory_answers(uint64_t address);

}  // namespace brim
