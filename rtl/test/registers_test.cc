// The register block behaves as docs/registers.md says, however reads and writes come.
#include "isa/registers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <random>

#include "Vsim_counter8.h"
#include "Vsim_registers.h"
#include "pipeline.h"
#include "ports.h"

namespace brim::rtl {
namespace {

using namespace registers;

constexpr uint32_t kMaxTokensValue = 4, kScoreBytesValue = 524288, kContextValue = 8192, kClockValue = 300000;

// An AXI4-Lite master with at most one read and one write under way, each channel with random delays, and the
// accelerator's side of the block.
class Bench {
 public:
  explicit Bench(uint32_t delay_percent = 0) : delay_percent_(delay_percent) {
    block_->rst_ni = 0;
    block_->control_i = block_->status_i = block_->error_code_i = block_->ended_i = 0;
    block_->error_address_i = block_->error_region_i = 0;
    for (uint32_t i = 0; i < 16; ++i) {
      set_word(block_->counters_i, i, 0);
      set_word(block_->logits_crcs_i, i, 0);
    }
    block_->awvalid_i = block_->wvalid_i = block_->bready_i = block_->arvalid_i = block_->rready_i = 0;
    for (uint32_t i = 0; i < 4; ++i) block_.tick();
    block_->rst_ni = 1;
  }

  Vsim_registers& ports() { return *block_; }
  uint32_t starts = 0, soft_resets = 0;  // pulses seen

  void begin_write(uint32_t offset, uint32_t value, uint8_t strobes = 0xF) {
    block_->awaddr_i = static_cast<uint16_t>(offset);
    block_->wdata_i = value;
    block_->wstrb_i = strobes;
    address_ = data_ = response_ = true;
  }
  bool writing() const { return address_ || data_ || response_; }
  void begin_read(uint32_t offset) {
    block_->araddr_i = static_cast<uint16_t>(offset);
    ask_ = answer_ = true;
  }
  bool reading() const { return ask_ || answer_; }
  uint32_t read_value() const { return value_; }

  void write(uint32_t offset, uint32_t value, uint8_t strobes = 0xF) {
    begin_write(offset, value, strobes);
    while (writing()) cycle();
  }
  uint32_t read(uint32_t offset) {
    begin_read(offset);
    while (reading()) cycle();
    return value_;
  }

  void cycle() {
    Vsim_registers& b = *block_;
    // A valid that has been shown stays.
    b.awvalid_i = address_ && (b.awvalid_i || !delay());
    b.wvalid_i = data_ && (b.wvalid_i || !delay());
    b.arvalid_i = ask_ && (b.arvalid_i || !delay());
    b.bready_i = !delay();
    b.rready_i = !delay();
    b.eval();
    if (b.awvalid_i && b.awready_o) address_ = false;
    if (b.wvalid_i && b.wready_o) data_ = false;
    if (b.bvalid_o && b.bready_i) {
      EXPECT_TRUE(response_ && !address_ && !data_) << "a response without a write";
      EXPECT_EQ(b.bresp_o, 0);
      response_ = false;
    }
    if (b.arvalid_i && b.arready_o) ask_ = false;
    if (b.rvalid_o && b.rready_i) {
      EXPECT_TRUE(answer_ && !ask_) << "data without a read";
      EXPECT_EQ(b.rresp_o, 0);
      answer_ = false;
      value_ = b.rdata_o;
    }
    starts += b.start_o;
    soft_resets += b.soft_reset_o;
    block_.tick();
    b.awvalid_i = b.awvalid_i && address_;
    b.wvalid_i = b.wvalid_i && data_;
    b.arvalid_i = b.arvalid_i && ask_;
  }
  void cycles(uint32_t n) {
    for (uint32_t i = 0; i < n; ++i) cycle();
  }

 private:
  bool delay() { return random_() % 100 < delay_percent_; }

