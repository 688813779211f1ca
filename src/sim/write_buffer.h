// Write buffer: KV records, scales and logits collect here and leave through the aux port in long runs,
// because every turn of the memory bus between reads and writes idles it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/memory.h"
#include "sim/options.h"
#include "sim/trace.h"

namespace brim::sim {

class WriteBuffer {
 public:
  static constexpr uint32_t kBeats = 256;  // 16 KiB

  WriteBuffer(const Design& design, Memory& memory, Trace* trace);

  // Puts in one beat in this cycle or, if the buffer is full, when it has room; returns that cycle. Cycles
  // must not decrease.
  Cycle add(uint64_t address, Cycle cycle);
  // Sends all that is left; nothing may be added later.
  void flush(Cycle cycle);

  uint64_t beats() const { return beats_; }

 private:
  void drain(Cycle cycle);

  const uint32_t drain_beats_;
  Memory& memory_;
  Trace* const trace_;
  std::vector<uint64_t> held_;  // addresses
  std::vector<Cycle> left_at_;  // of the last kBeats beats
  uint64_t left_ = 0;           // beats sent
  Cycle port_free_ = 0;
  uint64_t beats_ = 0;
};

}  // namespace brim::sim
