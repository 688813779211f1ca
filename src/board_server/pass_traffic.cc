#include "board_server/pass_traffic.h"

#include <vector>

#include "isa/reads.h"

namespace brim {

PassTraffic pass_traffic(const Program& program, uint32_t position, uint32_t tokens, uint32_t first_logits,
                         const PassExperts& experts) {
  const std::vector<uint32_t> any_ids(tokens);
  WeightStream stream;
  PassTraffic traffic;
  const auto experts_of = [&](uint32_t layer) -> const std::vector<uint32_t>& { return experts.at(layer); };
  for_each_step(program.instructions, experts_of, [&](const Instruction& in, uint32_t expert) {
    if (in.opcode == Opcode::kEndPrompt && first_logits >= tokens) return false;
    for_each_read(in, {program.header, position, any_ids, expert}, stream,
                  [&](const ReadRun& run) { traffic.beats_read += run.beats; });
    for (const MemoryWrite& write : op(in.opcode).writes) {
      switch (write.what) {
        case Written::kRecord:
          traffic.beats_written +=
              uint64_t{tokens} * kv_format(program.header, write.of_values).record_beats();
          break;
        case Written::kScale:
          if (in.opcode == Opcode::kKey && (in.flags & kFlagAllHeads) != 0) break;  // key_scale writes it
          traffic.beats_written += tokens;
          break;
        case Written::kLogits:
          traffic.beats_written +=
              uint64_t{tokens - first_logits} * beats_of(uint64_t{in.rows} * sizeof(float));
          break;
      }
    }
    return true;
  });
  return traffic;
}

}  // namespace brim
