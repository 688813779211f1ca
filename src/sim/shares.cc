#include "sim/shares.h"

#include "sim/processor.h"

namespace brim::sim {

Shares shares_of(const Board& board, const Subject& subject, const RunResult& run) {
  const double clock = board.accelerator.clock_mhz * 1e6;
  const Totals all = run.all();
  const Totals& tokens = run.decode.tokens > 0 ? run.decode : run.prompt;
  Shares shares;
  shares.seconds = all.all_cycles() / clock;
  shares.tokens_per_second = all.tokens / shares.seconds;
  if (run.decode.tokens > 0)
    shares.decode_tokens_per_second = run.decode.tokens / (run.decode.all_cycles() / clock);
  shares.ttft_seconds = run.prompt.all_cycles() / clock;
  shares.card_seconds = all.card_cycles / clock;
  shares.processor_seconds =
      processor_seconds(board.processor, subject.program.program.header.vocabulary, 1, 1);
  if (shares.decode_tokens_per_second) {
    shares.decode_tokens_per_second_with_processor =
        1 / (1 / *shares.decode_tokens_per_second + shares.processor_seconds);
  }
  shares.counted = run.decode.tokens > 0 ? "generated" : "prompt";
  shares.bytes_per_token = tokens.bytes / tokens.tokens;
  shares.peak_bytes_per_second = board.ddr.peak_bytes_per_second();
  shares.bandwidth_share = all.bytes / shares.seconds / shares.peak_bytes_per_second;
  shares.limit_tokens_per_second =
      shares.peak_bytes_per_second / (0.5 * static_cast<double>(subject.streamed_weights));
  shares.limit_share = tokens.tokens / (tokens.all_cycles() / clock) / shares.limit_tokens_per_second;
  shares.ddr_limited_share = all.memory_cycles / all.cycles;
  shares.error_bound_share = run.error_bound_cycles / all.cycles;
  return shares;
}

}  // namespace brim::sim
