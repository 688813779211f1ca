#include "board_server/pass_traffic.h"

namespace brim {

PassTraffic pass_traffic(const Program& program, uint32_t position, uint32_t tokens, uint32_t first_logits) {
  constexpr uint64_t kPageBeats = kPageBytes / kBeatBytes;
  constexpr uint64_t kScalesPerBeat = kBeatBytes / 2;
  const uint64_t record_beats = kv_record_bytes(program.header.head_size) / kBeatBytes;
  PassTraffic traffic;
  uint64_t page_in_stream = 0;
  for (const Instruction& in : program.instructions) {
    switch (in.opcode) {
      case Opcode::kEndPrompt:
        if (first_logits >= tokens) return traffic;
        break;
      case Opcode::kStream:
        page_in_stream = 0;
        break;
      case Opcode::kLoad:
        traffic.beats_read += in.count;
        break;
      case Opcode::kRope:
      case Opcode::kEmbed:
        traffic.beats_read += uint64_t{tokens} * in.count;
        break;
      case Opcode::kMatvec: {
        const auto chunks = [](uint64_t pages) { return (pages + kPagesPerChunk - 1) / kPagesPerChunk; };
        const uint64_t end = page_in_stream + in.count;
        traffic.beats_read += (in.count + chunks(end) - chunks(page_in_stream)) * kPageBeats;
        page_in_stream = end;
        break;
      }
      case Opcode::kScores:
        traffic.beats_read +=
            2 * ((position + kScalesPerBeat - 1) / kScalesPerBeat) + position * record_beats;
        break;
      case Opcode::kValues:
        traffic.beats_read += position * record_beats;
        break;
      case Opcode::kKey:
      case Opcode::kValue:
        traffic.beats_written += tokens * (record_beats + 1);
        break;
      case Opcode::kLogits: {
        constexpr uint64_t kLogitsPerBeat = kBeatBytes / sizeof(float);
        traffic.beats_written += (tokens - first_logits) * ((in.rows + kLogitsPerBeat - 1) / kLogitsPerBeat);
        break;
      }
      default:
        break;
    }
  }
  return traffic;
}

}  // namespace brim
