// The prefetch FIFO gives every beat once and in order, at a beat per cycle.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "Vsim_prefetch_fifo.h"
#include "pipeline.h"
#include "ports.h"

namespace brim::rtl {
namespace {

constexpr uint32_t kBeats = 64;        // of the FIFO under test
constexpr uint32_t kOutputStages = 2;  // that hold a beat each beyond it
constexpr uint32_t kLatency = 3;       // cycles from push to output

class FifoBench {
 public:
  explicit FifoBench(uint64_t seed) : random_(seed) {
    fifo_->rst_ni = 0;
    cycle(false, false);
    fifo_->rst_ni = 1;
    cycle(false, false);
  }

  // One cycle in which a beat is offered, and one would be taken.
  void cycle(bool offer, bool take) {
    Vsim_prefetch_fifo& f = *fifo_;
    if (offer && !offering_) {
      for (uint32_t i = 0; i < 16; ++i) f.data_i[i] = static_cast<uint32_t>(random_());
      offering_ = true;
    }
    f.valid_i = offering_;
    f.ready_i = take;
    f.eval();
    if (f.rst_ni) {
      ASSERT_EQ(f.empty_o, inside_.empty());
    }
    if (f.rst_ni && f.valid_o) {
      ASSERT_FALSE(inside_.empty()) << "a beat that nobody pushed";
      for (uint32_t i = 0; i < 16; ++i) ASSERT_EQ(f.data_o[i], inside_.front()[i]);
      if (take) {
        inside_.pop_front();
        ++taken_;
      }
    }
    if (f.rst_ni && f.valid_i && f.ready_o) {
      std::array<uint32_t, 16> beat;
      for (uint32_t i = 0; i < 16; ++i) beat[i] = f.data_i[i];
      inside_.push_back(beat);
      offering_ = false;
    }
    fifo_.tick();
  }

  uint64_t inside() const { return inside_.size(); }
  uint64_t taken() const { return taken_; }
  bool full() { return !fifo_->ready_o; }
  bool empty() { return !fifo_->valid_o; }

 private:
  Clocked<Vsim_prefetch_fifo> fifo_;
  std::mt19937_64 random_;
  std::deque<std::array<uint32_t, 16>> inside_;
  uint64_t taken_ = 0;
  bool offering_ = false;
};

TEST(PrefetchFifo, LosesAndRepeatsNothingUnderRandomTraffic) {
  FifoBench bench(1);
  std::mt19937_64 random(2);
  uint64_t most = 0;
  for (uint32_t phase = 0; phase < 200; ++phase) {
    const uint64_t offer = random() % 101, take = random() % 101;
    for (uint32_t i = 0; i < 500; ++i) {
      bench.cycle(random() % 100 < offer, random() % 100 < take);
      if (testing::Test::HasFatalFailure()) return;
      most = std::max(most, bench.inside());
    }
  }
  EXPECT_GT(bench.taken(), 10'000u);
  EXPECT_EQ(most, kBeats + kOutputStages);
}

TEST(PrefetchFifo, TakesAllItHasRoomForAndGivesItAll) {
  FifoBench bench(3);
  for (uint32_t round = 0; round < 5; ++round) {
    for (uint32_t i = 0; i < 2 * kBeats; ++i) bench.cycle(true, false);
    EXPECT_TRUE(bench.full());
    EXPECT_EQ(bench.inside(), kBeats + kOutputStages);
    while (!bench.empty()) bench.cycle(false, true);
    // The beat that was refused is still offered.
    for (uint32_t i = 0; i < kLatency + 1; ++i) bench.cycle(false, true);
    EXPECT_TRUE(bench.empty());
    EXPECT_EQ(bench.inside(), 0u);
  }
}

TEST(PrefetchFifo, MovesABeatInEveryCycle) {
  FifoBench bench(4);
  constexpr uint32_t kCycles = 1000;
  for (uint32_t i = 0; i < kCycles; ++i) bench.cycle(true, true);
  EXPECT_EQ(bench.taken(), kCycles - kLatency);
  // And so behind a full FIFO.
  for (uint32_t i = 0; i < 2 * kBeats; ++i) bench.cycle(true, false);
  const uint64_t before = bench.taken();
  for (uint32_t i = 0; i < kCycles; ++i) bench.cycle(true, true);
  EXPECT_EQ(bench.taken() - before, kCycles);
}

}  // namespace
}  // namespace brim::rtl
