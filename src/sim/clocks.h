// Time in the simulator: the accelerator counts cycles from the start of a pass, the memory nCK, the switch
// between them edges of its own clock.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>

#include "board/board.h"

namespace brim::sim {

// Accelerator clocks since the start of the pass.
using Cycle = uint64_t;

// Converts times of one clock to another's, exactly. Frequencies are taken to the kHz, so that a time may
// have up to 2^40 clocks.
class ClockRatio {
 public:
  ClockRatio(double from_mhz, double to_mhz) {
    const uint64_t from = khz(from_mhz), to = khz(to_mhz), divisor = std::gcd(from, to);
    times_ = to / divisor;
    per_ = from / divisor;
    reciprocal_ = ~uint64_t{0} / per_ + 1;
  }

  // The last edge of the other clock that is no later than edge `time`, and the first that is no earlier.
  uint64_t before(uint64_t time) const { return divided(time * times_); }
  uint64_t after(uint64_t time) const { return divided(time * times_ + per_ - 1); }

 private:
  static uint64_t khz(double mhz) { return static_cast<uint64_t>(std::llround(mhz * 1000)); }

  // value / per_ by a multiplication, whose result may be one too large.
  uint64_t divided(uint64_t value) const {
    if (per_ == 1) return value;
    __extension__ using Wide = unsigned __int128;
    const auto quotient = static_cast<uint64_t>((Wide{value} * reciprocal_) >> 64);
    return quotient - (quotient * per_ > value);
  }

  uint64_t times_;
  uint64_t per_;
  uint64_t reciprocal_;  // 2^64 / per_, rounded up
};

// Accelerator and memory.
class Clocks {
 public:
  explicit Clocks(const Board& board)
      : nck_(board.accelerator.clock_mhz, board.ddr.clock_mhz),
        cycle_(board.ddr.clock_mhz, board.accelerator.clock_mhz) {}

  // The last nCK that starts no later than the cycle does.
  uint64_t nck(Cycle cycle) const { return nck_.before(cycle); }
  // The first cycle that starts no earlier than the nCK does.
  Cycle cycle(uint64_t nck) const { return cycle_.after(nck); }

 private:
  ClockRatio nck_;
  ClockRatio cycle_;
};

}  // namespace brim::sim
