// The memory tester's RTL on the modelled way to memory, driven as the firmware drives it.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "Vsim_memtest.h"
#include "base/concat.h"
#include "base/error.h"
#include "memtest/board_file.h"
#include "memtest/measure.h"
#include "rtl_target/axi_memory.h"

namespace brim::memtest {
namespace {

using rtl_target::ReadPins;
using rtl_target::WritePins;

// `width` bits of a port that Verilator keeps in words of 32, from bit `from` on.
template <typename Words>
uint64_t bits(const Words& words, uint32_t from, uint32_t width) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < width; ++i)
    value |= uint64_t{words[(from + i) / 32] >> ((from + i) % 32) & 1} << i;
  return value;
}

class Bytes final : public PhysicalMemory {
 public:
  const uint8_t* read(uint64_t address, uint64_t bytes) const override {
    return &bytes_[check(address, bytes)];
  }
  uint8_t* write(uint64_t address, uint64_t bytes) override { return &bytes_[check(address, bytes)]; }

 private:
  uint64_t check(uint64_t address, uint64_t bytes) const {
    if (address + bytes > bytes_.size()) throw Error("no such memory");
    return address;
  }
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(8 << 20);
};

constexpr Range kMemory = {4 << 20, 4 << 20};

class Bench {
 public:
  explicit Bench(const Board& board) : memory_(board, bytes_) {
    for (uint32_t i = 0; i < 20; ++i) clock();
    top_.rst_ni = 1;
    for (uint32_t i = 0; i < 4; ++i) clock();
  }

  uint32_t read(uint32_t offset) {
    top_.s_araddr_i = static_cast<uint16_t>(offset);
    top_.s_arvalid_i = 1;
    top_.s_rready_i = 1;
    until([&] { return top_.s_arready_o != 0; });
    top_.s_arvalid_i = 0;
    uint32_t value = 0;
    until([&] {
      value = top_.s_rdata_o;
      return top_.s_rvalid_o != 0;
    });
    return value;
  }

  void write(uint32_t offset, uint32_t value) {
    top_.s_awaddr_i = static_cast<uint16_t>(offset);
    top_.s_wdata_i = value;
    top_.s_awvalid_i = top_.s_wvalid_i = top_.s_bready_i = 1;
    until([&] { return top_.s_awready_o != 0; });
    top_.s_awvalid_i = top_.s_wvalid_i = 0;
    until([&] { return top_.s_bvalid_o != 0; });
  }

  Figures run(uint32_t bursts) {
    Figures figures;
    const auto wait = [&] {
      // Reading the register takes cycles; while ports are busy, more may pass between two looks.
      for (uint32_t i = 0; i < 200; ++i) clock();
      return ++looks_ < 1'000'000;
    };
    Tester tester(*this, kMemory, bursts, wait);
    EXPECT_TRUE(tester.run(figures)) << "a port hangs";
    return figures;
  }

  // Called before each cycle.
  std::function<void(Bytes&)> meddle = [](Bytes&) {};

 private:
  template <typename Done>
  void until(const Done& done) {
    for (uint32_t i = 0; i < 100'000; ++i) {
      bool is = false;
      clock([&] { is = done(); });
      if (is) return;
    }
    FAIL() << "a register does not answer";
  }

  void clock() {
    clock([] {});
  }

  // `look` sees the wires as they are at the edge.
  template <typename Look>
  void clock(const Look& look) {
    meddle(bytes_);
    top_.clk_i = 0;
    memory_.drive(reads_, writes_);
    top_.arready_i = top_.rlast_i = top_.rvalid_i = top_.awready_i = top_.wready_i = top_.bvalid_i = 0;
    top_.rresp_i = top_.bresp_i = 0;
    for (uint32_t i = 0; i < kPorts; ++i) {
      top_.arready_i |= reads_[i].arready << i;
      top_.rvalid_i |= reads_[i].rvalid << i;
      top_.rlast_i |= reads_[i].rlast << i;
      top_.rresp_i |= reads_[i].rresp << 2 * i;
      for (uint32_t k = 0; k < 4; ++k) top_.rdata_i[4 * i + k] = reads_[i].rdata[k];
      top_.awready_i |= writes_[i].awready << i;
      top_.wready_i |= writes_[i].wready << i;
      top_.bvalid_i |= writes_[i].bvalid << i;
      top_.bresp_i |= writes_[i].bresp << 2 * i;
    }
    top_.eval();
    look();
    for (uint32_t i = 0; i < kPorts; ++i) {
      reads_[i].araddr = bits(top_.araddr_o, 40 * i, 40);
      reads_[i].arlen = static_cast<uint8_t>(top_.arlen_o >> 8 * i);
      reads_[i].arvalid = top_.arvalid_o >> i & 1;
      reads_[i].rready = top_.rready_o >> i & 1;
      writes_[i].awaddr = bits(top_.awaddr_o, 40 * i, 40);
      writes_[i].awlen = static_cast<uint8_t>(top_.awlen_o >> 8 * i);
      writes_[i].awvalid = top_.awvalid_o >> i & 1;
      for (uint32_t k = 0; k < 4; ++k) writes_[i].wdata[k] = top_.wdata_o[4 * i + k];
      writes_[i].wstrb = 0xFFFF;
      writes_[i].wlast = top_.wlast_o >> i & 1;
      writes_[i].wvalid = top_.wvalid_o >> i & 1;
      writes_[i].bready = top_.bready_o >> i & 1;
    }
    memory_.take(reads_, writes_);
    top_.clk_i = 1;
    top_.eval();
  }

