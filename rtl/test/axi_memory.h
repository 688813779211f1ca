// A memory behind AXI4 ports of 128 bits, for testbenches. In every cycle of the design:
//
//   port.drive(signals);           // what the memory shows
//   ... copy it to the design, eval(), copy what the design shows into `signals` ...
//   port.finish(signals, reset);   // the rising edge: handshakes, and the protocol checker
//
// What a port shows never depends on what the design shows in the same cycle. Ports have latencies of their
// own, so data is reordered across ports, never within one.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <random>

#include "axi_checker.h"

namespace brim::rtl {

// Contents and faults, shared by all ports.
struct AxiMemory {
  std::function<AxiData(uint64_t address)> read = [](uint64_t) { return AxiData{}; };
  std::function<void(uint64_t address, const AxiData&, uint16_t strobes)> write = [](uint64_t, const AxiData&,
                                                                                     uint16_t) {};
  // Of the transfer at this address; a write burst answers with the worst of its transfers.
  std::function<AxiResponse(uint64_t address)> read_response = [](uint64_t) { return AxiResponse::kOkay; };
  std::function<AxiResponse(uint64_t address)> write_response = [](uint64_t) { return AxiResponse::kOkay; };
};

// The default is an ideal memory: always ready, a transfer per cycle after a fixed latency.
struct AxiTiming {
  uint32_t min_latency =
      20;  // cycles from an address to the first data, or from the last data to the response
  uint32_t max_latency = 20;
  uint32_t gap_percent = 0;    // of the cycles in which the memory could show valid
  uint32_t stall_percent = 0;  // of the cycles in which it could show ready
  // After an address, with this chance, no other one is taken for as many cycles.
  uint32_t hold_percent = 0, hold_cycles = 0;
  bool together =
      false;  // a write address and its first data are taken in one cycle, when both have been seen
};

// Memories at the limits of what AXI allows: the longest latency a board may have (800 ns at 300 MHz),
// addresses held off for thousands of cycles, and both channels of a write taken at once or not at all.
inline constexpr AxiTiming kFarMemory{.min_latency = 240, .max_latency = 240};
// Each answer after a latency of its own, from the shortest to the longest.
inline constexpr AxiTiming kUnevenMemory{.min_latency = 1, .max_latency = 240};
inline constexpr AxiTiming kHoldingMemory{
    .min_latency = 1, .max_latency = 60, .gap_percent = 10, .hold_percent = 2, .hold_cycles = 5000};
inline constexpr AxiTiming kTogetherMemory{
    .min_latency = 5, .max_latency = 120, .gap_percent = 20, .stall_percent = 30, .together = true};

// Dice of one port.
class AxiChance {
 public:
  AxiChance(const AxiTiming& timing, uint64_t seed) : timing_(timing), random_(seed) {}

  bool gap() { return percent(timing_.gap_percent); }
  bool stall() { return percent(timing_.stall_percent); }
  uint32_t hold() { return percent(timing_.hold_percent) ? timing_.hold_cycles : 0; }
  uint64_t latency() {
    return timing_.min_latency + random_() % (timing_.max_latency - timing_.min_latency + 1);
  }

 private:
  bool percent(uint32_t p) { return p > 0 && random_() % 100 < p; }

  const AxiTiming timing_;
  std::mt19937_64 random_;
};

class AxiReadPort {
 public:
  AxiReadPort(const AxiMemory& memory, const AxiTiming& timing, const AxiLimits& limits, uint64_t seed)
      : memory_(memory), chance_(timing, seed), checker_(limits) {}

  struct Burst {
    uint64_t address;
    uint32_t transfers;
    uint64_t ready_cycle;
  };

  // Called with each burst that was asked for.
  std::function<void(const Burst&)> on_burst = [](const Burst&) {};

  void drive(AxiReadSignals& signals) {
    signals.ar.ready = !chance_.stall() && held_ == 0;
    if (held_ > 0) --held_;
    if (!offering_) offering_ = !bursts_.empty() && bursts_.front().ready_cycle <= cycle_ && !chance_.gap();
    signals.r = {};
    signals.r.valid = offering_;
    if (!offering_) return;
    const Burst& burst = bursts_.front();
    const uint64_t address = burst.address + uint64_t{transfers_} * kAxiBytes;
    signals.r.data = memory_.read(address);
    signals.r.response = memory_.read_response(address);
    signals.r.last = transfers_ + 1 == burst.transfers;
  }

