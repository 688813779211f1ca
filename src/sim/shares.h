// What a run comes to: rates, and shares of what board and memory could do.
#pragma once

#include <optional>

#include "board/board.h"
#include "sim/run.h"
#include "sim/subject.h"

namespace brim::sim {

// The shares of a run, each as docs/simulator.md defines it.
struct Shares {
  double seconds = 0;
  double tokens_per_second = 0;                    // of prompt and output
  std::optional<double> decode_tokens_per_second;  // none: no token was decoded
  double ttft_seconds = 0;
  double card_seconds = 0;  // of `seconds`, waiting for rows from the card
  // The processor's between two passes that decode, an estimate; `seconds` is the accelerator's and has none
  // of it.
  double processor_seconds = 0;
  std::optional<double> decode_tokens_per_second_with_processor;
  // Whose tokens the shares of a token count: the generated ones, without any the prompt's.
  const char* counted = "generated";
  double bytes_per_token = 0;
  double peak_bytes_per_second = 0;
  double bandwidth_share = 0;
  double limit_tokens_per_second = 0;
  double limit_share = 0;
  double ddr_limited_share = 0;
  double error_bound_share = 0;
};
Shares shares_of(const Board& board, const Subject& subject, const RunResult& run);

}  // namespace brim::sim
