// What the accelerator counts in a pass. Freestanding.
#pragma once

#include <array>
#include <cstdint>

#include "isa/registers.h"

namespace brim::accelerator {

struct Counters {
  uint64_t cycles = 0;
  uint64_t beats_read = 0;
  uint64_t beats_written = 0;
  uint64_t fifo_full = 0;
  uint64_t port_idle = 0;
  std::array<uint64_t, registers::kStalls.size()> stalls{};  // as registers::kStalls

  Counters& operator+=(const Counters& other);
  friend bool operator==(const Counters&, const Counters&) = default;
};

// The counters besides the stalls, and their registers.
struct CounterRegister {
  uint64_t Counters::*value;
  uint32_t offset;
};
inline constexpr CounterRegister kCounters[] = {{&Counters::cycles, registers::kCycles},
                                                {&Counters::beats_read, registers::kBeatsRead},
                                                {&Counters::beats_written, registers::kBeatsWritten},
                                                {&Counters::fifo_full, registers::kFifoFull},
                                                {&Counters::port_idle, registers::kPortIdle}};

inline Counters& Counters::operator+=(const Counters& other) {
  for (const CounterRegister& counter : kCounters) this->*counter.value += other.*counter.value;
  for (size_t i = 0; i < stalls.size(); ++i) stalls[i] += other.stalls[i];
  return *this;
}

// Of the last pass.
template <typename Registers>
Counters read_counters(Registers& block) {
  Counters result;
  for (const CounterRegister& counter : kCounters) result.*counter.value = block.read(counter.offset);
  for (size_t i = 0; i < registers::kStalls.size(); ++i)
    result.stalls[i] = block.read(registers::kStalls[i].offset);
  return result;
}

}  // namespace brim::accelerator
