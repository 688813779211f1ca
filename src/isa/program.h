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

// The program as it stands in the image, and back. Checksums are of the bytes: `serialise` computes them,
// `read_program` compares them and leaves the `crc` of what it gives zero. It throws Error on a malformed
// program, DamageError where a checksum is wrong; `address` is where the bytes stand.
std::vector<uint8_t> serialise(const Program& program);
Program read_program(std::span<const uint8_t> bytes, uint64_t address = 0);

// The same with its `crc`: of the first 60 bytes; of its index among the instructions and of the first 28
// bytes.
ProgramHeader sealed(ProgramHeader header);
Instruction sealed(Instruction instruction, uint32_t index);

// Where the logits of a pass's token go: physical, in bytes. Throws Error if the program has none.
uint64_t logits_address(const Program& program, uint32_t token);

}  // namespace brim
