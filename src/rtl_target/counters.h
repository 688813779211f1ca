// What the accelerator counts in a pass.
#pragma once

#include <array>
#include <cstdint>

#include "isa/registers.h"

namespace brim::rtl_target {

struct Counters {
  uint64_t cycles = 0;
  uint64_t beats_read = 0;
  uint64_t beats_written = 0;
  std::array<uint64_t, registers::kStalls.size()> stalls{};  // as registers::kStalls
  uint64_t fifo_full = 0;
  uint64_t port_idle = 0;

  Counters& operator+=(const Counters& other) {
    cycles += other.cycles;
    beats_read += other.beats_read;
    beats_written += other.beats_written;
    for (size_t i = 0; i < stalls.size(); ++i) stalls[i] += other.stalls[i];
    fifo_full += other.fifo_full;
    port_idle += other.port_idle;
    return *this;
  }
  friend bool operator==(const Counters&, const Counters&) = default;
};

}  // namespace brim::rtl_target
