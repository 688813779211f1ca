// Instructions as text.
#pragma once

#include <string>

#include "isa/instruction.h"

namespace brim {

// One line, as `brim inspect --program` prints it.
std::string disassemble(const Instruction& instruction);

// How K and V are kept: "8 bit", "4 bit, rotated", "keys 8 bit, values 4 bit".
std::string describe_kv_cache(const ProgramHeader& header);

}  // namespace brim
