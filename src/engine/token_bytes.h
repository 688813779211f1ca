// Bytes that one token's pass has to read.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/program.h"
#include "isa/reads.h"

namespace brim {

// Weight pages, their metadata records, one embedding row, and K, V and their scales of positions 0 ..
// position; of the experts of a layer as many as a token chooses.
inline uint64_t token_bytes(const Program& program, uint32_t position) {
  const uint32_t any_id[] = {0};
  const PassFacts facts{program.header, position + 1, any_id};
  WeightStream stream;
  uint64_t bytes = 0;
  std::vector<uint32_t> any_experts(program.header.experts_per_token);
  const auto experts_of = [&](uint32_t) -> const std::vector<uint32_t>& { return any_experts; };
  for_each_step(program.instructions, experts_of, [&](const Instruction& instruction, uint32_t) {
    for_each_read(instruction, facts, stream, [&](const ReadRun& run) {
      if (run.read.pattern == Pattern::kWeights) {
        bytes += run.pages * (kPageBytes + kMetadataRecordBytes);
      } else if (run.read.pattern == Pattern::kRecords) {
        bytes += run.beats * kBeatBytes + uint64_t{run.records} * run.kv.scale_bytes;
      } else if (run.read.index == Index::kToken) {
        bytes += run.beats * kBeatBytes;
      }
    });
    return true;
  });
  return bytes;
}

}  // namespace brim
