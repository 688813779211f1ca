#include "isa/kv_ranges.h"

#include <algorithm>

#include "isa/ops.h"

namespace brim {

std::vector<AddressRange> kv_ranges(const Program& program, uint32_t positions) {
  const ProgramHeader& header = program.header;
  const KvFormat keys = key_format(header);
  const KvFormat values = value_format(header);
  std::vector<AddressRange> ranges;
  // The n-th instruction of its kind is of layer n / kv_heads; the heads of a layer may come in any order.
  const auto part = [&](uint64_t n, const Instruction& in, uint32_t which) -> AddressRange& {
    const uint64_t index = (n / header.kv_heads * header.kv_heads + in.head) * 4 + which;
    ranges.resize(std::max(ranges.size(), index + 1));
    return ranges[index];
  };
  uint64_t scores = 0;
  uint64_t sums = 0;
  for (const Instruction& in : program.instructions) {
    const uint64_t pages = uint64_t{in.address} * kBeatBytes;
    const uint64_t scales = uint64_t{in.address2} * kBeatBytes;
    const uint32_t ring = cache_positions(in, header);
    const uint32_t held = std::min(positions, ring);
    if (in.opcode == Opcode::kScores) {
      part(scores, in, 0) = {pages, keys.page_bytes(held)};
      part(scores, in, 1) = {scales, keys.scales_bytes(held)};
      part(scores, in, 3) = {scales + keys.scales_bytes(ring), values.scales_bytes(held)};
      ++scores;
    } else if (in.opcode == Opcode::kValues) {
      part(sums++, in, 2) = {pages, values.page_bytes(held)};
    }
  }
  return ranges;
}

}  // namespace brim
