// Content for a KV cache that no pass has filled.
#pragma once

#include "image/physical_memory.h"
#include "isa/program.h"

namespace brim {

// Gives every position of the cache that a kKey or kValue instruction writes some finite content, the same
// in every executor and different at every position, so that a decode at any position can be measured and
// compared without the ones before it. Other instructions: no effect. Throws Error as `memory` does.
void fill_cache(const ProgramHeader& header, const Instruction& instruction, PhysicalMemory& memory);

}  // namespace brim
