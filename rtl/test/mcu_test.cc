// The MCU reads what the program says: the simulator's bursts, joined in the order of docs/rtl/interfaces.md.
#include <gtest/gtest.h>

#include <numeric>

#include "image/planner.h"
#include "mcu_bench.h"
#include "sim/reads.h"
#include "sim/sequencer.h"
#include "tests/executor_shapes.h"

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
        plan_image(shape.model, board, {.embedding = shape.embedding, .context = kExecutorContext});
    program = sim::prepare(build_program(shape.model, plan.addresses),
                           {.position = position, .tokens = tokens, .logits = true});
    for (uint32_t t = 0; t < tokens; ++t) ids[t] = (position + t) * 7919 % program.header.vocabulary;
  }

  std::vector<Instruction> instructions() const {
    std::vector<Instruction> result;
    for (const sim::Step& step : program.steps) {
      if (sim::has_reads(step.instruction.opcode)) result.push_back(step.instruction);
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

void append_records(std::vector<uint64_t>& beats, uint64_t address, uint32_t head_size, uint32_t position) {
  const uint32_t bytes = kv_record_bytes(head_size);
  const uint32_t per_page = kv_tokens_per_page(head_size);
  for (uint32_t base = 0; base < position; base += per_page) {
    const uint32_t n = std::min(per_page, position - base);
    for (uint32_t m = 0; m < n; m += kPorts) {
      for (uint32_t half = 0; half < bytes / kBeatBytes; ++half) {
        for (uint32_t i = m; i < std::min(m + kPorts, n); ++i)
          beats.push_back(address + kv_record_offset(base + i, bytes) + half * kBeatBytes);
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
          append_linear(beats, uint64_t{in.address2} * kBeatBytes + value * kv_scale_bytes(header.context),
                        (position + 31) / 32);
        }
        append_records(beats, address, header.head_size, position);
        break;
      case Opcode::kValues:
        append_records(beats, address, header.head_size, position);
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
    reads.start(in);
    while (reads.next(read)) {
      for (const sim::PortBurst& burst : read.bursts)
        bursts[burst.port].push_back({burst.address, burst.beats});
    }
  }
  return bursts;
}

uint64_t generous(uint64_t beats) { return 20 * beats + 10'000; }

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
  for (const uint32_t position : {0, 1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 128, 130, 184})
    expect_pass(bench, Pass(GetParam(), position, 1 + position % 8));
}

TEST_P(McuTest, ReadsWhatTheProgramSaysUnderRandomLatencyGapsAndBackPressure) {
  for (const uint32_t take_percent : {100, 60}) {
    McuBench bench({.memory = kRandomMemory, .instruction_gap_percent = 50, .take_percent = take_percent}, 2);
    for (const uint32_t position : {0, 1, 7, 66, 131}) expect_pass(bench, Pass(GetParam(), position, 4));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, McuTest, testing::ValuesIn(executor_shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace brim::rtl
