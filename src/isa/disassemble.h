// Instructions as text.
#pragma once

#include <string>

#include "isa/instruction.h"

namespace brim {

// One line, as `brim inspect --program` prints it.
std::string disassemble(const Instruction& instruction);

}  // namespace brim
