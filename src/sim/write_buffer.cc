#include "sim/write_buffer.h"

#include <algorithm>

#include "base/concat.h"

namespace brim::sim {

WriteBuffer::WriteBuffer(const Design& design, Memory& memory, Trace* trace)
    : drain_beats_(std::clamp(design.drain_beats, 1u, kBeats)),
      memory_(memory),
      trace_(trace),
      left_at_(kBeats) {}

Cycle WriteBuffer::add(uint64_t address, Cycle cycle) {
  // At most drain_beats_ - 1 beats are held, so it is known when the beat left that must make room.
  if (beats_ >= kBeats) cycle = std::max(cycle, left_at_[beats_ % kBeats] + 1);
  held_.push_back(address);
  ++beats_;
  if (held_.size() >= drain_beats_) drain(cycle);
  return cycle;
}

void WriteBuffer::flush(Cycle cycle) { drain(cycle); }

void WriteBuffer::drain(Cycle cycle) {
  if (held_.empty()) return;
  const Cycle start = std::max(cycle, port_free_);
  port_free_ = start;
  for (const uint64_t address : held_) {
    port_free_ += memory_.beat_cycles();
    memory_.write(address, port_free_);
    left_at_[left_++ % kBeats] = port_free_;
  }
  if (trace_ != nullptr) {
    trace_->span(Trace::Track::kAuxWrite, 0, concat("write ", held_.size(), " beats"), start, port_free_);
  }
  held_.clear();
}

}  // namespace brim::sim