  void finish(const AxiReadSignals& signals, bool reset) {
    checker_.observe(signals, reset);
    if (signals.r.valid && signals.r.ready) {
      offering_ = false;
      if (++transfers_ == bursts_.front().transfers) {
        bursts_.pop_front();
        transfers_ = 0;
      }
    }
    if (signals.ar.valid && signals.ar.ready && !reset) {
      bursts_.push_back({signals.ar.address, signals.ar.length + 1u, cycle_ + chance_.latency()});
      held_ = chance_.hold();
      on_burst(bursts_.back());
    }
    ++cycle_;
  }

  bool idle() const { return bursts_.empty(); }
  const std::vector<std::string>& violations() const { return checker_.violations(); }

 private:
  const AxiMemory& memory_;
  AxiChance chance_;
  AxiReadChecker checker_;
  uint64_t cycle_ = 0;
  std::deque<Burst> bursts_;
  uint32_t transfers_ = 0;  // delivered of the first one
  uint32_t held_ = 0;       // cycles until an address is taken again
  bool offering_ = false;   // valid until ready
};

class AxiWritePort {
 public:
  AxiWritePort(const AxiMemory& memory, const AxiTiming& timing, const AxiLimits& limits, uint64_t seed)
      : memory_(memory), chance_(timing, seed), checker_(limits), together_(timing.together) {}

  void drive(AxiWriteSignals& signals) {
    signals.aw.ready = !chance_.stall() && held_ == 0;
    signals.w.ready = !chance_.stall();
    if (held_ > 0) --held_;
    if (together_) {
      const bool in_burst = !addresses_.empty();
      signals.aw.ready = signals.aw.ready && !in_burst && both_wait_;
      if (!in_burst) signals.w.ready = signals.aw.ready;
    }
    if (!offering_)
      offering_ = !responses_.empty() && responses_.front().ready_cycle <= cycle_ && !chance_.gap();
    signals.b = {};
    signals.b.valid = offering_;
    if (offering_) signals.b.response = responses_.front().response;
  }

  void finish(const AxiWriteSignals& signals, bool reset) {
    checker_.observe(signals, reset);
    if (signals.b.valid && signals.b.ready) {
      offering_ = false;
      responses_.pop_front();
    }
    both_wait_ = !reset && signals.aw.valid && !signals.aw.ready && signals.w.valid && !signals.w.ready;
    if (signals.aw.valid && signals.aw.ready && !reset) {
      addresses_.push_back({signals.aw.address, signals.aw.length + 1u});
      held_ = chance_.hold();
    }
    if (signals.w.valid && signals.w.ready && !reset) data_.push_back(signals.w);
    write_complete_bursts();
    ++cycle_;
  }

  bool idle() const { return addresses_.empty() && data_.empty() && responses_.empty(); }
  const std::vector<std::string>& violations() const { return checker_.violations(); }

 private:
  struct Address {
    uint64_t address;
    uint32_t transfers;
  };
  struct Response {
    AxiResponse response;
    uint64_t ready_cycle;
  };

  void write_complete_bursts() {
    while (!addresses_.empty() && data_.size() >= addresses_.front().transfers) {
      AxiResponse worst = AxiResponse::kOkay;
      for (uint32_t i = 0; i < addresses_.front().transfers; ++i) {
        const uint64_t address = addresses_.front().address + uint64_t{i} * kAxiBytes;
        memory_.write(address, data_.front().data, data_.front().strobes);
        worst = std::max(worst, memory_.write_response(address));
        data_.pop_front();
      }
      addresses_.pop_front();
      responses_.push_back({worst, cycle_ + chance_.latency()});
    }
  }

  const AxiMemory& memory_;
  AxiChance chance_;
  AxiWriteChecker checker_;
  const bool together_;
  bool both_wait_ = false;  // address and data
  uint32_t held_ = 0;       // cycles until an address is taken again
  uint64_t cycle_ = 0;
  std::deque<Address> addresses_;
  std::deque<AxiWriteDataSignals> data_;
  std::deque<Response> responses_;
  bool offering_ = false;
};

}  // namespace brim::rtl
