// What the memory tester measures, by one driver for the firmware and for the RTL in Verilator. Freestanding.
#pragma once

#include <array>
#include <cstdint>

#include "memtest/registers.h"

namespace brim::memtest {

// Of a port, or of all together where the fields say so.
struct PortFigures {
  uint32_t read_mb_per_s = 0;      // 1e6 B/s, of the port alone
  uint32_t write_mb_per_s = 0;     // likewise
  uint32_t mixed_mb_per_s = 0;     // both directions at once, their sum
  uint32_t together_mb_per_s = 0;  // reading while all ports read
  uint32_t idle_ns = 0;            // mean latency of bursts one at a time
  uint32_t loaded_ns = 0;          // mean latency while all ports read
  uint32_t loaded_max_ns = 0;
  uint32_t errors = 0;  // transfers with wrong data, and responses that were not OKAY
  uint64_t error_address = 0;
  std::array<uint32_t, kBins> histogram{};  // of the loaded latencies
};

struct Figures {
  uint32_t clock_khz = 0;
  std::array<PortFigures, kPorts> ports;

  uint32_t together_mb_per_s() const {
    uint32_t sum = 0;
    for (const PortFigures& port : ports) sum += port.together_mb_per_s;
    return sum;
  }
  uint32_t errors() const {
    uint32_t sum = 0;
    for (const PortFigures& port : ports) sum += port.errors;
    return sum;
  }
};

struct Range {
  uint64_t base;   // a multiple of 64 KiB
  uint64_t bytes;  // a power of two, at least 16 pages
};

// `Block` has read(offset) and write(offset, value); wait() is called while ports are busy and says whether
// to go on.
template <typename Block, typename Wait>
class Tester {
 public:
  // `memory` is written over, in halves: one is written first and then read, mixed patterns write to the
  // other.
  Tester(Block& block, Range memory, uint32_t bursts, const Wait& wait)
      : block_(block), memory_(memory), bursts_(bursts), wait_(wait) {}

  // False if a port did not finish.
  bool run(Figures& figures) {
    figures.clock_khz = block_.read(kClockKhz);
    block_.write(kLength, kBurstBytes / 16 - 1);
    block_.write(kStride, kPageBytes / kUnit);
    block_.write(kWrap, static_cast<uint32_t>(memory_.bytes / 2 / kUnit - 1));
    for (uint32_t i = 0; i < kPorts; ++i) {
      // Each port has its quarter of every page, as the accelerator's; the fifth that of the first.
      const uint64_t base = memory_.base + i % 4 * kBurstBytes;
      block_.write(kPort + i * kPortBytes + kReadBase, static_cast<uint32_t>(base / kUnit));
      block_.write(kPort + i * kPortBytes + kWriteBase, static_cast<uint32_t>(base / kUnit));
    }
    for (uint32_t i = 0; i < kPorts; ++i) {
      if (!start(1u << i, kWrites, bursts_, kDeep)) return false;
      figures.ports[i].write_mb_per_s = rate(i, kWritten, figures.clock_khz);
      note_errors(i, figures);
    }
    for (uint32_t i = 0; i < kPorts; ++i) {
      if (!start(1u << i, kReads, bursts_, kDeep)) return false;
      figures.ports[i].read_mb_per_s = rate(i, kRead, figures.clock_khz);
      note_errors(i, figures);
      if (!start(1u << i, kReads, kIdleBursts, 1)) return false;
      figures.ports[i].idle_ns = nanoseconds(of(i, kLatencySum) / kIdleBursts, figures.clock_khz);
      note_errors(i, figures);
    }
    if (!start((1u << kPorts) - 1, kReads, bursts_, kDeep)) return false;
    for (uint32_t i = 0; i < kPorts; ++i) {
      PortFigures& port = figures.ports[i];
      port.together_mb_per_s = rate(i, kRead, figures.clock_khz);
      port.loaded_ns = nanoseconds(of(i, kLatencySum) / bursts_, figures.clock_khz);
      port.loaded_max_ns = nanoseconds(of(i, kLatencyMax), figures.clock_khz);
      for (uint32_t bin = 0; bin < kBins; ++bin) port.histogram[bin] = of(i, kHistogram + 4 * bin);
      note_errors(i, figures);
    }
    for (uint32_t i = 0; i < kPorts; ++i) {
      const uint64_t other = memory_.base + memory_.bytes / 2 + i % 4 * kBurstBytes;
      block_.write(kPort + i * kPortBytes + kWriteBase, static_cast<uint32_t>(other / kUnit));
      if (!start(1u << i, kReads | kWrites, bursts_, kDeep)) return false;
      figures.ports[i].mixed_mb_per_s =
          rate(i, kRead, figures.clock_khz) + rate(i, kWritten, figures.clock_khz);
      note_errors(i, figures);
    }
    return true;
  }

