#include "rtl_target/axi_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "base/error.h"
#include "compile/build_program.h"
#include "compile/planner.h"
#include "isa/layout.h"
#include "model/synthetic.h"
#include "sim/pass.h"

namespace brim::rtl_target {
namespace {

// 4 MiB from address 0 on.
class SmallMemory final : public PhysicalMemory {
 public:
  explicit SmallMemory(uint64_t bytes = 4 << 20) : bytes_(bytes) {
    std::mt19937 random(1);
    for (uint8_t& byte : bytes_) byte = static_cast<uint8_t>(random());
  }
  const uint8_t* read(uint64_t address, uint64_t bytes) const override {
    return &bytes_[check(address, bytes)];
  }
  uint8_t* write(uint64_t address, uint64_t bytes) override { return &bytes_[check(address, bytes)]; }

 private:
  uint64_t check(uint64_t address, uint64_t bytes) const {
    if (address + bytes > bytes_.size()) throw Error("no such memory");
    return address;
  }

  std::vector<uint8_t> bytes_;
};

struct Burst {
  uint64_t address;
  uint32_t transfers;
};

// A master at one read port: asks for its bursts one after the other, as long as fewer than `most_transfers`
// transfers are under way.
class Reader {
 public:
  std::vector<Burst> bursts;
  std::vector<Transfer> data;  // what came
  std::vector<uint8_t> responses;
  uint32_t most_transfers = 256;
  uint32_t ready_percent = 100;

  bool done() const { return asked_ == bursts.size() && under_way_ == 0; }

  void drive(ReadPins& pins, std::mt19937& random) {
    pins.arvalid = asked_ < bursts.size() && under_way_ + bursts[asked_].transfers <= most_transfers;
    if (pins.arvalid) {
      pins.araddr = bursts[asked_].address;
      pins.arlen = static_cast<uint8_t>(bursts[asked_].transfers - 1);
    }
    pins.rready = random() % 100 < ready_percent;
  }
  void take(const ReadPins& pins) {
    if (pins.arvalid && pins.arready) under_way_ += bursts[asked_++].transfers;
    if (pins.rvalid && pins.rready) {
      data.push_back(pins.rdata);
      responses.push_back(pins.rresp);
      --under_way_;
      const bool last = ++transfers_ == bursts[finished_].transfers;
      EXPECT_EQ(pins.rlast, last);
      if (last) {
        ++finished_;
        transfers_ = 0;
      }
    }
  }

 private:
  size_t asked_ = 0, finished_ = 0;
  uint32_t under_way_ = 0;
  uint32_t transfers_ = 0;  // of the burst that arrives
};

class AxiMemoryTest : public testing::Test {
 protected:
  // Until all readers are done; returns the cycles.
  uint64_t run() {
    while (!std::ranges::all_of(readers_, &Reader::done)) cycle();
    return memory_.cycle();
  }
  void cycle() {
    for (uint32_t i = 0; i < readers_.size(); ++i) readers_[i].drive(pins_.reads[i], random_);
    memory_.drive(pins_);
    for (uint32_t i = 0; i < readers_.size(); ++i) readers_[i].take(pins_.reads[i]);
    memory_.take(pins_);
  }

