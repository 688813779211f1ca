// Unpacker and VPU: take the beats of the stream in order, a beat per cycle unless something is not ready.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "board/board.h"
#include "sim/latencies.h"
#include "sim/pass_program.h"
#include "sim/sequencer.h"
#include "sim/stream.h"
#include "sim/task.h"
#include "sim/trace.h"
#include "sim/vector_buffers.h"

namespace brim::sim {

inline constexpr uint32_t kWeightsPerBeat = kBeatBytes * 2;

// That the lanes take to multiply a beat of weights.
inline Cycle weight_beat_cycles(const AcceleratorDescription& accelerator) {
  return std::max(1u, kWeightsPerBeat / accelerator.vpu_lanes);
}

// A pause of the stream for other reasons than an empty FIFO.
struct Bubble {
  Cycle cycles = 0;
  Stall cause = Stall::kActivation;  // of most of its cycles
  uint32_t step = 0;                 // that was under way when it ended
  Cycle at = 0;                      // its last cycle
};

class Vpu {
 public:
  Vpu(const Board& board, const PassProgram& program, const Design& design, const Dispatch& dispatch,
      PrefetchFifo& fifo, VectorBuffers& buffers, Trace* trace);

  Task run();

  const std::vector<Cycle>& started() const { return started_; }

  const StallCycles& stalls() const { return stalls_; }
  const Bubble& worst_bubble() const { return worst_; }
  Cycle taken_cycles() const { return taken_cycles_; }  // that beats took: one each, unless lanes are few
  Cycle first_beat() const { return first_beat_; }
  // The first cycle after the last beat, and after the VPU's last work.
  Cycle last_beat_end() const { return idle_from_; }
  Cycle end() const { return cursor_; }

 private:
  struct Pause {
    Stall cause;
    Cycle until;
  };

  // Activation blocks on their way to the lanes, a ring of slots (rtl/activation_refill.sv).
  class Refill {
   public:
    static constexpr uint64_t kSlots = 16;
    void start(Cycle cycle) { next_ = std::max(next_, cycle); }
    // Fetches the next block, complete in cycle `complete`; returns when it is in the lanes. The page before
    // the one that needs it must have been released.
    Cycle fetch(Cycle complete);
    void release(uint32_t blocks, Cycle cycle);

   private:
    std::array<Cycle, kSlots> free_{};  // of each slot
    uint64_t fetched_ = 0, released_ = 0;
    Cycle next_ = 0;
  };

  Task matvec(const Step& step);
  Task scores(const Step& step);
  Task values(const Step& step);
  Task take(uint64_t beats, Cycle cycles_per_beat);
  Task take_pages(const Instruction& in, const KvFormat& kv,
                  Cycle (*issue_cycles)(const KvFormat&, uint32_t records));

  void take_available(uint64_t& beats, Cycle cycles_per_beat);
  void wait(Cycle ready, Stall cause);
  void settle(Cycle beat_ready, Cycle taken);
  void work(Cycle cycles);
  uint32_t rounds() const;

  const PassProgram& program_;
  const Dispatch& dispatch_;
  PrefetchFifo& fifo_;
  VectorBuffers& buffers_;
  Trace* const trace_;
  const bool ideal_;
  const Cycle weight_beat_cycles_;
  const uint32_t lanes_;    // token slots
  const bool scaled_keys_;  // a norm over all heads: scores wait for K's scale

  std::vector<Cycle> started_;
  uint32_t step_ = 0;
  Cycle cursor_ = 0;     // first cycle in which the next beat could be taken
  Cycle idle_from_ = 0;  // the same, had nothing been waited for since the last beat
  std::vector<Pause> pauses_;
  bool any_beat_ = false;
  uint32_t pages_of_run_ = 0;  // weight pages since the last kStream
  Refill refill_;
  Cycle paired_ = 0;               // the last page of weights is in the lanes
  std::vector<Cycle> round_ends_;  // last issue of each round of the last page of K or V

  StallCycles stalls_{};
  Bubble worst_;
  Cycle taken_cycles_ = 0;
  Cycle first_beat_ = 0;
};

}  // namespace brim::sim
