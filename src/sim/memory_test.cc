// What stands between the ports and the DRAM, with streams whose rates and latencies can be worked out by
// hand.
#include "sim/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "isa/layout.h"
#include "model/synthetic.h"
#include "sim/test_models.h"

namespace brim::sim {
namespace {

constexpr uint32_t kBurst = kSubBlockBytes / kBeatBytes;

Board board_with(std::vector<std::string> settings) { return load_board("kv260", settings); }

// Ports that read pages as the MCU does, each its 2 KiB of each page, with `depth` beats under way.
class Streams {
 public:
  Streams(const Board& board, std::vector<uint32_t> ports, uint32_t depth, uint64_t pages)
      : board_(board), memory_(board), depth_(depth), pages_(pages) {
    for (const uint32_t port : ports) ports_.push_back({.index = port});
  }

  // Bytes per second of each port, until the first of them is through.
  std::vector<double> rates() {
    Cycle cycle = 0;
    while (std::ranges::all_of(ports_, [&](const Port& p) { return arrived(p) < pages_ * kBurst; })) {
      memory_.advance(cycle += 2 * memory_.latency());
      for (Port& port : ports_) ask(port);
    }
    std::vector<double> rates;
    for (const Port& port : ports_) {
      const double seconds = static_cast<double>(memory_.arrival(port.index, arrived(port) - 1)) /
                             (board_.accelerator.clock_mhz * 1e6);
      rates.push_back(static_cast<double>(arrived(port) * kBeatBytes) / seconds);
    }
    return rates;
  }

 private:
  struct Port {
    uint32_t index;
    uint64_t asked = 0;  // beats
    Cycle last = 0;
  };

  uint64_t arrived(const Port& port) const { return memory_.arrived(port.index); }

  void ask(Port& port) {
    while (port.asked < pages_ * kBurst && port.asked + kBurst <= arrived(port) + depth_) {
      const uint64_t released = port.asked + kBurst - std::min<uint64_t>(port.asked + kBurst, depth_);
      Cycle cycle = port.last + 1;
      if (released > 0) cycle = std::max(cycle, memory_.arrival(port.index, released - 1));
      const uint64_t address = 0x200000 + port.asked / kBurst * kPageBytes + port.index * kSubBlockBytes;
      memory_.read(port.index, address, kBurst, cycle);
      port.asked += kBurst;
      port.last = cycle;
    }
  }

