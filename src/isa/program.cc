#include "isa/program.h"

#include <algorithm>
#include <cstring>
#include <sstream>

#include "base/error.h"

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
    if (static_cast<uint32_t>(program.instructions[i].opcode) >= kOpcodes) {
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

std::string opcode_name(Opcode opcode) {
  static constexpr const char* kNames[kOpcodes] = {
      "end",   "end_prompt", "stream",  "load",   "rope",   "embed",    "matvec", "query", "key",
      "value", "scores",     "softmax", "values", "output", "residual", "swiglu", "logits"};
  const auto index = static_cast<uint32_t>(opcode);
  return index < kOpcodes ? kNames[index] : "unknown";
}

std::string disassemble(const Instruction& i) {
  static constexpr const char* kBuffers[] = {"normed", "attention", "hidden"};
  static constexpr const char* kFormats[] = {"fp16", "q8", "q4"};
  std::ostringstream out;
  out << opcode_name(i.opcode);
  const auto address = [&](const char* name, uint32_t beat) {
    out << ' ' << name << "=0x" << std::hex << uint64_t{beat} * kBeatBytes << std::dec;
  };
  const auto flags = [&] {
    if (i.flags & kFlagBias) out << " bias=P[" << i.param << ']';
    if (i.flags & kFlagNorm) out << " norm=P[" << i.param2 << ']';
  };
  switch (i.opcode) {
    case Opcode::kEnd:
    case Opcode::kEndPrompt:
      break;
    case Opcode::kStream:
      address("at", i.address);
      break;
    case Opcode::kLoad:
      out << " P[" << i.param << ']';
      address("from", i.address);
      out << " beats=" << i.count;
      break;
    case Opcode::kRope:
      address("table", i.address);
      out << " beats=" << i.count;
      break;
    case Opcode::kEmbed:
      out << ' ' << (i.shape < 3 ? kFormats[i.shape] : "?");
      address("table", i.address);
      out << " beats=" << i.count << " norm=P[" << i.param << ']';
      break;
    case Opcode::kMatvec: {
      const auto buffer = static_cast<uint32_t>(i.buffer);
      out << ' ' << (buffer < 3 ? kBuffers[buffer] : "?") << " rows=" << i.rows << " groups=" << i.groups
          << " pages=" << i.count << " shape=" << +i.shape << 'x' << (i.shape ? 128 / i.shape : 0);
      break;
    }
    case Opcode::kQuery:
      out << " head=" << i.head;
      flags();
      break;
    case Opcode::kKey:
    case Opcode::kValue:
      out << " kv_head=" << i.head;
      address("pages", i.address);
      address("scales", i.address2);
      flags();
      break;
    case Opcode::kScores:
      out << " kv_head=" << i.head;
      address("pages", i.address);
      address("scales", i.address2);
      break;
    case Opcode::kValues:
      out << " kv_head=" << i.head;
      address("pages", i.address);
      break;
    case Opcode::kSoftmax:
    case Opcode::kOutput:
      out << " kv_head=" << i.head;
      break;
    case Opcode::kResidual:
      out << " rows=" << i.rows << " norm=P[" << i.param << ']';
      break;
    case Opcode::kSwiglu:
      out << " rows=" << i.rows;
      break;
    case Opcode::kLogits:
      out << " rows=" << i.rows;
      address("to", i.address);
      break;
  }
  return out.str();
}

}  // namespace brim
