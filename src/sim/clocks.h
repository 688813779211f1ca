// Time in the simulator: the accelerator counts cycles from the start of a pass, the memory nCK.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>

#include "board/board.h"

namespace brim::sim {

// Accelerator clocks since the start of the pass.
using Cycle = uint64_t;

// The exact ratio of the two clocks; a board's frequencies are taken to the kHz.
class Clocks {
 public:
  explicit Clocks(const Board& board) {
    const auto khz = [](double mhz) { return static_cast<uint64_t>(std::llround(mhz * 1000)); };
    const uint64_t memory = khz(board.ddr.clock_mhz);
    const uint64_t accelerator = khz(board.accelerator.clock_mhz);
    const uint64_t divisor = std::gcd(memory, accelerator);
    nck_ = memory / divisor;
    cycles_ = accelerator / divisor;
  }

  // The last nCK that starts no later than the cycle does.
  uint64_t nck(Cycle cycle) const { return cycle * nck_ / cycles_; }
  // The first cycle that starts no earlier than the nCK does.
  Cycle cycle(uint64_t nck) const { return (nck * cycles_ + nck_ - 1) / nck_; }

 private:
  uint64_t nck_;     // so many nCK ...
  uint64_t cycles_;  // ... are so many cycles
};

}  // namespace brim::sim
