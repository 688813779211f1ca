// What VPU and SPU hand to one another, as times: blocks of vector buffers and results.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "isa/accelerator_limits.h"
#include "sim/clocks.h"

namespace brim::sim {

// One generation of a vector buffer: when each of its blocks was complete. Blocks are completed in order.
using Blocks = std::vector<Cycle>;

// Rows that the VPU has finished, taken by the SPU in ascending order. A slot holds a row block, or what
// `values` yields for one query head. All lanes run in step, so it stands for the buffers of all tokens.
class ResultBuffer {
 public:
  static constexpr uint32_t kSlots = kMostRounds;  // of 128 results
  static constexpr Cycle kReadAhead = 3;           // rows are read so long before they are taken

  // Whether it is known when there is room for so many slots more, and since when. Whoever asks for the cycle
  // then fills as many.
  bool room_known(uint32_t slots) const { return filled_ + slots <= emptied_ + kSlots; }
  Cycle room(uint32_t slots) {
    if (filled_ + slots <= kSlots) return 0;
    const uint64_t needed = filled_ + slots - kSlots;  // slots that must have been emptied
    while (emptied_ - emptied_at_.size() + 1 < needed) emptied_at_.pop_front();
    return emptied_at_.front() + 1;
  }
  // Fills a slot: `count` results, one per cycle from `first` on.
  void add(uint32_t count, Cycle first) {
    ++filled_;
    runs_.push_back({count, first});
  }

  bool available() const { return !runs_.empty(); }

  struct Run {
    uint32_t count;
    Cycle first;
  };
  // The results that come next, of one slot. Precondition: available().
  const Run& next() const { return runs_.front(); }
  // Takes `count` (at most next().count), one per cycle, the last one in cycle `last`.
  void take(uint32_t count, Cycle last) {
    Run& run = runs_.front();
    run.count -= count;
    run.first += count;
    if (run.count > 0) return;
    runs_.pop_front();
    ++emptied_;
    emptied_at_.push_back(last - std::min(last, kReadAhead));
  }

 private:
  uint64_t filled_ = 0;
  uint64_t emptied_ = 0;
  std::deque<Run> runs_;
  std::deque<Cycle> emptied_at_;  // of the slots emptied last
};

// Everything that VPU and SPU wait for.
struct VectorBuffers {
  ResultBuffer results;
  std::vector<Blocks> generations;  // of normed, attention, hidden and Q, as numbered by PassProgram
  Blocks embedding_room;            // per token: the SPU takes its embedding row
  Blocks embedding;                 // per token: its row is in the buffer

  // Of the n-th `scores` of the pass and the `softmax` and `values` that belong to it.
  Blocks scores;      // all scores are there
  Blocks weights;     // all weights are
  Blocks key_scales;  // of the n-th `key_scale`, before the n-th `scores`: K's scale is written

  Blocks routes;  // of the n-th `route`: the list of the pass's experts is there
};

}  // namespace brim::sim