  Bytes bytes_;
  rtl_target::AxiMemory memory_;
  Vsim_memtest top_;
  std::array<ReadPins, kPorts> reads_;
  std::array<WritePins, kPorts> writes_;
  uint32_t looks_ = 0;
};

constexpr std::array<const char*, kPorts> kNames = {"HP0", "HP1", "HP3", "HPC1", "HPC0"};

std::string table(const Figures& figures) {
  std::string text;
  print_figures(figures, kNames, [&](const auto&... pieces) { text += concat(pieces...); });
  return text;
}

TEST(Memtest, MeasuresEachPortAloneAndAllTogetherWithoutAnError) {
  const Board board = load_board("kv260");
  const Figures figures = Bench(board).run(300);
  SCOPED_TRACE(table(figures));
  EXPECT_EQ(figures.errors(), 0u);
  for (const PortFigures& port : figures.ports) {
    EXPECT_NEAR(port.read_mb_per_s, 4800, 250);
    EXPECT_GT(port.write_mb_per_s, 3000u);
    EXPECT_LT(port.write_mb_per_s, 4900u);
    EXPECT_GT(port.mixed_mb_per_s, port.read_mb_per_s);
    EXPECT_NEAR(port.idle_ns, idle_latency_ns(board), 20);
    EXPECT_GT(port.loaded_ns, port.idle_ns);
    uint32_t bursts = 0;
    for (const uint32_t count : port.histogram) bursts += count;
    EXPECT_EQ(bursts, 300u);
  }
  // Four ports ask for the DRAM's peak, and the fifth for the pages of the first.
  EXPECT_GT(figures.together_mb_per_s(), 14'000u);
  EXPECT_LT(figures.together_mb_per_s(), 19'200u);
}

TEST(Memtest, SeesPortsThatShareAnInput) {
  const std::vector<std::string> slow = {"axi.switch.clock_mhz=400"};
  const Figures figures = Bench(load_board("kv260-hp0123", slow)).run(300);
  SCOPED_TRACE(table(figures));
  EXPECT_EQ(figures.errors(), 0u);
  // The DRAM is the limit and serves inputs in turn: two ports of one get what another has alone, and little
  // more.
  const uint32_t shared = figures.ports[1].together_mb_per_s + figures.ports[2].together_mb_per_s;
  EXPECT_LE(shared, 6400u);
  EXPECT_NEAR(figures.ports[1].together_mb_per_s, figures.ports[2].together_mb_per_s, 100);
  EXPECT_LT(figures.ports[1].together_mb_per_s, 0.65 * figures.ports[0].together_mb_per_s);
}

TEST(Memtest, FindsAByteThatChangedAndSaysWhere) {
  Bench bench(load_board("kv260"));
  uint64_t cycle = 0;
  const uint64_t address = kMemory.base + 7 * 8192 + 2048 + 100;  // a burst of port 1
  bench.meddle = [&](Bytes& bytes) {
    // Long after port 1 has written it and before it reads it.
    if (++cycle == 30'000) *bytes.write(address, 1) ^= 0x10;
  };
  const Figures figures = bench.run(100);
  SCOPED_TRACE(table(figures));
  EXPECT_GT(figures.ports[1].errors, 0u);
  EXPECT_EQ(figures.ports[1].error_address, address / 2048 * 2048);
  EXPECT_EQ(figures.ports[2].errors, 0u);
}

// What the firmware prints of a board becomes that board's file.
TEST(Memtest, ItsTableIsABoardFilesFigures) {
  const std::vector<std::string> settings = {"axi.fabric_latency_ns=380", "axi.switch.clock_mhz=400"};
  const std::string console =
      "DDR          DDR4-2400, 64 bit: 19.20e9 B/s\nswitch       400.00 MHz (TOPSW_MAIN_CTRL 0x0)\n" +
      table(Bench(load_board("kv260", settings)).run(100));
  const Board board = parse_board(board_file(console, "measured", "kv260"), "measured");
  EXPECT_NEAR(board.axi.fabric_latency_ns, 380, 15) << console;
  EXPECT_EQ(board.axi.interconnect.clock_mhz, 400);
}

}  // namespace
}  // namespace brim::memtest
