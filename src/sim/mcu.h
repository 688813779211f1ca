// MCU, read side: issues the bursts of the ports, joins their beats into one stream and fills the prefetch
// FIFO.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "board/board.h"
#include "sim/memory.h"
#include "sim/reads.h"
#include "sim/stream.h"
#include "sim/task.h"
#include "sim/trace.h"

namespace brim::sim {

struct Dispatch;

class Mcu {
 public:
  Mcu(const Board& board, const PassProgram& program, const Design& design, const Dispatch& dispatch,
      Memory& memory, PrefetchFifo& fifo, Trace* trace);

  // The read command generator, and the join.
  Task generate();
  Task join();

  // When the n-th instruction with reads was taken from the MCU's queue.
  const std::vector<Cycle>& started() const { return started_; }

  uint64_t beats() const { return beats_; }
  // Cycles in which the join had a beat and no room for it.
  Cycle blocked_cycles() const { return blocked_cycles_; }

 private:
  struct TracedBurst {
    Cycle issued;
    uint64_t end;  // beats
    uint64_t address;
  };
  struct Port {
    uint64_t requested = 0;  // beats
    uint64_t joined = 0;
    std::vector<Cycle> joined_at;      // of the last port_fifo_beats_ beats
    std::vector<uint64_t> burst_ends;  // beats, of the last `max_outstanding` bursts
    uint64_t bursts = 0;
    std::deque<TracedBurst> traced;  // not wholly joined
  };
  struct JoinedRead {
    std::array<uint32_t, kMaxAxiPorts> port_beats;
    uint32_t beats;
  };

  // Whether the port's `max_outstanding_` limit matters for the burst: not for bursts so long ago that the
  // room in the port FIFO implies their end.
  bool waits_for_burst(const PortBurst& burst) const;
  bool can_issue(const PortBurst& burst) const;
  Cycle issue_cycle(const PortBurst& burst) const;
  void issue(const PortBurst& burst);
  bool can_join(const JoinedRead& read);
  void join_some(JoinedRead& read);
  void trace_join(uint32_t port, Cycle cycle);

  const PassProgram& program_;
  const Dispatch& dispatch_;
  Memory& memory_;
  PrefetchFifo& fifo_;
  Trace* const trace_;
  const uint32_t max_outstanding_;
  const uint32_t port_fifo_beats_;
  ReadList reads_;

  std::vector<Port> ports_;
  std::vector<Cycle> started_;
  std::deque<JoinedRead> issued_;  // reads that are not wholly joined
  bool generated_ = false;
  Cycle piece_ = 0;       // the last piece was formed
  Cycle next_issue_ = 0;  // a port can take the next burst
  Cycle last_push_ = 0;   // into the prefetch FIFO
  uint32_t turn_ = 0;
  uint64_t beats_ = 0;
  Cycle blocked_cycles_ = 0;
};

}  // namespace brim::sim
