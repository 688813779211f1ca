#include "isa/program.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "isa/ops.h"

namespace brim {

std::vector<uint8_t> serialise(const Program& program) {
  std::vector<uint8_t> bytes(sizeof(ProgramHeader) + program.instructions.size() * sizeof(Instruction));
  std::memcpy(bytes.data(), &program.header, sizeof(ProgramHeader));
  std::memcpy(bytes.data() + sizeof(ProgramHeader), program.instructions.data(),
              program.instructions.size() * sizeof(Instruction));
  return bytes;
}

Program read_program(std::span<const uint8_t> bytes) {
  Program program;
  if (bytes.size() < sizeof(ProgramHeader)) throw Error("program: shorter than its header");
  std::memcpy(&program.header, bytes.data(), sizeof(ProgramHeader));
  if (program.header.magic != kProgramMagic) throw Error("program: wrong magic");
  if (program.header.version != kProgramVersion) {
    throw Error("program: version " + std::to_string(program.header.version) + ", this brim runs version " +
                std::to_string(kProgramVersion) + "; pack the model again");
  }
  const uint64_t room = (bytes.size() - sizeof(ProgramHeader)) / sizeof(Instruction);
  if (program.header.instructions == 0 || program.header.instructions > room) {
    throw Error("program: instruction count " + std::to_string(program.header.instructions) +
                " exceeds its region");
  }
  program.instructions.resize(program.header.instructions);
  std::memcpy(program.instructions.data(), bytes.data() + sizeof(ProgramHeader),
              program.instructions.size() * sizeof(Instruction));
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    if (!is_known(program.instructions[i].opcode)) {
      throw Error("program: instruction " + std::to_string(i) + " has an unknown opcode");
    }
  }
  if (program.instructions.back().opcode != Opcode::kEnd) throw Error("program: does not finish with end");
  return program;
}

uint64_t logits_address(const Program& program, uint32_t token) {
  const auto writer = std::ranges::find(program.instructions, Opcode::kLogits, &Instruction::opcode);
  if (writer == program.instructions.end()) throw Error("program: has no logits");
  return (writer->address + uint64_t{token} * program.header.logits_stride) * kBeatBytes;
}

}  // namespace brim