  const Board& board_;
  Memory memory_;
  const uint32_t depth_;
  const uint64_t pages_;
  std::vector<Port> ports_;
};

constexpr uint64_t kPages = 400;

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

TEST(MemoryPath, APortAloneGivesItsWidthAtTheAcceleratorsClock) {
  const Board board = load_board("kv260");
  EXPECT_NEAR(Streams(board, {0}, 128, kPages).rates()[0], 16 * 300e6, 0.06e9);
}

TEST(MemoryPath, PortsOfOneInputShareWhatItGivesPerSwitchClock) {
  for (const double mhz : {400.0, 300.0}) {
    Board board = load_board("kv260-hp0123");
    board.axi.interconnect.clock_mhz = mhz;
    const std::vector<double> rates = Streams(board, {1, 2}, 128, kPages).rates();
    EXPECT_NEAR(sum(rates), 16e6 * mhz, 0.01 * 16e6 * mhz) << mhz;
    EXPECT_NEAR(rates[0], rates[1], 0.01 * rates[0]) << mhz;
  }
}

TEST(MemoryPath, InputsOfTheirOwnDoNotShareTheSwitch) {
  const Board board = board_with({"axi.switch.clock_mhz=400"});
  EXPECT_NEAR(sum(Streams(board, {1, 2}, 128, kPages).rates()), 2 * 16 * 300e6, 0.12e9);
}

// Inputs take turns, not ports: where the DRAM is the limit, two ports of one input get together what each of
// the others gets.
TEST(MemoryPath, TheControllerServesInputsInTurn) {
  Board board = board_with({"accelerator.clock_mhz=600", "axi.switch.clock_mhz=1200"});
  board.axi.ports[2].xpi = board.axi.ports[1].xpi;
  const std::vector<double> rates = Streams(board, {0, 1, 2, 3}, 128, kPages).rates();
  EXPECT_NEAR((rates[1] + rates[2]) / rates[0], 1, 0.1);
  EXPECT_NEAR(rates[3] / rates[0], 1, 0.1);
  EXPECT_GT(sum(rates), 0.9 * 19.2e9 * 0.95);
}

Cycle cycles_of_read(const Board& board, uint32_t neighbours) {
  Memory memory(board);
  for (uint32_t i = 0; i < neighbours; ++i) memory.read(1, 0x200000 + i * 0x1000, kBurst, i);
  memory.read(2, 0x300000, 1, neighbours);
  memory.advance(10'000);
  return memory.arrival(2, 0) - neighbours;
}

TEST(MemoryPath, ANeighboursBurstOnTheSameInputAddsTheTimeThatItTakesThere) {
  const Board shared = load_board("kv260-hp0123");
  constexpr double kBurstNs = 2048 / (16 * 533.333e6) * 1e9;
  const double added = static_cast<double>(cycles_of_read(shared, 1) - cycles_of_read(shared, 0));
  EXPECT_NEAR(added / 0.3, kBurstNs, 30);
  const Board apart = load_board("kv260");
  // There it only has the DRAM before it: 4 nCK for each of 32 beats, and an activation or two.
  EXPECT_LE(static_cast<double>(cycles_of_read(apart, 1) - cycles_of_read(apart, 0)) / 0.3,
            32 * 4 / 1.2 + 30);
}

TEST(MemoryPath, PortsOfOneInputTakeTurnsAfterTwoKibibytes) {
  const Board board = load_board("kv260-hp0123");
  Memory memory(board);
  for (uint32_t i = 0; i < 3; ++i) memory.read(1, 0x200000 + i * 0x1000, kBurst, i);
  for (uint32_t i = 0; i < 3; ++i) memory.read(2, 0x300000 + i * 0x1000, kBurst, i);
  memory.advance(20'000);
  for (uint32_t burst = 0; burst < 2; ++burst) {
    EXPECT_LT(memory.arrival(1, burst * kBurst + kBurst - 1), memory.arrival(2, burst * kBurst + kBurst - 1));
    EXPECT_LT(memory.arrival(2, burst * kBurst), memory.arrival(1, (burst + 1) * kBurst + kBurst - 1));
  }
}

TEST(MemoryPath, AnInterfaceHasNoMoreBurstsUnderWayThanItMay) {
  // One burst at a time: each takes the whole way there and back.
  const Board one = board_with({"axi.outstanding_reads=1"});
  const double latency = static_cast<double>(cycles_of_read(one, 0)) / 300e6;
  const double rate = Streams(one, {0}, 128, kPages).rates()[0];
  EXPECT_LT(rate, 2048 / (latency - 75e-9));
  EXPECT_GT(rate, 2048 / (latency + 2048 / 4.8e9));
}

TEST(MemoryPath, WhatIsUnderWayOverTheLatencyBoundsAPort) {
  for (const uint32_t depth : {64u, 128u}) {
    const Board board = board_with({"axi.fabric_latency_ns=1000"});
    const double latency = static_cast<double>(cycles_of_read(board, 0)) / 300e6;
    const double rate = Streams(board, {0}, depth, kPages).rates()[0];
    EXPECT_LE(rate, depth * 64 / latency);
    EXPECT_GT(rate, std::min(0.7 * depth * 64 / latency, 0.95 * 4.8e9));
  }
}

// But for where writes meet refreshes.
TEST(MemoryPath, IsNotFasterForASlowerSwitchOrALongerWay) {
  Cycle last = 0;
  for (const double mhz : {800.0, 533.333, 400.0, 200.0}) {
    Board board = load_board("kv260");
    board.axi.interconnect.clock_mhz = mhz;
    const Cycle cycles = simulate(test_models()[0], board, {64, 1, true}).cycles;
    EXPECT_GE(cycles + cycles / 1000, last) << mhz;
    last = cycles;
  }
  last = 0;
  for (const double ns : {0.0, 150.0, 400.0, 800.0, 2000.0}) {
    Board board = load_board("kv260");
    board.axi.fabric_latency_ns = ns;
    const Cycle cycles = simulate(test_models()[0], board, {64, 1, true}).cycles;
    EXPECT_GE(cycles + cycles / 1000, last) << ns;
    last = cycles;
  }
}

TEST(MemoryPath, WritesOfEveryPortAreAcknowledgedToIt) {
  const Board board = load_board("kv260");
  Memory memory(board);
  for (uint32_t i = 0; i < 40; ++i) {
    memory.write(i % 5, 0x200000 + i * 64, 4 * i);
  }
  memory.advance(10'000);
  for (uint32_t client = 0; client < 5; ++client) {
    ASSERT_EQ(memory.written(client), 8u);
    EXPECT_GE(memory.acknowledged(client, 8), 4 * (35 + client) + 2 * memory.latency());
  }
}

// LLaMA2-7B's token at position 0, from layers that all take as long: one with the head, and two more.
double token_rate(const std::string& name, const std::vector<std::string>& settings) {
  const Board board = load_board(name, settings);
  ModelDescription model = open_synthetic("llama2-7b")->description();
  const uint32_t layers = model.layers;
  const auto cycles = [&](uint32_t count) {
    model.layers = count;
    return static_cast<double>(
        simulate_pass(board, loaded(model, plan_image(model, board, {.context = 64})), {0, 1, true}).cycles);
  };
  const double one = cycles(1);
  return board.accelerator.clock_mhz * 1e6 / (one + (cycles(3) - one) / 2 * (layers - 1));
}

TEST(MemoryPath, OneStreamPerInputDecodesLlama2AtTheDramsRate) {
  EXPECT_GE(token_rate("kv260", {}), 5.25);
  EXPECT_GE(token_rate("kv260-400", {}), 5.25);
}

TEST(MemoryPath, PortFifosOf128BeatsHideLatenciesOf400And800Nanoseconds) {
  const std::string deep = "accelerator.port_fifo_beats=128";
  EXPECT_GE(token_rate("kv260", {deep, "axi.fabric_latency_ns=400"}), 5.25);
  EXPECT_GE(token_rate("kv260", {deep, "axi.fabric_latency_ns=800"}), 5.20);
}

TEST(MemoryPath, TwoStreamsOnOneInputOfASwitchAt400MHzCostMoreThanAQuarter) {
  const double rate =
      token_rate("kv260-hp0123", {"axi.switch.clock_mhz=400", "accelerator.port_fifo_beats=64"});
  EXPECT_LE(rate, 3.75);
  EXPECT_GE(rate, 3.4);
}

}  // namespace
}  // namespace brim::sim
