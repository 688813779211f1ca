// What a pass moves over the memory bus.
#pragma once

#include <cstdint>

#include "engine/executor.h"
#include "isa/program.h"

namespace brim {

struct PassTraffic {
  uint64_t beats_read = 0;
  uint64_t beats_written = 0;  // a scale's two bytes count as a beat
};

// As docs/program.md, "Reads of the MCU", has it, for `tokens` tokens from `position` on, of which those from
// `first_logits` on give logits. `experts`: those that they have chosen, of a program with experts.
PassTraffic pass_traffic(const Program& program, uint32_t position, uint32_t tokens, uint32_t first_logits,
                         const PassExperts& experts = {});

}  // namespace brim
