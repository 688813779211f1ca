// Bytes that one token's pass has to read.
#pragma once

#include <cstdint>

#include "isa/program.h"

namespace brim {

// Weight pages, their metadata records, one embedding row, and K, V and their scales of positions 0 ..
// position.
inline uint64_t token_bytes(const Program& program, uint32_t position) {
  const uint64_t record_bytes = kv_record_bytes(program.header.head_size);
  constexpr uint64_t kScaleBytes = 2;
  uint64_t bytes = 0;
  for (const Instruction& instruction : program.instructions) {
    switch (instruction.opcode) {
      case Opcode::kMatvec:
        bytes += uint64_t{instruction.count} * (kPageBytes + kMetadataRecordBytes);
        break;
      case Opcode::kEmbed:
        bytes += uint64_t{instruction.count} * kBeatBytes;
        break;
      case Opcode::kScores:
      case Opcode::kValues:
        bytes += (uint64_t{position} + 1) * (record_bytes + kScaleBytes);
        break;
      default:
        break;
    }
  }
  return bytes;
}

}  // namespace brim