 private:
  static constexpr uint64_t kUnit = 64, kPageBytes = 8192, kBurstBytes = 2048;
  static constexpr uint32_t kReads = 1, kWrites = 2;
  static constexpr uint32_t kDeep = 4;  // what the accelerator's port FIFOs have room for
  static constexpr uint32_t kIdleBursts = 64;

  uint32_t of(uint32_t port, uint32_t offset) { return block_.read(kPort + port * kPortBytes + offset); }

  bool start(uint32_t mask, uint32_t mode, uint32_t bursts, uint32_t outstanding) {
    block_.write(kMask, mask);
    block_.write(kMode, mode);
    block_.write(kBursts, bursts);
    block_.write(kOutstanding, outstanding);
    block_.write(kControl, 1);
    while (block_.read(kControl) != 0) {
      if (!wait_()) return false;
    }
    return true;
  }

  uint32_t rate(uint32_t port, uint32_t counter, uint32_t clock_khz) {
    const uint64_t bytes = uint64_t{of(port, counter)} * 16;
    const uint64_t cycles = of(port, kCycles);
    return cycles == 0 ? 0 : static_cast<uint32_t>(bytes * clock_khz / cycles / 1000);
  }

  static uint32_t nanoseconds(uint32_t cycles, uint32_t clock_khz) {
    return clock_khz == 0 ? 0 : static_cast<uint32_t>(uint64_t{cycles} * 1'000'000 / clock_khz);
  }

  void note_errors(uint32_t i, Figures& figures) {
    PortFigures& port = figures.ports[i];
    const uint32_t errors = of(i, kErrors);
    if (port.errors == 0 && errors != 0) port.error_address = uint64_t{of(i, kErrorAddress)} * kUnit;
    port.errors += errors;
  }

  Block& block_;
  const Range memory_;
  const uint32_t bursts_;
  const Wait& wait_;
};

// The table, piece by piece to `print`, which takes std::string_view-like text and uint64_t. `names` of the
// ports.
template <typename Print>
void print_figures(const Figures& figures, const std::array<const char*, kPorts>& names, const Print& print) {
  print("memory tester ", uint64_t{figures.clock_khz}, " kHz\n");
  for (uint32_t i = 0; i < kPorts; ++i) {
    const PortFigures& port = figures.ports[i];
    print("memory port ", names[i], " read ", uint64_t{port.read_mb_per_s}, " write ",
          uint64_t{port.write_mb_per_s}, " mixed ", uint64_t{port.mixed_mb_per_s}, " together ",
          uint64_t{port.together_mb_per_s}, " MB/s, latency idle ", uint64_t{port.idle_ns}, " loaded ",
          uint64_t{port.loaded_ns}, " most ", uint64_t{port.loaded_max_ns}, " ns, errors ",
          uint64_t{port.errors}, "\n");
    if (port.errors != 0) print("  first error near address ", port.error_address, "\n");
  }
  print("memory together ", uint64_t{figures.together_mb_per_s()}, " MB/s, errors ",
        uint64_t{figures.errors()}, "\nloaded latencies, bursts per bin of ", uint64_t{kBinCycles},
        " cycles:\n");
  for (uint32_t i = 0; i < kPorts; ++i) {
    print("  ", names[i]);
    for (const uint32_t count : figures.ports[i].histogram) print(" ", uint64_t{count});
    print("\n");
  }
}

}  // namespace brim::memtest