  const uint32_t delay_percent_;
  std::mt19937_64 random_{1};
  Clocked<Vsim_registers> block_;
  bool address_ = false, data_ = false, response_ = false;  // of the write: what is to come
  bool ask_ = false, answer_ = false;
  uint32_t value_ = 0;
};

// What a register that software cannot write shows in this bench.
std::optional<uint32_t> fixed_value(uint32_t offset) {
  switch (offset) {
    case kId:
      return kIdValue;
    case kVersion:
      return kVersionValue;
    case kCapabilities:
      return kHasStallCounters | kHasLogitsCrc;
    case kMaxTokens:
      return kMaxTokensValue;
    case kMaxContext:
      return kContextValue;
    case kScoreBytes:
      return kScoreBytesValue;
    case kClockKhz:
      return kClockValue;
    default:
      return std::nullopt;
  }
}

TEST(RtlRegisters, StandWhereTheHeaderSaysWithTheAccessItSays) {
  Bench bench;
  bench.ports().status_i = kBusy;
  bench.ports().error_code_i = 5;
  bench.ports().error_address_i = 0x89ABCDEF;
  bench.ports().error_region_i = 7;
  for (uint32_t i = 0; i < 16; ++i) {
    set_word(bench.ports().counters_i, i, 0xC0000000 + i);
    set_word(bench.ports().logits_crcs_i, i, 0xD0000000 + i);
  }
  for (const Register& r : kRegisters) {
    for (uint32_t word = 0; word < r.words; ++word) {
      const uint32_t offset = r.offset + 4 * word;
      const uint32_t before = bench.read(offset);
      if (const auto value = fixed_value(offset)) {
        EXPECT_EQ(before, *value) << r.name;
      }
      if (offset == kStatus) {
        EXPECT_EQ(before, kBusy);
      }
      if (offset == kErrorCode) {
        EXPECT_EQ(before, 5u);
      }
      if (offset == kErrorAddress) {
        EXPECT_EQ(before, 0x89ABCDEF);
      }
      if (offset == kErrorRegion) {
        EXPECT_EQ(before, 7u);
      }
      if (r.offset == kLogitsCrc) {
        EXPECT_EQ(before, 0xD0000000 + word);
      } else if (offset >= kCycles) {
        EXPECT_EQ(before, 0xC0000000 + (offset - kCycles) / 4) << r.name;
      }
      if (offset == kControl) continue;  // below
      const uint32_t written = 0x5A5A0000 + offset;
      bench.write(offset, written);
      const uint32_t after = bench.read(offset);
      if (offset == kInterruptEnable) {
        EXPECT_EQ(after, written & (kDone | kError));
      } else if (r.access == Access::kReadWrite) {
        EXPECT_EQ(after, written) << r.name << " word " << word;
      } else {
        EXPECT_EQ(after, before) << r.name;
      }
    }
  }
  // No write has gone to another register: the values are still there.
  for (const Register& r : kRegisters) {
    if (r.access != Access::kReadWrite || r.offset == kControl || r.offset == kInterruptEnable) continue;
    for (uint32_t word = 0; word < r.words; ++word) {
      const uint32_t offset = r.offset + 4 * word;
      EXPECT_EQ(bench.read(offset), 0x5A5A0000 + offset) << r.name << " word " << word;
    }
  }
}

TEST(RtlRegisters, ShowEveryBit) {
  Bench bench;
  for (const uint32_t value : {0xFFFFFFFFu, 0u, 0xA5A5A5A5u}) {
    bench.ports().status_i = value & 7;
    bench.ports().error_code_i = value & 15;
    bench.ports().error_address_i = value;
    bench.ports().error_region_i = value & 15;
    for (uint32_t i = 0; i < 16; ++i) set_word(bench.ports().counters_i, i, value);
    EXPECT_EQ(bench.read(kStatus), value & 7);
    EXPECT_EQ(bench.read(kErrorCode), value & 15);
    EXPECT_EQ(bench.read(kErrorAddress), value);
    EXPECT_EQ(bench.read(kErrorRegion), value & 15);
    EXPECT_EQ(bench.read(kCycles), value);
    for (const Register& r : kRegisters) {
      if (r.access != Access::kReadWrite || r.offset == kControl || r.offset == kInterruptEnable) continue;
      for (uint32_t word = 0; word < r.words; ++word) {
        bench.write(r.offset + 4 * word, value);
        EXPECT_EQ(bench.read(r.offset + 4 * word), value) << r.name << " word " << word;
      }
    }
  }
}

TEST(RtlRegisters, ReadZeroWhereThereAreNone) {
  Bench bench;
  std::array<bool, kBlockBytes / 4> known{};
  for (const Register& r : kRegisters) {
    for (uint32_t word = 0; word < r.words; ++word) known[r.offset / 4 + word] = true;
  }
  for (uint32_t offset = 0; offset < kBlockBytes; offset += 4) {
    // Words of the counters' row without a register are 0 by the counters' doing.
    if (known[offset / 4]) continue;
    bench.write(offset, 0xFFFFFFFF);
    EXPECT_EQ(bench.read(offset), 0u) << std::hex << offset;
  }
  EXPECT_EQ(bench.starts + bench.soft_resets, 0u);
  EXPECT_EQ(bench.read(kWatchdog), 0u);
  EXPECT_EQ(bench.read(kTokenId), 0u);
}

TEST(RtlRegisters, IgnoreWritesOfPartsOfAWord) {
  Bench bench;
  bench.write(kProgram, 0x11223344);
  for (uint8_t strobes = 0; strobes < 15; ++strobes) {
    bench.write(kProgram, 0xFFFFFFFF, strobes);
    bench.write(kControl, kStart | kSoftReset, strobes);
    EXPECT_EQ(bench.read(kProgram), 0x11223344u) << +strobes;
  }
  EXPECT_EQ(bench.starts + bench.soft_resets, 0u);
}

TEST(RtlRegisters, KeepAPassWhileControlIsNotZero) {
  for (const uint8_t control : {1, 2, 3}) {
    Bench bench;
    bench.ports().control_i = control;
    EXPECT_EQ(bench.read(kControl), control);
    for (const uint32_t offset : {kProgram, kPosition, kTokens, kFirstLogits, kTokenId, kTokenId + 60}) {
      bench.write(offset, 7);
      EXPECT_EQ(bench.read(offset), 0u) << offset;
    }
    bench.write(kControl, kStart);
    EXPECT_EQ(bench.starts, 0u);
    // These may be written at any time.
    bench.write(kControl, kSoftReset);
    EXPECT_EQ(bench.soft_resets, 1u);
    bench.write(kWatchdog, 9);
    EXPECT_EQ(bench.read(kWatchdog), 9u);
    bench.write(kInterruptEnable, kError);
    EXPECT_EQ(bench.read(kInterruptEnable), kError);
  }
}

TEST(RtlRegisters, StartOnceForEachWriteAndResetRatherThanStart) {
  Bench bench;
  bench.write(kControl, 0);
  bench.write(kControl, ~(kStart | kSoftReset));
  EXPECT_EQ(bench.starts + bench.soft_resets, 0u);
  bench.write(kControl, kStart);
  EXPECT_EQ(bench.starts, 1u);
  bench.write(kControl, kStart | kSoftReset);
  EXPECT_EQ(bench.starts, 1u);
  EXPECT_EQ(bench.soft_resets, 1u);
}

TEST(RtlRegisters, InterruptWhileAnEnabledBitIsSet) {
  Bench bench;
  const auto end_pass = [&](uint32_t bits) {
    bench.ports().ended_i = static_cast<uint8_t>(bits);
    bench.cycle();
    bench.ports().ended_i = 0;
    bench.cycles(3);
  };
  end_pass(kDone);
  EXPECT_EQ(bench.read(kInterruptStatus), kDone);
  EXPECT_FALSE(bench.ports().interrupt_o);
  bench.write(kInterruptEnable, kError);
  bench.cycles(3);
  EXPECT_FALSE(bench.ports().interrupt_o);
  bench.write(kInterruptEnable, kDone);
  bench.cycles(3);
  EXPECT_TRUE(bench.ports().interrupt_o);
  end_pass(kError);
  EXPECT_EQ(bench.read(kInterruptStatus), kDone | kError);
  bench.write(kInterruptStatus, kError);
  EXPECT_EQ(bench.read(kInterruptStatus), kDone);
  bench.write(kInterruptStatus, kDone, 0xE);
  EXPECT_EQ(bench.read(kInterruptStatus), kDone);
  bench.write(kInterruptStatus, kDone);
  bench.cycles(3);
  EXPECT_FALSE(bench.ports().interrupt_o);
  EXPECT_EQ(bench.read(kInterruptStatus), 0u);
}

// A pass that ends in the cycle in which software clears the last one's bit is not lost.
TEST(RtlRegisters, LoseNoInterruptToAClearInTheSameCycle) {
  for (uint32_t after = 0; after < 6; ++after) {
    Bench bench;
    bench.ports().ended_i = kDone;
    bench.cycle();
    bench.ports().ended_i = 0;
    bench.begin_write(kInterruptStatus, kDone);
    uint32_t cleared = 99;
    for (uint32_t i = 0; i < 8; ++i) {
      bench.ports().ended_i = i == after ? kDone : 0;
      bench.cycle();
      if (cleared == 99 && !bench.writing()) cleared = i;
    }
    // The write takes effect in the cycle before its response is there.
    ASSERT_LT(cleared, 8u);
    EXPECT_EQ(bench.read(kInterruptStatus), after + 1 >= cleared ? kDone : 0u) << after;
  }
}

// A read sees a write that was answered before it was asked, and none that is begun after it was answered.
TEST(RtlRegisters, AnswerReadsAndWritesAtTheSameTimeInAnyOrder) {
  for (const uint32_t delay : {0u, 50u, 80u}) {
    Bench bench(delay);
    uint32_t begun = 0, answered = 0, reads = 0, oldest = 0;
    while (reads < 2000) {
      if (!bench.writing()) {
        answered = begun;
        bench.begin_write(kWatchdog, ++begun);
      }
      if (!bench.reading()) {
        if (reads > 0) {
          ASSERT_GE(bench.read_value(), oldest);
          ASSERT_LE(bench.read_value(), begun);
        }
        ++reads;
        oldest = answered;
        bench.begin_read(kWatchdog);
      }
      bench.cycle();
    }
    EXPECT_GT(begun, 100u);
  }
}

TEST(RtlCounter, StopsAtItsLargestValue) {
  for (uint32_t step = 0; step <= 2; ++step) {
    Clocked<Vsim_counter8> counter;
    counter->clear_i = 1;
    counter.tick();
    counter->clear_i = 0;
    counter->add_i = static_cast<uint8_t>(step);
    for (uint32_t i = 1; i < 600; ++i) {
      counter.tick();
      ASSERT_EQ(counter->count_o, std::min(step * i, 255u));
    }
  }
}

}  // namespace
}  // namespace brim::rtl
