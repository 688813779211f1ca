#include "engine/visit_cache.h"

#include "isa/ops.h"

namespace brim {

void visit_cache(const ProgramHeader& header, const Instruction& instruction, PhysicalMemory& memory,
                 uint32_t positions, const std::function<void(std::span<uint8_t>)>& visit) {
  if (instruction.opcode != Opcode::kKey && instruction.opcode != Opcode::kValue) return;
  const KvFormat format = kv_format(header, instruction.opcode == Opcode::kValue);
  const uint64_t pages = format.page_bytes(positions), scales = format.scales_bytes(positions);
  if (positions == 0) return;
  visit({memory.write(uint64_t{instruction.address} * kBeatBytes, pages), pages});
  visit({memory.write(uint64_t{instruction.address2} * kBeatBytes, scales), scales});
}

}  // namespace brim
