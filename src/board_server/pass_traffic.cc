#include "board_server/pass_traffic.h"

#include <vector>

#include "isa/reads.h"

namespace brim {

PassTraffic pass_traffic(const Program& program, uint32_t position, uint32_t tokens, uint32_t first_logits) {
  const std::vector<uint32_t> any_ids(tokens);
  const PassFacts facts{program.header, position, any_ids};
  WeightStream stream;
  PassTraffic traffic;
  for (const Instruction& in : program.instructions) {
    if (in.opcode == Opcode::kEndPrompt && first_logits >= tokens) break;
    for_each_read(in, facts, stream, [&](const ReadRun& run) { traffic.beats_read += run.beats; });
    for (const MemoryWrite& write : op(in.opcode).writes) {
      switch (write.what) {
        case Written::kRecord:
          traffic.beats_written +=
              uint64_t{tokens} * kv_format(program.header, write.of_values).record_beats();
          break;
        case Written::kScale:
          traffic.beats_written += tokens;
          break;
        case Written::kLogits:
          traffic.beats_written +=
              uint64_t{tokens - first_logits} * beats_of(uint64_t{in.rows} * sizeof(float));
          break;
      }
    }
  }
  return traffic;
}

}  // namespace brim
