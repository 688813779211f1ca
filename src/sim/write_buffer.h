// Write buffer: KV records, scales and logits collect here and leave through the aux port in long runs,
// because every turn of the memory bus between reads and writes idles it (rtl/write_port.sv).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sim/memory.h"
#include "sim/options.h"
#include "sim/task.h"
#include "sim/trace.h"

namespace brim::sim {

class WriteBuffer {
 public:
  static constexpr uint32_t kBeats = 256;  // 16 KiB
  static constexpr uint32_t kBursts = 16;  // under way at most

  WriteBuffer(const Design& design, Memory& memory, Trace* trace);

  // Sends what is put in, until all that was there when it was flushed is acknowledged.
  Task run();

  // Whether it is known when there is room for the next beat.
  bool room_known() const { return beats_ < left_ + kBeats; }
  // Puts in one beat in this cycle or, if the buffer is full, when it has room; returns that cycle. Cycles
  // must not decrease. Precondition: room_known().
  Cycle add(uint64_t address, Cycle cycle);
  // Sends all that is left. Units have done their last work in this cycle; nothing may be added later.
  void flush(Cycle cycle);

  uint64_t beats() const { return beats_; }
  // When the last response came, once run() is over.
  Cycle last_response() const { return last_response_; }

 private:
  struct Beat {
    uint64_t address;
    Cycle put;
  };

  Task send(uint32_t beats, Cycle first_taken);
  Task response();
  uint32_t run_length(uint32_t most) const;

  const uint32_t drain_beats_;
  Memory& memory_;
  Trace* const trace_;
  std::deque<Beat> held_;       // not yet sent
  std::vector<Cycle> left_at_;  // of the last kBeats beats
  uint64_t beats_ = 0;          // put in
  uint64_t left_ = 0;           // sent
  std::optional<Cycle> flushed_;
  std::deque<uint64_t> under_way_;  // bursts without a response: beats sent up to the end of each
  Cycle taken_ = 0;                 // the last beat was taken into its burst
  Cycle leaves_ = 0;                // the last burst left
  Cycle port_free_ = 0;
  Cycle last_response_ = 0;
};

}  // namespace brim::sim
