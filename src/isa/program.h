// A decode program: reading, writing and showing it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
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

// One line per instruction, as `brim inspect --program` prints it.
std::string disassemble(const Instruction& instruction);
std::string opcode_name(Opcode opcode);

}  // namespace brim
