#include "engine/fill_cache.h"

#include <cstring>

#include "isa/ops.h"
#include "numerics/split_mix.h"

namespace brim {
namespace {

// Scattered words, each put in shape by `shape`. `bytes` is a multiple of 8.
template <typename Shape>
void fill(uint8_t* to, uint64_t bytes, uint64_t seed, const Shape& shape) {
  for (uint64_t i = 0; i < bytes; i += sizeof(uint64_t)) {
    const uint64_t word = shape(split_mix(seed + i));
    std::memcpy(to + i, &word, sizeof(word));
  }
}

}  // namespace

void fill_cache(const ProgramHeader& header, const Instruction& instruction, PhysicalMemory& memory) {
  if (instruction.opcode != Opcode::kKey && instruction.opcode != Opcode::kValue) return;
  const KvFormat format = kv_format(header, instruction.opcode == Opcode::kValue);
  const uint32_t positions = cache_positions(instruction, header);
  const uint64_t page_bytes = format.page_bytes(positions);
  const uint64_t scale_bytes = format.scales_bytes(positions);
  const uint64_t pages = uint64_t{instruction.address} * kBeatBytes;
  const uint64_t scales = uint64_t{instruction.address2} * kBeatBytes;
  if (format.bits == 4) {
    fill(memory.write(pages, page_bytes), page_bytes, pages, [](uint64_t word) { return word; });
    // FP16 from 2^-7 to 2^-6, and any zero-point.
    fill(memory.write(scales, scale_bytes), scale_bytes, scales,
         [](uint64_t word) { return (word & 0x000F03FF000F03FF) | 0x0000200000002000; });
    return;
  }
  // int8 from -64 to 63: seven bits, their sign doubled.
  fill(memory.write(pages, page_bytes), page_bytes, pages,
       [](uint64_t word) { return (word & 0x7F7F7F7F7F7F7F7F) | (word & 0x4040404040404040) << 1; });
  // FP16 from 2^-11 to 2^-10.
  fill(memory.write(scales, scale_bytes), scale_bytes, scales,
       [](uint64_t word) { return (word & 0x03FF03FF03FF03FF) | 0x1000100010001000; });
}

}  // namespace brim
