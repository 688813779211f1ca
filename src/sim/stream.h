// The prefetch FIFO, and why the VPU does not take a beat from it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "isa/registers.h"
#include "sim/clocks.h"

namespace brim::sim {

using registers::Stall;
inline constexpr size_t kStalls = registers::kStalls.size();
using StallCycles = std::array<uint64_t, kStalls>;  // by cause

// When each beat enters and leaves. Its depth is a power of two.
class PrefetchFifo {
 public:
  static constexpr Cycle kLatency = 3;  // write to earliest read

  explicit PrefetchFifo(uint32_t depth) : mask_(depth - 1), pushed_at_(depth), popped_at_(depth) {}

  uint64_t pushed() const { return pushed_; }
  uint64_t popped() const { return popped_; }
  uint64_t waiting() const { return pushed_ - popped_; }
  // Most beats that have been in it at a time.
  uint64_t peak() const { return peak_; }

  // Whether it is known when there is room for the next beat, and the first cycle with room.
  bool room_known() const { return waiting() <= mask_; }
  Cycle room() const { return pushed_ <= mask_ ? 0 : popped_at_[pushed_ & mask_] + 1; }
  void push(Cycle cycle) {
    pushed_at_[pushed_++ & mask_] = cycle;
    while (left_ < popped_ && popped_at_[left_ & mask_] <= cycle) ++left_;
    peak_ = std::max(peak_, pushed_ - left_);
  }

  // First cycle in which the next beat can leave. Precondition: waiting() > 0.
  Cycle ready() const { return pushed_at_[popped_ & mask_] + kLatency; }
  void pop(Cycle cycle) { popped_at_[popped_++ & mask_] = cycle; }

 private:
  const uint64_t mask_;
  std::vector<Cycle> pushed_at_;
  std::vector<Cycle> popped_at_;
  uint64_t pushed_ = 0;
  uint64_t popped_ = 0;
  uint64_t left_ = 0;  // beats popped by the cycle of the last push
  uint64_t peak_ = 0;
};

}  // namespace brim::sim
