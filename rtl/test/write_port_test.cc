// What the compute side writes reaches memory, in bursts that join what stands together, and in runs as long
// as the buffer allows.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "Vsim_write_port.h"
#include "axi_memory.h"
#include "isa/layout.h"
#include "pipeline.h"
#include "ports.h"

namespace brim::rtl {
namespace {

constexpr AxiTiming kIdeal{};
constexpr AxiTiming kRandom{.min_latency = 1, .max_latency = 200, .gap_percent = 30, .stall_percent = 50};

struct Beat {
  uint32_t address;
  uint64_t strobes;
  std::array<uint8_t, kBeatBytes> data;
};

struct Burst {
  uint64_t address;
  uint32_t transfers;
};

class Bench {
 public:
  explicit Bench(const AxiTiming& timing, uint64_t seed = 1)
      : random_(seed), memory_port_(memory, timing, kWritePortLimits, seed) {
    memory.write = [this](uint64_t address, const AxiData& data, uint16_t strobes) {
      for (uint32_t i = 0; i < kAxiBytes; ++i) {
        if (strobes >> i & 1) contents[address + i] = data[i];
      }
    };
    port_->write_valid_i = port_->flush_i = port_->stop_i = 0;
    port_->rst_ni = 0;
    for (uint32_t i = 0; i < 3; ++i) cycle();
    port_->rst_ni = 1;
    cycle();
  }

