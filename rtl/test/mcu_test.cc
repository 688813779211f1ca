// The MCU reads what the program says: the simulator's bursts, joined in the order of docs/rtl/interfaces.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "compile/build_program.h"
#include "compile/planner.h"
#include "mcu_bench.h"
#include "sim/reads.h"
#include "sim/sequencer.h"
#include "tests/support/executor_shapes.h"

namespace brim::rtl {
namespace {

using test::executor_shapes;
using test::ExecutorShape;
using test::kExecutorContext;

constexpr AxiTiming kRandomMemory{
    .min_latency = 1, .max_latency = 150, .gap_percent = 30, .stall_percent = 50};

// A pass of a model, whose rows of the embedding are those that the simulator reads.
struct Pass {
  Pass(const ExecutorShape& shape, uint32_t position, uint32_t tokens)
      : board(load_board("kv260")), ids(tokens) {
    const Plan plan =
        plan_image(shape.model, board,
                   {.embedding = shape.embedding, .context = kExecutorContext, .kv_cache = shape.kv});
    program = sim::prepare(build_program(shape.model, plan.addresses),
                           {.position = position, .tokens = tokens, .logits = true});
    for (uint32_t t = 0; t < tokens; ++t) ids[t] = (position + t) * 7919 % program.header.vocabulary;
  }

  std::vector<Instruction> instructions() const {
    std::vector<Instruction> result;
    for (const sim::Step& step : program.steps) {
      if (is_for_stream(step.instruction.opcode)) result.push_back(step.instruction);
    }
    return result;
  }

  void start(McuBench& bench) const {
    bench.start(program.header, program.pass.position, ids, instructions());
  }

