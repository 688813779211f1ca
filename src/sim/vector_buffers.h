// What VPU and SPU hand to one another, as times: blocks of vector buffers and results.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/clocks.h"

namespace brim::sim {

// One generation of a vector buffer: when each of its blocks was complete. Blocks are completed in order.
using Blocks = std::vector<Cycle>;

// Rows that the VPU has finished, taken by the SPU in ascending order. All lanes run in step, so it stands
// for the buffers of all tokens.
class ResultBuffer {
 public:
  explicit ResultBuffer(uint32_t capacity) : capacity_(capacity) {}

  // Whether it is known when there is room for `count` more, and since when. Whoever asks for the cycle adds
  // as many.
  bool room_known(uint32_t count) const { return produced_ + count <= taken_ + capacity_; }
  Cycle room(uint32_t count) {
    if (produced_ + count <= capacity_) return 0;
    const uint64_t needed = produced_ + count - capacity_;  // results that must have been taken
    while (taken_runs_.front().end < needed) taken_runs_.pop_front();
    return taken_runs_.front().last - (taken_runs_.front().end - needed) + 1;
  }
  // `count` results, one per cycle from `first` on.
  void add(uint32_t count, Cycle first) {
    produced_ += count;
    runs_.push_back({count, first});
  }

  uint64_t produced() const { return produced_; }
  bool available() const { return !runs_.empty(); }

  struct Run {
    uint32_t count;
    Cycle first;
  };
  // The results that come next. Precondition: available().
  const Run& next() const { return runs_.front(); }
  // Takes `count` (at most next().count), one per cycle, the last one in cycle `last`.
  void take(uint32_t count, Cycle last) {
    taken_ += count;
    taken_runs_.push_back({taken_, last});
    Run& run = runs_.front();
    run.count -= count;
    run.first += count;
    if (run.count == 0) runs_.pop_front();
  }

 private:
  struct Taken {
    uint64_t end;  // results taken by then, in all
    Cycle last;
  };

  const uint32_t capacity_;
  uint64_t produced_ = 0;
  uint64_t taken_ = 0;
  std::deque<Run> runs_;
  std::deque<Taken> taken_runs_;
};

// Everything that VPU and SPU wait for.
struct VectorBuffers {
  explicit VectorBuffers(uint32_t result_capacity) : results(result_capacity) {}

  ResultBuffer results;
  std::vector<Blocks> generations;  // of normed, attention, hidden and Q, as numbered by PassProgram
  std::vector<Blocks> local_keys;   // per generation of Q: per KV head
  std::vector<Blocks> local_values;
  Blocks embedding;  // per token: its row is in the lane

  // Of the n-th `scores` of the pass and the `softmax` and `values` that belong to it.
  Blocks scores;                // all scores are there
  Blocks scores_free;           // softmax has read scores and V scales
  std::vector<Blocks> weights;  // per block of 64 positions, for all query heads
};

}  // namespace brim::sim