  AxiMemory memory;
  std::map<uint64_t, uint8_t> contents, expected;
  std::vector<Burst> bursts;
  uint64_t transfers = 0;
  uint64_t first_transfer = 0, last_transfer = 0;  // cycles
  std::vector<uint32_t> errors;                    // addresses
  Vsim_write_port& ports() { return *port_; }
  uint64_t cycles() const { return port_.cycles(); }
  uint32_t random(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  const std::vector<std::string>& violations() const { return memory_port_.violations(); }

  // Offers a beat until it is taken or `limit` cycles have passed.
  bool put(const Beat& beat, uint32_t limit = 100000) {
    Vsim_write_port& p = *port_;
    p.write_valid_i = 1;
    p.write_address_i = beat.address;
    std::memcpy(&p.write_data_i, beat.data.data(), kBeatBytes);
    p.write_strobe_i = beat.strobes;
    bool taken = false;
    for (uint32_t i = 0; i < limit && !taken; ++i) {
      taken = p.write_ready_o;
      cycle();
    }
    p.write_valid_i = 0;
    for (uint32_t i = 0; taken && i < kBeatBytes; ++i) {
      if (beat.strobes >> i & 1) expected[uint64_t{beat.address} * kBeatBytes + i] = beat.data[i];
    }
    return taken;
  }
  Beat beat(uint32_t address, uint64_t strobes = ~uint64_t{0}) {
    Beat result{address, strobes, {}};
    for (uint8_t& byte : result.data) byte = static_cast<uint8_t>(random_());
    return result;
  }

  bool wait_idle(uint32_t limit = 100000) {
    for (uint32_t i = 0; i < limit; ++i) {
      if (port_->idle_o) return true;
      cycle();
    }
    return false;
  }
  bool flush() {
    port_->flush_i = 1;
    const bool done = wait_idle();
    port_->flush_i = 0;
    return done;
  }

  void cycle() {
    Vsim_write_port& p = *port_;
    memory_port_.drive(signals_);
    p.awready_i = signals_.aw.ready;
    p.wready_i = signals_.w.ready;
    p.bvalid_i = signals_.b.valid;
    p.bresp_i = static_cast<uint8_t>(signals_.b.response);
    p.eval();
    signals_.aw.valid = p.awvalid_o;
    signals_.aw.address = p.awaddr_o;
    signals_.aw.length = p.awlen_o;
    signals_.w.valid = p.wvalid_o;
    signals_.w.strobes = p.wstrb_o;
    signals_.w.last = p.wlast_o;
    std::memcpy(signals_.w.data.data(), &p.wdata_o, kAxiBytes);
    signals_.b.ready = p.bready_o;
    const bool reset = !p.rst_ni;
    memory_port_.finish(signals_, reset);
    if (!reset) {
      if (signals_.aw.valid && signals_.aw.ready)
        bursts.push_back({signals_.aw.address, signals_.aw.length + 1u});
      if (signals_.w.valid && signals_.w.ready) {
        if (transfers == 0) first_transfer = cycles();
        last_transfer = cycles();
        ++transfers;
      }
      if (p.error_o) errors.push_back(p.error_address_o);
    }
    port_.tick();
  }

 private:
  std::mt19937_64 random_;
  AxiWritePort memory_port_;
  AxiWriteSignals signals_;
  Clocked<Vsim_write_port> port_;
};

TEST(RtlWritePort, WritesEveryStrobedByteAndNoOther) {
  for (const AxiTiming& timing : {kIdeal, kRandom, kFarMemory, kUnevenMemory, kTogetherMemory}) {
    Bench bench(timing);
    uint32_t address = 1000;
    for (uint32_t i = 0; i < 2000; ++i) {
      // Runs, jumps, and the two bytes of a scale.
      address = bench.random(4) == 0 ? bench.random(i % 2 ? 5000 : 0xFFFFFFFF) : address + 1;
      const uint64_t strobes = bench.random(3) == 0   ? uint64_t{3} << 2 * bench.random(32)
                               : bench.random(8) == 0 ? bench.random(0xFFFFFFFF) * uint64_t{0x100001}
                                                      : ~uint64_t{0};
      ASSERT_TRUE(bench.put(bench.beat(address, strobes)));
      for (uint32_t wait = bench.random(20); wait > 15; --wait) bench.cycle();
    }
    ASSERT_TRUE(bench.flush());
    EXPECT_EQ(bench.contents, bench.expected);
    EXPECT_EQ(bench.violations(), std::vector<std::string>());
    EXPECT_EQ(bench.transfers, 2000u * 4);
    EXPECT_TRUE(bench.errors.empty());
  }
}

TEST(RtlWritePort, JoinsWhatStandsTogetherButNotAcross4KiB) {
  Bench bench(kIdeal);
  const std::vector<uint32_t> addresses = {60, 61, 62, 63, 64, 65, 67, 68, 10, 9, 8, 8, 9};
  for (const uint32_t address : addresses) ASSERT_TRUE(bench.put(bench.beat(address)));
  ASSERT_TRUE(bench.flush());
  const std::vector<std::pair<uint64_t, uint32_t>> expected = {{60, 4}, {64, 2}, {67, 2}, {10, 1},
                                                               {9, 1},  {8, 1},  {8, 2}};
  std::vector<std::pair<uint64_t, uint32_t>> got;
  for (const Burst& burst : bench.bursts) got.push_back({burst.address / kBeatBytes, burst.transfers / 4});
  EXPECT_EQ(got, expected);
  EXPECT_EQ(bench.contents, bench.expected);
}

TEST(RtlWritePort, WaitsFor4KiBOrAFlush) {
  Bench bench(kIdeal);
  for (uint32_t i = 0; i < 63; ++i) ASSERT_TRUE(bench.put(bench.beat(64 + i)));
  for (uint32_t i = 0; i < 500; ++i) bench.cycle();
  EXPECT_TRUE(bench.bursts.empty());
  EXPECT_FALSE(bench.ports().idle_o);
  ASSERT_TRUE(bench.put(bench.beat(64 + 63)));
  for (uint32_t i = 0; i < 500; ++i) bench.cycle();
  ASSERT_EQ(bench.bursts.size(), 1u);
  EXPECT_EQ(bench.bursts[0].transfers, 256u);
  EXPECT_TRUE(bench.ports().idle_o);
  ASSERT_TRUE(bench.put(bench.beat(5)));
  ASSERT_TRUE(bench.flush());
  EXPECT_EQ(bench.bursts.size(), 2u);
  EXPECT_EQ(bench.contents, bench.expected);
}

TEST(RtlWritePort, FlushesAnyNumberOfBeats) {
  Bench bench(kIdeal);
  for (uint32_t beats = 1; beats <= 70; ++beats) {
    for (uint32_t i = 0; i < beats; ++i) ASSERT_TRUE(bench.put(bench.beat(100 * beats + i)));
    ASSERT_TRUE(bench.flush());
    EXPECT_EQ(bench.contents, bench.expected);
  }
}

TEST(RtlWritePort, SendsATransferPerCycle) {
  Bench bench(kIdeal);
  for (uint32_t i = 0; i < 256; ++i) ASSERT_TRUE(bench.put(bench.beat(i)));
  ASSERT_TRUE(bench.flush());
  EXPECT_EQ(bench.transfers, 1024u);
  EXPECT_EQ(bench.last_transfer - bench.first_transfer + 1, 1024u);
}

TEST(RtlWritePort, WaitsForThousandsOfCyclesUntilAnAddressIsTaken) {
  Bench bench(kHoldingMemory);
  for (uint32_t i = 0; i < 300; ++i) ASSERT_TRUE(bench.put(bench.beat(3 * i)));
  ASSERT_TRUE(bench.flush());
  EXPECT_GT(bench.cycles(), 2 * kHoldingMemory.hold_cycles);
  EXPECT_EQ(bench.contents, bench.expected);
  EXPECT_EQ(bench.violations(), std::vector<std::string>());
}

// A memory may wait for both before it takes either.
TEST(RtlWritePort, OffersDataBeforeItsAddressIsTaken) {
  Bench bench({.stall_percent = 100});
  ASSERT_TRUE(bench.put(bench.beat(5)));
  bench.ports().flush_i = 1;
  for (uint32_t i = 0; i < 20; ++i) bench.cycle();
  EXPECT_TRUE(bench.ports().awvalid_o);
  EXPECT_TRUE(bench.ports().wvalid_o);
}

// And a beat in the output register.
TEST(RtlWritePort, Holds16KiBAndThenMakesTheWriterWait) {
  Bench bench({.min_latency = 20, .max_latency = 20, .gap_percent = 0, .stall_percent = 100});
  uint32_t taken = 0;
  while (taken < 1000 && bench.put(bench.beat(taken), 10)) ++taken;
  EXPECT_EQ(taken, 257u);
}

// At the end of all addresses.
TEST(RtlWritePort, ReportsTheBurstThatWasAnsweredWithAnError) {
  constexpr uint32_t kStart = 0xFFFFE000, kBad = kStart + 205;
  for (const AxiResponse response : {AxiResponse::kSlaveError, AxiResponse::kDecodeError}) {
    Bench bench(kRandom);
    bench.memory.write_response = [&](uint64_t address) {
      return address / kBeatBytes == kBad ? response : AxiResponse::kOkay;
    };
    for (uint32_t run = 0; run < 20; ++run) {
      for (uint32_t i = 0; i < 5; ++i)
        ASSERT_TRUE(bench.put(bench.beat(kStart + 100 * run + 5 * (run == 2) + i)));
    }
    ASSERT_TRUE(bench.flush());
    EXPECT_EQ(bench.errors, std::vector<uint32_t>{kBad});
    EXPECT_EQ(bench.violations(), std::vector<std::string>());
  }
}

TEST(RtlWritePort, FinishesBurstsUnderWayWhenStoppedAndDropsTheRestAtReset) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    Bench bench(kRandom, seed);
    for (uint32_t i = 0; i < 80; ++i) ASSERT_TRUE(bench.put(bench.beat(3 * i)));
    for (uint32_t i = bench.random(300); i > 0; --i) bench.cycle();
    bench.ports().stop_i = 1;
    ASSERT_TRUE(bench.wait_idle());
    const size_t bursts = bench.bursts.size();
    EXPECT_EQ(bench.transfers, bursts * 4);
    for (uint32_t i = 0; i < 100; ++i) bench.cycle();
    EXPECT_EQ(bench.bursts.size(), bursts);
    bench.ports().rst_ni = 0;
    bench.cycle();
    bench.ports().stop_i = 0;
    bench.ports().rst_ni = 1;
    bench.cycle();
    bench.contents.clear();
    bench.expected.clear();
    bench.transfers = 0;
    for (uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(bench.put(bench.beat(7 * i)));
    ASSERT_TRUE(bench.flush());
    EXPECT_EQ(bench.contents, bench.expected);
    EXPECT_EQ(bench.transfers, 400u);
    EXPECT_EQ(bench.violations(), std::vector<std::string>());
  }
}

}  // namespace
}  // namespace brim::rtl
