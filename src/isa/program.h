// A decode program as bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "isa/instruction.h"
#include "isa/layout.h"

namespace brim {

struct Program {
  ProgramHeader header;
  std::vector<Instruction> instructions;
};

// The program as it stands in the image, and back. `read_program` throws Error on a malformed one.
std::vector<uint8_t> serialise(const Program& program);
Program read_program(std::span<const uint8_t> bytes);

// Where the logits of a pass's token go: physical, in bytes. Throws Error if the program has none.
uint64_t logits_address(const Program& program, uint32_t token);

}  // namespace brim