  const Board board_ = load_board("kv260");
  SmallMemory bytes_;
  AxiMemory memory_{board_, bytes_};
  std::array<Reader, kStreamPorts + 1> readers_;
  Pins pins_;
  std::mt19937 random_{2};
};

// What the simulator says of a long stream of weights.
double simulated_beats_per_cycle(const Board& board) {
  ModelDescription model = open_synthetic("llama2-7b")->description();
  model.layers = 1;
  model.vocabulary = 256;
  const Plan plan = plan_image(model, board, {.context = 64});
  const sim::LoadedProgram program{build_program(model, plan.addresses),
                                   plan.region(RegionKind::kProgram).address};
  const sim::PassResult pass = sim::simulate_pass(board, program, {}, {.ready_consumer = true});
  return static_cast<double>(pass.beats()) / static_cast<double>(pass.cycles);
}

TEST_F(AxiMemoryTest, StreamsPagesAtTheBandwidthOfTheSimulator) {
  constexpr uint64_t kPages = 512;
  for (uint32_t port = 0; port < kStreamPorts; ++port) {
    for (uint64_t page = 0; page < kPages; ++page) {
      readers_[port].bursts.push_back(
          {page * kPageBytes + port * kSubBlockBytes, kSubBlockBytes / kTransferBytes});
    }
  }
  const auto cycles = static_cast<double>(run());
  const double beats = kPages * kPageBytes / 64.0;
  EXPECT_NEAR(beats / cycles, simulated_beats_per_cycle(board_), 0.005);
}

TEST_F(AxiMemoryTest, DeliversTheBytesOfEveryPortInOrder) {
  for (Reader& reader : readers_) {
    reader.ready_percent = 70;
    for (uint32_t i = 0; i < 300; ++i) {
      const uint64_t address = random_() % (4 << 20) / kTransferBytes * kTransferBytes;
      const uint64_t room = (4096 - address % 4096) / kTransferBytes;
      reader.bursts.push_back({address, static_cast<uint32_t>(1 + random_() % room)});
    }
  }
  run();
  for (const Reader& reader : readers_) {
    size_t next = 0;
    for (const Burst& burst : reader.bursts) {
      for (uint32_t i = 0; i < burst.transfers; ++i, ++next) {
        ASSERT_EQ(
            std::memcmp(reader.data[next].data(),
                        bytes_.read(burst.address + i * kTransferBytes, kTransferBytes), kTransferBytes),
            0);
      }
    }
    EXPECT_TRUE(std::ranges::all_of(reader.responses, [](uint8_t response) { return response == kOkay; }));
  }
}

TEST_F(AxiMemoryTest, TakesTheSameCyclesAfterARestart) {
  const auto stream = [&] {
    readers_ = {};
    for (uint64_t i = 0; i < 100; ++i) readers_[i % 5].bursts.push_back({i * 8192, 128});
    return run();
  };
  const uint64_t first = stream();
  EXPECT_TRUE(memory_.idle());
  memory_.restart();
  EXPECT_EQ(stream(), first);
}

TEST_F(AxiMemoryTest, AnswersWithADecodeErrorWhereThereIsNoMemory) {
  readers_[0].bursts = {{0, 4}, {uint64_t{5} << 32, 8}, {64, 4}};
  run();
  std::vector<uint8_t> expected(16, kOkay);
  std::fill(expected.begin() + 4, expected.begin() + 12, kDecodeError);
  EXPECT_EQ(readers_[0].responses, expected);
}

TEST_F(AxiMemoryTest, WritesTheBytesWhoseStrobesAreSetAndAcknowledgesThem) {
  const uint64_t address = 4096 + 64;
  std::vector<uint8_t> expected(bytes_.read(address, 128), bytes_.read(address, 128) + 128);
  WritePins& pins = pins_.write;
  const auto until = [&](const bool& ready) {
    do cycle();
    while (!ready);
  };
  pins.bready = true;
  for (const auto& [start, transfers] : {std::pair(address, 8u), std::pair(uint64_t{5} << 32, 1u)}) {
    pins.awaddr = start;
    pins.awlen = static_cast<uint8_t>(transfers - 1);
    pins.awvalid = true;
    until(pins.awready);
    pins.awvalid = false;
    for (uint32_t i = 0; i < transfers; ++i) {
      for (uint32_t& word : pins.wdata) word = random_();
      pins.wstrb = static_cast<uint16_t>(random_());
      pins.wlast = i + 1 == transfers;
      pins.wvalid = true;
      until(pins.wready);
      for (uint32_t k = 0; start == address && k < kTransferBytes; ++k) {
        if (pins.wstrb >> k & 1)
          expected[16 * i + k] = static_cast<uint8_t>(pins.wdata[k / 4] >> (k % 4 * 8));
      }
    }
    pins.wvalid = false;
    until(pins.bvalid);
    EXPECT_EQ(pins.bresp, start == address ? kOkay : kDecodeError);
    EXPECT_GT(memory_.cycle(), 40u) << "an acknowledgement takes the fabric's latency there and back";
  }
  EXPECT_EQ(std::memcmp(bytes_.read(address, 128), expected.data(), 128), 0);
  EXPECT_TRUE(memory_.idle());
}

TEST_F(AxiMemoryTest, RefusesWhatAxiForbids) {
  readers_[0].bursts = {{8, 1}};
  EXPECT_THROW(run(), Error) << "unaligned";
  readers_[0] = {};
  readers_[0].bursts = {{4096 - 32, 3}};
  EXPECT_THROW(run(), Error) << "crosses 4 KiB";
  readers_[0] = {};
  pins_.write.awlen = 1;
  pins_.write.awvalid = true;
  cycle();
  pins_.write.awvalid = false;
  pins_.write.wvalid = pins_.write.wlast = true;
  EXPECT_THROW(cycle(), Error) << "WLAST too early";
}

TEST(AxiMemory, RefusesABoardWithOtherPorts) {
  SmallMemory bytes;
  Board board = load_board("kv260");
  board.axi.ports.resize(2);
  EXPECT_THROW(AxiMemory(board, bytes), Error);
}

}  // namespace
}  // namespace brim::rtl_target
