#include "sim/write_buffer.h"

#include <algorithm>

#include "base/concat.h"
#include "isa/layout.h"
#include "sim/latencies.h"

namespace brim::sim {
namespace {

constexpr uint64_t kBurstBoundary = 4096;  // that no AXI4 burst crosses

}  // namespace

WriteBuffer::WriteBuffer(const Design& design, Memory& memory, Trace* trace)
    : drain_beats_(std::clamp(design.drain_beats, 1u, kBeats)),
      memory_(memory),
      trace_(trace),
      left_at_(kBeats) {}

Cycle WriteBuffer::add(uint64_t address, Cycle cycle) {
  if (beats_ >= kBeats) cycle = std::max(cycle, left_at_[beats_ % kBeats] + 1);
  held_.push_back({address, cycle});
  ++beats_;
  return cycle;
}

void WriteBuffer::flush(Cycle cycle) { flushed_ = cycle; }

Task WriteBuffer::run() {
  while (true) {
    co_await until([&] { return held_.size() >= drain_beats_ || flushed_; });
    if (held_.size() >= drain_beats_)
      co_await send(drain_beats_, held_[drain_beats_ - 1].put + kPutToTaken);
    else if (!held_.empty())
      co_await send(static_cast<uint32_t>(held_.size()), *flushed_ + kIdleToTaken);
    else
      break;
  }
  while (!under_way_.empty()) co_await response();
}

// Beats whose addresses follow one another in 4 KiB are a burst. It leaves when it cannot grow any more, and
// then the next beat is taken.
Task WriteBuffer::send(uint32_t beats, Cycle first_taken) {
  taken_ = std::max(taken_, first_taken - 1);
  while (beats > 0) {
    const uint32_t length = run_length(beats);
    taken_ = std::max(taken_ + 1, leaves_) + length - 1;
    leaves_ = std::max(taken_ + 1, leaves_ + kLeaveToLeave);
    if (under_way_.size() == kBursts) {
      co_await response();
      leaves_ = std::max(leaves_, last_response_ + kResponseToLeave);
    }
    const Cycle start = std::max(leaves_ + kLeaveToData, port_free_);
    port_free_ = start;
    for (uint32_t i = 0; i < length; ++i) {
      left_at_[left_++ % kBeats] = port_free_;
      port_free_ += memory_.beat_cycles();
      memory_.write(memory_.aux(), held_.front().address, port_free_);
      held_.pop_front();
    }
    under_way_.push_back(left_);
    beats -= length;
    if (trace_ != nullptr) {
      trace_->span(Trace::Track::kAuxWrite, 0, concat("write ", length, " beats"), start, port_free_);
    }
  }
}

// Waits for the response to the oldest burst.
Task WriteBuffer::response() {
  co_await until([&] { return memory_.written(memory_.aux()) >= under_way_.front(); });
  last_response_ = std::max(last_response_ + 1, memory_.acknowledged(memory_.aux(), under_way_.front()));
  under_way_.pop_front();
}

// Of the burst that begins with the first beat held and has `most` beats at most.
uint32_t WriteBuffer::run_length(uint32_t most) const {
  uint32_t length = 1;
  while (length < most && held_[length].address == held_[length - 1].address + kBeatBytes &&
         held_[length].address % kBurstBoundary != 0) {
    ++length;
  }
  return length;
}

}  // namespace brim::sim
