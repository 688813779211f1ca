// The timing simulator's VPU and SPU take the cycles that the RTL takes, on a stream that always has the next
// beat.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "Vsim_compute1.h"
#include "Vsim_compute4.h"
#include "Vsim_compute8.h"
#include "compute_bench.h"
#include "model/synthetic.h"
#include "sim/memory.h"
#include "sim/spu.h"
#include "sim/vpu.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"

namespace brim::rtl {
namespace {

using test::ExecutorShape;
using test::kExecutorContext;

constexpr uint64_t kMostCycles = 20'000'000;

template <typename Compute>
uint64_t rtl_cycles(const MappedImage& image, const sim::PassRequest& pass) {
  ComputeBench<Compute> bench(image, 1);
  const uint64_t before = bench.cycles();
  const std::vector<uint32_t> tokens(pass.tokens, 1);
  EXPECT_TRUE(bench.run(tokens, pass.position, pass.tokens - 1, kMostCycles)) << "hangs";
  return bench.cycles() - before;
}

uint64_t simulated_cycles(const Program& program, uint32_t lanes, const sim::PassRequest& request) {
  Board board = load_board("kv260");
  board.accelerator.tokens_per_pass = lanes;
  const sim::PassProgram pass = sim::prepare(program, request);
  const sim::Design design;
  sim::Memory memory(board, nullptr);
  sim::WriteBuffer writes(design, memory, nullptr);
  sim::VectorBuffers buffers;
  buffers.generations.resize(pass.generations);
  sim::Dispatch dispatch;
  dispatch.at.assign(pass.steps.size(), 0);
  sim::PrefetchFifo fifo(1u << 20);  // more than a pass of these models takes
  while (fifo.room_known()) fifo.push(0);
  sim::Vpu vpu(board, pass, design, dispatch, fifo, buffers, nullptr);
  sim::Spu spu(pass, design, lanes, dispatch, buffers, writes, nullptr);
  sim::Unit units[] = {sim::Unit(vpu.run()), sim::Unit(spu.run()), sim::Unit(writes.run())};
  const auto done = [&] { return units[0].done() && units[1].done(); };
  // Only writes wait for the memory.
  for (sim::Cycle cycle = 0; !done() && cycle < kMostCycles; cycle += memory.latency()) {
    memory.advance(cycle);
    for (bool progress = true; progress;) {
      progress = false;
      for (sim::Unit& unit : units) progress |= unit.advance();
    }
  }
  EXPECT_TRUE(done()) << "hangs";
  return std::max(vpu.end(), spu.end());
}

class TimingTest : public testing::TestWithParam<ExecutorShape> {};

TEST_P(TimingTest, TheSimulatorAgreesWithinOnePercent) {
  const test::PackedModel file(*make_synthetic(GetParam().model, kSyntheticSeed), GetParam().embedding,
                               kExecutorContext);
  const auto compare = [&](auto rtl, uint32_t lanes, const sim::PassRequest& pass) {
    const uint64_t expected = rtl(file.image(), pass);
    const uint64_t got = simulated_cycles(file.image().program(), lanes, pass);
    const double difference =
        (static_cast<double>(got) - static_cast<double>(expected)) / static_cast<double>(expected);
    EXPECT_LT(std::abs(difference), 0.01) << lanes << " lanes, T = " << pass.tokens << ", position "
                                          << pass.position << ": " << got << " for " << expected;
  };
  for (const uint32_t position : {0u, 1u, 63u, 64u, 150u}) {
    compare(rtl_cycles<Vsim_compute1>, 1, {position, 1, true});
  }
  for (const uint32_t position : {0u, 61u}) {
    compare(rtl_cycles<Vsim_compute4>, 4, {position, 1, true});
    compare(rtl_cycles<Vsim_compute4>, 4, {position, 4, true});
    compare(rtl_cycles<Vsim_compute8>, 8, {position, 8, true});
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TimingTest, testing::ValuesIn(test::executor_shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace brim::rtl