  Board board;
  sim::PassProgram program;
  std::vector<uint32_t> ids;
};

void append_linear(std::vector<uint64_t>& beats, uint64_t address, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) beats.push_back(address + i * kBeatBytes);
}

void append_page(std::vector<uint64_t>& beats, uint64_t address) {
  for (uint32_t k = 0; k < kPageBytes / kBeatBytes; ++k)
    beats.push_back(address + k % kPorts * kSubBlockBytes + k / kPorts * kBeatBytes);
}

void append_records(std::vector<uint64_t>& beats, uint64_t address, const KvFormat& format,
                    uint32_t position) {
  const uint32_t per_page = format.tokens_per_page();
  const uint32_t records_per_beat = format.record_bytes < kBeatBytes ? 2 : 1;
  for (uint32_t base = 0; base < position; base += per_page) {
    const uint32_t n = std::min(per_page, position - base);
    for (uint32_t m = 0; m < n; m += kPorts * records_per_beat) {
      for (uint32_t half = 0; half < format.record_beats(); ++half) {
        for (uint32_t i = m; i < std::min(m + kPorts, n); ++i)
          beats.push_back(address + format.offset(base + i) + half * kBeatBytes);
      }
    }
  }
}

// The stream as docs/rtl/interfaces.md describes it: addresses of its beats.
std::vector<uint64_t> expected_beats(const Pass& pass) {
  const ProgramHeader& header = pass.program.header;
  const uint32_t position = pass.program.pass.position;
  std::vector<uint64_t> beats;
  uint64_t stream = 0, page = 0;
  for (const Instruction& in : pass.instructions()) {
    const uint64_t address = uint64_t{in.address} * kBeatBytes;
    const uint64_t row_bytes = uint64_t{in.count} * kBeatBytes;
    switch (in.opcode) {
      case Opcode::kStream:
        stream = address;
        page = 0;
        break;
      case Opcode::kLoad:
        append_linear(beats, address, in.count);
        break;
      case Opcode::kRope:
        for (uint32_t t = 0; t < pass.ids.size(); ++t)
          append_linear(beats, address + (position + t) * row_bytes, in.count);
        break;
      case Opcode::kEmbed:
        for (const uint32_t id : pass.ids) append_linear(beats, address + id * row_bytes, in.count);
        break;
      case Opcode::kMatvec:
        for (uint32_t i = 0; i < in.count; ++i, ++page) {
          if (page % kPagesPerChunk == 0) append_page(beats, stream + page / kPagesPerChunk * kChunkBytes);
          append_page(beats, stream + page_offset(page));
        }
        break;
      case Opcode::kScores:
        for (uint32_t value = 0; value < 2; ++value) {
          append_linear(
              beats,
              uint64_t{in.address2} * kBeatBytes + value * key_format(header).scales_bytes(header.context),
              kv_format(header, value == 1).scale_beats(position));
        }
        append_records(beats, address, key_format(header), position);
        break;
      case Opcode::kValues:
        append_records(beats, address, value_format(header), position);
        break;
      default:
        ADD_FAILURE() << "an instruction without reads";
    }
  }
  return beats;
}

// The simulator's bursts, port by port.
std::array<std::vector<McuBurst>, kPorts> expected_bursts(const Pass& pass) {
  std::array<std::vector<McuBurst>, kPorts> bursts;
  sim::ReadList reads(pass.board, pass.program, {});
  sim::Read read;
  for (const Instruction& in : pass.instructions()) {
    reads.start({.instruction = in});
    while (reads.next(read)) {
      for (const sim::PortBurst& burst : read.bursts)
        bursts[burst.port].push_back({burst.address, burst.beats});
    }
  }
  return bursts;
}

uint64_t generous(uint64_t beats) { return 20 * beats + 10'000; }

// Runs a pass, and compares all that it did.
void expect_pass(McuBench& bench, const Pass& pass) {
  SCOPED_TRACE(testing::Message() << "position " << pass.program.pass.position << ", tokens "
                                  << pass.ids.size());
  const std::vector<uint64_t> beats = expected_beats(pass);
  pass.start(bench);
  ASSERT_TRUE(bench.run(generous(beats.size())))
      << "hangs after " << bench.beats.size() << " of " << beats.size() << " beats";
  EXPECT_TRUE(bench.beats == beats) << bench.beats.size() << " beats instead of " << beats.size();
  const auto bursts = expected_bursts(pass);
  for (uint32_t port = 0; port < kPorts; ++port) EXPECT_TRUE(bench.bursts[port] == bursts[port]) << port;
  EXPECT_EQ(bench.errors.size(), 0u);
  EXPECT_EQ(bench.violations(), std::vector<std::string>());
}

class McuTest : public testing::TestWithParam<ExecutorShape> {};

TEST_P(McuTest, ReadsWhatTheProgramSaysAtAnyPosition) {
  McuBench bench({}, 1);
  for (const uint32_t position : {0, 1, 2, 3, 4, 5, 6, 31, 32, 33, 63, 64, 65, 127, 128, 130, 184})
    expect_pass(bench, Pass(GetParam(), position, 1 + position % 8));
}

TEST_P(McuTest, ReadsWhatTheProgramSaysUnderRandomLatencyGapsAndBackPressure) {
  for (const uint32_t take_percent : {100, 60}) {
    McuBench bench({.memory = kRandomMemory, .instruction_gap_percent = 50, .take_percent = take_percent}, 2);
    for (const uint32_t position : {0, 1, 7, 66, 131}) expect_pass(bench, Pass(GetParam(), position, 4));
  }
}

// Rounds of a read: in each one every port that takes part delivers a beat, four transfers.
uint64_t rounds(const Pass& pass) {
  sim::ReadList reads(pass.board, pass.program, {});
  sim::Read read;
  uint64_t result = 0;
  for (const Instruction& in : pass.instructions()) {
    reads.start({.instruction = in});
    while (reads.next(read)) result += *std::ranges::max_element(read.port_beats);
  }
  return result;
}

// Whatever is read, from one instruction to the next: nothing is lost but the share of ports without a beat.
// The row of a table takes five cycles to be asked for, of which one shows where `rope` stands between
// layers.
TEST_P(McuTest, LosesNoCycleToAnythingButThePortsWidth) {
  McuBench bench({}, 3);
  for (const uint32_t position : {0, 1, 31, 64, 130, 184}) {
    const Pass pass(GetParam(), position, 1);
    expect_pass(bench, pass);
    const auto instructions = pass.instructions();
    const auto ropes = std::ranges::count(instructions, Opcode::kRope, &Instruction::opcode);
    EXPECT_LE(bench.beat_cycles.back() - bench.beat_cycles.front() + 1,
              4 * rounds(pass) + static_cast<uint64_t>(ropes - 1))
        << "position " << position << ", " << bench.beats.size() << " beats";
  }
}

// Wherever in a pass it is stopped, and whatever the memory does meanwhile.
TEST_P(McuTest, DrainsWhenStoppedAtAnyTimeAndStartsAnewAfterReset) {
  McuBench bench({.memory = kRandomMemory, .instruction_gap_percent = 20, .take_percent = 70}, 4);
  std::mt19937 random(5);
  const Pass pass(GetParam(), 131, 3);
  const std::vector<uint64_t> beats = expected_beats(pass);
  for (uint32_t round = 0; round < 40; ++round) {
    pass.start(bench);
    bench.run(1 + random() % (round % 2 == 0 ? 200 : 4 * beats.size()));
    const auto taken = bench.bursts;
    ASSERT_TRUE(bench.stop(20'000)) << "does not drain";
    ASSERT_TRUE(bench.memory_idle());
    for (uint32_t port = 0; port < kPorts; ++port)
      EXPECT_LE(bench.bursts[port].size(), taken[port].size() + McuBench::kOutstanding);
    // What came by then is the beginning of the stream.
    ASSERT_LE(bench.beats.size(), beats.size());
    EXPECT_TRUE(std::ranges::equal(bench.beats, std::span(beats).first(bench.beats.size())));
    const auto stopped = bench.bursts;
    for (uint32_t i = 0; i < 500; ++i) bench.cycle();
    EXPECT_EQ(bench.bursts, stopped) << "a burst after the end";
    EXPECT_TRUE(bench.mcu().idle_o);
    bench.reset();
  }
  expect_pass(bench, pass);
}

INSTANTIATE_TEST_SUITE_P(Shapes, McuTest, testing::ValuesIn(test::executor_and_cache_shapes()),
                         [](const auto& shape) { return shape.param.name; });

// Instructions without a model: `pages` weight pages from kStart on (and their metadata), then `linear`
// beats.
constexpr uint32_t kStart = 1 << 20;     // beats
constexpr uint32_t kLinearAt = 1 << 24;  // beats

std::vector<Instruction> pages_and_beats(uint32_t pages, uint32_t linear) {
  return {{.opcode = Opcode::kStream, .address = kStart},
          {.opcode = Opcode::kMatvec, .count = pages},
          {.opcode = Opcode::kLoad, .address = kLinearAt, .count = linear}};
}

const uint32_t kNoToken[] = {0};

// Three bursts of a port are under way while a fourth comes in. 240 cycles are 800 ns.
TEST(Mcu, DeliversABeatInEveryCycleOfWeightPagesUpToALatencyOf370Cycles) {
  for (const uint32_t latency : {1, 20, 120, 240, 370}) {
    McuBench bench({.memory = {.min_latency = latency, .max_latency = latency}}, 6);
    bench.start({.head_size = 64}, 0, kNoToken, pages_and_beats(60, 0));
    ASSERT_TRUE(bench.run(100'000));
    EXPECT_EQ(bench.beats.size(), (60 + 3) * 128u);
    EXPECT_EQ(bench.beat_cycles.back() - bench.beat_cycles.front() + 1, bench.beats.size()) << latency;
  }
}

// Eight bursts of one beat per port are under way at a time, and take the latency and seven cycles.
TEST(Mcu, KeepsEightShortBurstsOfEachPortUnderWay) {
  constexpr uint32_t kLatency = 100, kBeats = 3200;
  McuBench bench({.memory = {.min_latency = kLatency, .max_latency = kLatency}}, 7);
  bench.start({.head_size = 64}, 0, kNoToken, pages_and_beats(0, kBeats));
  ASSERT_TRUE(bench.run(1'000'000));
  const uint64_t turns = kBeats / kPorts / McuBench::kOutstanding;
  const uint64_t cycles = bench.beat_cycles.back() - bench.beat_cycles.front();
  EXPECT_LE(cycles, turns * (kLatency + 7));
  EXPECT_GT(cycles, (turns - 1) * kLatency);
}

TEST(Mcu, StopsAskingWhenNoBeatIsTakenAndLosesNone) {
  McuBench bench({.take_percent = 0}, 8);
  bench.start({.head_size = 64}, 0, kNoToken, pages_and_beats(20, 100));
  EXPECT_FALSE(bench.run(5000));
  EXPECT_TRUE(bench.mcu().blocked_o);
  EXPECT_TRUE(bench.mcu().port_idle_o);
  // Each port FIFO has room for four bursts of a page; a beat stands at the output of each, one at the
  // join's.
  for (uint32_t port = 0; port < kPorts; ++port) EXPECT_EQ(bench.bursts[port].size(), 4u);
  EXPECT_EQ(bench.violations(), std::vector<std::string>());
}

TEST(Mcu, HasNothingToDoForInstructionsThatReadNothing) {
  McuBench bench({}, 9);
  bench.start({.head_size = 64, .context = 128}, 0, kNoToken,
              {{.opcode = Opcode::kScores, .address = kStart, .address2 = kLinearAt},
               {.opcode = Opcode::kValues, .address = kStart},
               {.opcode = Opcode::kLoad, .address = kStart, .count = 0}});
  ASSERT_TRUE(bench.run(100));
  for (const auto& bursts : bench.bursts) EXPECT_TRUE(bursts.empty());
}

TEST(Mcu, MultipliesTableRowsUpToTheLargestIds) {
  McuBench bench({}, 10);
  constexpr uint32_t kIds[] = {0, 128'255, 262'143, (1 << 26) - 1};
  for (const uint32_t count : {1, 65, 1023}) {
    bench.start({.head_size = 64}, 0, kIds, {{.opcode = Opcode::kEmbed, .address = kStart, .count = count}});
    ASSERT_TRUE(bench.run(100'000));
    std::vector<uint64_t> beats;
    for (const uint32_t id : kIds) {
      const uint32_t beat = kStart + id * count;  // modulo 2^32, as addresses are
      for (uint32_t i = 0; i < count; ++i) beats.push_back(uint64_t{beat + i} * kBeatBytes);
    }
    EXPECT_TRUE(bench.beats == beats) << count;
  }
}

class McuErrorTest : public testing::TestWithParam<std::tuple<uint32_t, AxiResponse>> {};

// A bad transfer somewhere inside a burst of a page, and of a linear read; each port, each kind of error.
TEST_P(McuErrorTest, ReportsTheBurstOfABadResponseAndGoesOn) {
  const auto [port, response] = GetParam();
  McuBench bench({.memory = kRandomMemory, .take_percent = 80}, 11 + port);
  const uint32_t page_burst = kStart + 5 * 128 + port * 32;
  const uint32_t short_burst = kLinearAt + 40 + port;
  for (const auto& [burst, transfer] :
       {std::pair{page_burst, 0u}, {page_burst, 77u}, {page_burst, 127u}, {short_burst, 2u}}) {
    const uint64_t bad = uint64_t{burst} * kBeatBytes + transfer * kAxiBytes;
    bench.memory.read_response = [bad, r = response](uint64_t address) {
      return address == bad ? r : AxiResponse::kOkay;
    };
    bench.start({.head_size = 64}, 0, kNoToken, pages_and_beats(10, 100));
    ASSERT_TRUE(bench.run(100'000));
    EXPECT_EQ(bench.beats.size(), 11 * 128u + 100);
    ASSERT_EQ(bench.errors.size(), 1u) << "transfer " << transfer;
    EXPECT_EQ(bench.errors[0], burst);
    EXPECT_EQ(bench.violations(), std::vector<std::string>());
    bench.reset();
  }
}

TEST_P(McuErrorTest, CanBeStoppedByTheErrorAndRunsAgainAfterReset) {
  const auto [port, response] = GetParam();
  McuBench bench({.memory = kRandomMemory}, 21 + port);
  const uint64_t bad = uint64_t{kStart + 128 + port * 32} * kBeatBytes;
  bench.memory.read_response = [bad, r = response](uint64_t address) {
    return address >= bad && address < bad + kSubBlockBytes ? r : AxiResponse::kOkay;
  };
  bench.start({.head_size = 64}, 0, kNoToken, pages_and_beats(10, 100));
  for (uint32_t i = 0; i < 100'000 && bench.errors.empty(); ++i) bench.cycle();
  ASSERT_FALSE(bench.errors.empty());
  EXPECT_EQ(bench.errors[0], bad / kBeatBytes);
  ASSERT_TRUE(bench.stop(20'000));
  bench.reset();
  bench.memory.read_response = [](uint64_t) { return AxiResponse::kOkay; };
  bench.start({.head_size = 64}, 0, kNoToken, pages_and_beats(10, 100));
  ASSERT_TRUE(bench.run(100'000));
  EXPECT_EQ(bench.beats.size(), 11 * 128u + 100);
  EXPECT_TRUE(bench.errors.empty());
  EXPECT_EQ(bench.violations(), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(PortsAndResponses, McuErrorTest,
                         testing::Combine(testing::Values(0, 1, 2, 3),
                                          testing::Values(AxiResponse::kSlaveError,
                                                          AxiResponse::kDecodeError)));

}  // namespace
}  // namespace brim::rtl
