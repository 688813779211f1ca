// What the processor does between two passes: the accelerator waits until it has chosen the next token.
#pragma once

#include <cstdint>

#include "board/board.h"

namespace brim::sim {

// Instructions of the firmware's own code, greedy and without a grammar, as `bench/processor/instructions`
// counts them: checks of the logits, choosing, decoding and showing a token, the next pass's registers.
inline constexpr double kInstructionsPerPass = 1400;
inline constexpr double kInstructionsPerLogit = 9.9;

// Seconds for `choices` tokens of a vocabulary after `passes` passes; each choice reads a row of logits that
// the accelerator has written to memory.
inline double processor_seconds(const ProcessorDescription& processor, uint32_t vocabulary, double passes,
                                double choices) {
  const double instructions = passes * kInstructionsPerPass + choices * vocabulary * kInstructionsPerLogit;
  const double bytes = choices * vocabulary * sizeof(float);
  return instructions * processor.cycles_per_instruction / (processor.clock_mhz * 1e6) +
         bytes / (processor.uncached_megabytes_per_second * 1e6);
}

}  // namespace brim::sim
