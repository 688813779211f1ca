// The bytes of a KV cache that a text's first positions stand in.
#pragma once

#include <functional>
#include <span>

#include "image/physical_memory.h"
#include "isa/program.h"

namespace brim {

// visit(bytes) for the records and for the scales of the first positions, in whole pages, that a kKey or
// kValue instruction writes. Other instructions: none. Throws Error as `memory` does. Precondition: positions
// are within the context.
void visit_cache(const ProgramHeader& header, const Instruction& instruction, PhysicalMemory& memory,
                 uint32_t positions, const std::function<void(std::span<uint8_t>)>& visit);

}  // namespace brim
