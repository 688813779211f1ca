#include "sim/mcu.h"

#include <algorithm>

#include "base/concat.h"
#include "sim/latencies.h"
#include "sim/sequencer.h"

namespace brim::sim {

Mcu::Mcu(const Board& board, const PassProgram& program, const Design& design, const Dispatch& dispatch,
         Memory& memory, PrefetchFifo& fifo, Trace* trace)
    : program_(program),
      dispatch_(dispatch),
      memory_(memory),
      fifo_(fifo),
      trace_(trace),
      max_outstanding_(board.axi.max_outstanding_bursts),
      port_fifo_beats_(board.accelerator.port_fifo_beats),
      reads_(board, program, design),
      ports_(board.axi.port_count()) {
  for (Port& port : ports_) {
    port.joined_at.resize(port_fifo_beats_);
    port.burst_ends.resize(max_outstanding_);
  }
}

Task Mcu::generate() {
  Read read;
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    const Instruction& in = program_.steps[i].instruction;
    if (!is_for_stream(in.opcode)) continue;
    co_await until([&] { return dispatch_.known(i); });
    const Cycle start = std::max(next_issue_, dispatch_.at[i] + kQueue);
    started_.push_back(start);
    piece_ = std::max(piece_, dispatch_.at[i] + kQueue);
    reads_.start(program_.steps[i]);
    const bool rows = reads_rows(in.opcode);
    while (reads_.next(read)) {
      piece_ += rows ? kRow : kPiece;
      next_issue_ = std::max(next_issue_, piece_ + kPieceToBurst);
      issued_.push_back({read.port_beats, read.beats});
      for (size_t k = 0; k < read.bursts.size(); ++k) {
        co_await until([&] { return can_issue(read.bursts[k]); });
        issue(read.bursts[k]);
      }
    }
    if (trace_ != nullptr) trace_->span(Trace::Track::kMcu, 0, opcode_name(in.opcode), start, next_issue_);
  }
  generated_ = true;
}

bool Mcu::waits_for_burst(const PortBurst& burst) const {
  const Port& port = ports_[burst.port];
  return port.bursts >= max_outstanding_ &&
         port.burst_ends[port.bursts % max_outstanding_] + port_fifo_beats_ > port.requested + burst.beats;
}

// A burst needs all of its room in the port FIFO, and one of the port's outstanding bursts to be complete.
bool Mcu::can_issue(const PortBurst& burst) const {
  const Port& port = ports_[burst.port];
  if (port.requested + burst.beats > port.joined + port_fifo_beats_) return false;
  return !waits_for_burst(burst) ||
         memory_.arrived(burst.port) >= port.burst_ends[port.bursts % max_outstanding_];
}

Cycle Mcu::issue_cycle(const PortBurst& burst) const {
  const Port& port = ports_[burst.port];
  Cycle cycle = next_issue_;
  if (port.requested + burst.beats > port_fifo_beats_) {
    cycle =
        std::max(cycle, port.joined_at[(port.requested + burst.beats - 1) % port_fifo_beats_] + kJoinToRoom);
  }
  if (waits_for_burst(burst)) {
    cycle = std::max(cycle, memory_.arrival(burst.port, port.burst_ends[port.bursts % max_outstanding_] - 1));
  }
  return cycle;
}

void Mcu::issue(const PortBurst& burst) {
  Port& port = ports_[burst.port];
  const Cycle cycle = issue_cycle(burst);
  memory_.read(burst.port, burst.address, burst.beats, cycle + kBurstToAddress);
  port.requested += burst.beats;
  port.burst_ends[port.bursts++ % max_outstanding_] = port.requested;
  next_issue_ = cycle + 1;
  if (trace_ != nullptr && trace_->wants(cycle))
    port.traced.push_back({cycle, port.requested, burst.address});
}

bool Mcu::can_join(const JoinedRead& read) {
  while (read.port_beats[turn_] == 0) turn_ = (turn_ + 1) % static_cast<uint32_t>(ports_.size());
  return memory_.arrived(turn_) > ports_[turn_].joined && fifo_.room_known();
}

void Mcu::join_some(JoinedRead& read) {
  const uint32_t count = static_cast<uint32_t>(ports_.size());
  do {
    Port& port = ports_[turn_];
    const Cycle joined = std::max(last_push_, memory_.arrival(turn_, port.joined) + kArrivalToJoin);
    last_push_ = std::max(joined + kJoinToFifo, fifo_.room());
    blocked_cycles_ += last_push_ - (joined + kJoinToFifo);
    fifo_.push(last_push_);
    port.joined_at[port.joined++ % port_fifo_beats_] = joined;
    if (trace_ != nullptr) trace_join(turn_, joined);
    --read.port_beats[turn_];
    --read.beats;
    ++beats_;
    if (++turn_ == count) turn_ = 0;
  } while (read.beats > 0 && can_join(read));
}

void Mcu::trace_join(uint32_t index, Cycle cycle) {
  Port& port = ports_[index];
  if (!port.traced.empty() && port.traced.front().end == port.joined) {
    const TracedBurst& burst = port.traced.front();
    trace_->span(Trace::Track::kPort, index, concat("read 0x", std::hex, burst.address), burst.issued,
                 memory_.arrival(index, burst.end - 1));
    port.traced.pop_front();
  }
  if (beats_ % 16 == 0) trace_->fifo_level(cycle, fifo_.waiting());
}

Task Mcu::join() {
  while (true) {
    co_await until([&] { return generated_ || !issued_.empty(); });
    if (issued_.empty()) break;
    JoinedRead& read = issued_.front();
    turn_ = 0;
    while (read.beats > 0) {
      co_await until([&] { return can_join(read); });
      join_some(read);
    }
    issued_.pop_front();
  }
}

}  // namespace brim::sim
