#include "isa/program.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

#include "base/crc32c.h"
#include "base/error.h"
#include "isa/damage.h"
#include "isa/ops.h"

namespace brim {

ProgramHeader sealed(ProgramHeader header) {
  header.crc = crc32c(&header, offsetof(ProgramHeader, crc));
  return header;
}

Instruction sealed(Instruction instruction, uint32_t index) {
  instruction.crc = crc32c(&instruction, offsetof(Instruction, crc), crc32c(&index, sizeof(index)));
  return instruction;
}

std::vector<uint8_t> serialise(const Program& program) {
  std::vector<uint8_t> bytes(sizeof(ProgramHeader) + program.instructions.size() * sizeof(Instruction));
  const ProgramHeader header = sealed(program.header);
  std::memcpy(bytes.data(), &header, sizeof(header));
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction in = sealed(program.instructions[i], static_cast<uint32_t>(i));
    std::memcpy(bytes.data() + sizeof(header) + i * sizeof(in), &in, sizeof(in));
  }
  return bytes;
}

Program read_program(std::span<const uint8_t> bytes, uint64_t address) {
  Program program;
  if (bytes.size() < sizeof(ProgramHeader)) throw Error("program: shorter than its header");
  std::memcpy(&program.header, bytes.data(), sizeof(ProgramHeader));
  if (program.header.magic != kProgramMagic) throw Error("program: wrong magic");
  if (program.header.version != kProgramVersion) {
    throw Error("program: version " + std::to_string(program.header.version) + ", this brim runs version " +
                std::to_string(kProgramVersion) + "; pack the model again");
  }
  const auto check = [&](uint32_t crc, uint32_t expected, uint64_t offset) {
    if (crc != expected)
      throw DamageError("program", {RegionKind::kProgram, address + offset / kBeatBytes * kBeatBytes});
  };
  check(program.header.crc, sealed(program.header).crc, 0);
  program.header.crc = 0;
  const uint64_t room = (bytes.size() - sizeof(ProgramHeader)) / sizeof(Instruction);
  if (program.header.instructions == 0 || program.header.instructions > room) {
    throw Error("program: instruction count " + std::to_string(program.header.instructions) +
                " exceeds its region");
  }
  program.instructions.resize(program.header.instructions);
  std::memcpy(program.instructions.data(), bytes.data() + sizeof(ProgramHeader),
              program.instructions.size() * sizeof(Instruction));
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    Instruction& in = program.instructions[i];
    check(in.crc, sealed(in, static_cast<uint32_t>(i)).crc, sizeof(ProgramHeader) + i * sizeof(Instruction));
    in.crc = 0;
    if (!is_known(in.opcode)) {
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
