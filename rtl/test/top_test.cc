// Whole decode programs on the whole accelerator, seen by software through its registers and by memory
// through its AXI ports, give the reference interpreter's logits.
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "Vsim_top1.h"
#include "Vsim_top4.h"
#include "board_server/pass_traffic.h"
#include "engine/interpreter.h"
#include "model/synthetic.h"
#include "operands.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"
#include "top_bench.h"
#include "top_logits.h"

namespace brim::rtl {
namespace {

using test::executor_shapes;
using test::ExecutorShape;
using test::kExecutorContext;

class TopTest : public testing::TestWithParam<ExecutorShape> {};

TEST_P(TopTest, GivesTheReferencesLogitsWithOneLane) {
  expect_reference_logits<Vsim_top1>(GetParam(), {1, 1, 1}, kIdeal);
}

TEST_P(TopTest, GivesTheReferencesLogitsForAnyNumberOfTokens) {
  expect_reference_logits<Vsim_top4>(GetParam(), {1, 4, 3, 2, 4}, kIdeal);
}

// 68 positions: more than a block of attention weights.
TEST_P(TopTest, GivesTheReferencesLogitsWithRandomStallsOnEveryChannel) {
  expect_reference_logits<Vsim_top4>(GetParam(), std::vector<uint32_t>(17, 4), kRandom);
}

INSTANTIATE_TEST_SUITE_P(Shapes, TopTest, testing::ValuesIn(executor_shapes()),
                         [](const auto& shape) { return shape.param.name; });

// Of one layer, so that many passes are quick.
ExecutorShape one_layer(ExecutorShape shape) {
  shape.model.vocabulary = 20;
  return test::with_one_layer(std::move(shape));
}

class TopCacheTest : public testing::TestWithParam<ExecutorShape> {};

// More positions than a beat of scales and zero-points has.
TEST_P(TopCacheTest, GivesTheReferencesLogitsWithRandomStallsOnEveryChannel) {
  expect_reference_logits<Vsim_top4>(one_layer(GetParam()), {1, 4, 3, 4, 4, 2}, kRandom);
}

INSTANTIATE_TEST_SUITE_P(Shape, TopCacheTest, testing::Values(test::four_bit_cache_shape()),
                         [](const auto& shape) { return shape.param.name; });
INSTANTIATE_TEST_SUITE_P(LongShapes, TopCacheTest, testing::ValuesIn(test::four_bit_cache_shapes()),
                         [](const auto& shape) { return shape.param.name; });

// With four tokens one to eight rounds of pairs of a token and a query head.
TEST(TopPasses, GiveTheReferencesLogitsForAnyNumberOfHeadsPerKvHead) {
  for (uint32_t heads = 1; heads <= 8; ++heads) {
    SCOPED_TRACE(heads);
    ExecutorShape shape = one_layer(executor_shapes()[0]);
    shape.model.heads = heads;
    shape.model.kv_heads = 1;
    expect_reference_logits<Vsim_top4>(shape, {4, 3}, kIdeal);
  }
}

TEST(TopPasses, GiveTheReferencesLogitsWithBiasesAndHeadNormsAtOnce) {
  ExecutorShape shape{.name = "wide", .model = test::small_model("wide"), .embedding = EmbeddingFormat::kQ4};
  expect_reference_logits<Vsim_top4>(shape, {4, 1}, kIdeal);
}

// Memory at its slowest and most stubborn, in every way that AXI allows.
TEST(TopPasses, GiveTheReferencesLogitsOnMemoryThatIsFarUnevenHoldsOffOrWantsAddressAndDataTogether) {
  for (const AxiTiming& timing : {kFarMemory, kUnevenMemory, kHoldingMemory, kTogetherMemory}) {
    expect_reference_logits<Vsim_top4>(one_layer(executor_shapes()[0]), {4, 3, 4}, timing);
  }
}

// The packer writes no -128, but an image may hold one.
TEST(TopPasses, GiveTheReferencesLogitsForInt8OfAnySizeInAnEmbedding) {
  const ExecutorShape shape = one_layer(executor_shapes()[0]);
  ASSERT_EQ(shape.embedding, EmbeddingFormat::kQ8);
  const test::PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding,
                               kExecutorContext);
  const uint32_t row_bytes = embedding_row_bytes(shape.embedding, shape.model.dim);
  std::string numbers(shape.model.dim, 0);  // -128, -124 ... 124
  for (uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<char>(4 * i - 128);
  std::fstream edited(file.path(), std::ios::in | std::ios::out | std::ios::binary);
  const uint64_t rows = file.image().view().embedding.file_offset;
  for (uint32_t row = 0; row < shape.model.vocabulary; ++row) {
    edited.seekp(static_cast<std::streamoff>(rows + uint64_t{row} * row_bytes));
    edited.write(numbers.data(), static_cast<std::streamsize>(numbers.size()));
  }
  edited.close();
  ASSERT_TRUE(edited);
  expect_reference_logits<Vsim_top4>(MappedImage(file.path()), {4, 1}, kIdeal);
}

// Pages of 128 records and of 64, the pass's own tokens on both sides of a page's end.
TEST(TopPasses, GiveTheReferencesLogitsAcrossTheEndOfAPage) {
  expect_reference_logits<Vsim_top4>(one_layer(executor_shapes()[0]), {4, 1}, kIdeal, 126);
  expect_reference_logits<Vsim_top4>(one_layer(executor_shapes()[2]), {4, 1}, kIdeal, 62);
}

// Eight query heads of a KV head and four tokens: eight rounds, while whose pages are issued the stream
// waits.
TEST(TopPasses, GiveTheReferencesLogitsInEightRoundsThatHoldTheStreamUp) {
  constexpr uint32_t kContext = 512;
  ExecutorShape shape = one_layer(executor_shapes()[0]);
  shape.model.heads = 8;
  shape.model.kv_heads = 1;
  expect_reference_logits<Vsim_top4>(shape, {4, 3}, kIdeal, kContext - 7, kContext);
}

// The scores of one round of pairs fill their buffer.
TEST(TopPasses, GiveTheReferencesLogitsAtTheEndOfTheLongestContext) {
  constexpr uint32_t kContext = 4096;
  ExecutorShape shape = one_layer(executor_shapes()[0]);
  shape.model.heads = shape.model.kv_heads;
  expect_reference_logits<Vsim_top4>(shape, {3, 1}, kIdeal, kContext - 4, kContext);
}

// Programs are fetched in bursts that end at a multiple of eight beats.
TEST(TopPasses, GiveTheReferencesLogitsWhereverTheProgramStands) {
  const ExecutorShape shape = one_layer(executor_shapes()[0]);
  const test::PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding,
                               kExecutorContext);
  Interpreter reference(
      file.image(), make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap});
  TopBench<Vsim_top1> bench(file.image(), kIdeal, 1);
  constexpr uint64_t kElsewhere = 0x3F0000000;  // above the image
  for (uint32_t beat = 0; beat < 8; ++beat) {
    SCOPED_TRACE(beat);
    bench.program_address = kElsewhere + beat * kBeatBytes;
    bench.restore_program();
    const std::vector<uint32_t> ids = {beat};
    const auto expected = reference.run({.tokens = ids, .position = beat, .first_logits = 0});
    ASSERT_TRUE(bench.run(ids, beat, 0, kLimit));
    ASSERT_EQ(bench.get(registers::kStatus), registers::kDone);
    const std::vector<float> got = bench.logits(0);
    for (uint32_t i = 0; i < got.size(); ++i) ASSERT_EQ(float_bits(got[i]), float_bits(expected[i]));
  }
}

// Two layers and 192 passes: more writings of each buffer than a generation has numbers.
TEST(TopPasses, GiveTheReferencesLogitsWhenGenerationsStartAgain) {
  ExecutorShape shape = executor_shapes()[0];
  shape.model.dim = shape.model.hidden = 32;
  shape.model.heads = shape.model.kv_heads = 1;
  shape.model.vocabulary = 20;
  expect_reference_logits<Vsim_top4>(shape, std::vector<uint32_t>(kExecutorContext, 1), kIdeal);
}

// ------------------------------------------------------------------ registers as a pass uses them

const test::PackedModel& small_model() {
  static const test::PackedModel file(*make_synthetic(executor_shapes()[0].model, kSyntheticSeed),
                                      executor_shapes()[0].embedding, kExecutorContext);
  return file;
}

struct PassCounters {
  uint32_t cycles, read, written, empty, activation, result, softmax, scores, pass, full, idle, local;
};

template <typename Top>
PassCounters counters(TopBench<Top>& bench) {
  using namespace registers;
  return {bench.get(kCycles),       bench.get(kBeatsRead),       bench.get(kBeatsWritten),
          bench.get(kStallEmpty),   bench.get(kStallActivation), bench.get(kStallResult),
          bench.get(kStallSoftmax), bench.get(kStallScores),     bench.get(kStallPass),
          bench.get(kFifoFull),     bench.get(kPortIdle),        bench.get(kStallLocal)};
}

TEST(TopCounters, SayWhatThePortsCarriedAndWhereEachCycleWent) {
  constexpr AxiTiming kSlow{.min_latency = 200, .max_latency = 300, .gap_percent = 98, .stall_percent = 0};
  for (const AxiTiming& timing : {kIdeal, kRandom, kSlow}) {
    TopBench<Vsim_top4> bench(small_model().image(), timing, 1);
    bench.set(registers::kInterruptEnable, registers::kDone);
    uint32_t position = 0;
    // Two tokens, one logit; one token; a prompt without logits.
    for (const auto& [tokens, first] : {std::pair{2u, 1u}, {1u, 0u}, {4u, 4u}, {3u, 0u}}) {
      const std::vector<uint32_t> ids(tokens, 9);
      bench.set_up(ids, position, first);
      const uint64_t stream = bench.stream_transfers(), aux = bench.aux_transfers;
      const uint64_t written = bench.write_transfers;
      bench.start();
      const uint64_t start = bench.cycles();
      while (!bench.interrupt() && bench.cycles() - start < kLimit) bench.cycle();
      const uint64_t cycles = bench.cycles() - start;
      ASSERT_EQ(bench.get(registers::kControl), 0u);
      const PassCounters c = counters(bench);

      const PassTraffic traffic = pass_traffic(bench.program, position, tokens, first);
      const uint64_t program_beats = (bench.aux_transfers - aux) / 4;
      EXPECT_EQ((bench.stream_transfers() - stream) / 4, traffic.beats_read);
      EXPECT_EQ(c.read, traffic.beats_read + program_beats);
      EXPECT_EQ(c.written, traffic.beats_written);
      EXPECT_EQ((bench.write_transfers - written) / 4, traffic.beats_written);
      const uint64_t program_bytes =
          sizeof(ProgramHeader) + bench.program.instructions.size() * sizeof(Instruction);
      if (first < tokens) {
        EXPECT_EQ(program_beats, (program_bytes + kBeatBytes - 1) / kBeatBytes);
      } else {
        EXPECT_LE(program_beats, (program_bytes + kBeatBytes - 1) / kBeatBytes);
      }

      // The interrupt comes a few cycles after the end, the start's response a few after the start.
      EXPECT_NEAR(c.cycles, cycles, 8);
      EXPECT_EQ(c.cycles, traffic.beats_read + c.empty + c.activation + c.result + c.softmax + c.scores +
                              c.pass + c.local);
      EXPECT_LE(c.idle, c.cycles);
      EXPECT_GT(c.pass, 127u);  // the checks of the pass alone
      EXPECT_GT(c.activation, 0u);
      EXPECT_GT(c.scores, 0u);
      EXPECT_GT(c.softmax, 0u);
      EXPECT_GT(c.idle, 0u);
      if (timing.gap_percent == 98) {
        EXPECT_GT(c.empty, c.cycles / 2);
        EXPECT_EQ(c.full, 0u);
      } else if (timing.gap_percent == 0) {
        EXPECT_LT(c.empty, c.cycles / 10);
        EXPECT_GT(c.full, 0u);
      }
      bench.set(registers::kInterruptStatus, registers::kDone);
      bench.cycle();
      EXPECT_FALSE(bench.interrupt());
      position += tokens;
    }
  }
}

TEST(TopRegisters, ShowAPassAndKeepItFromChanging) {
  Interpreter reference(
      small_model().image(), make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = 8, .threads = 1, .pin = false, .load = Load::kMap});
  TopBench<Vsim_top4> bench(small_model().image(), kRandom, 1);
  EXPECT_EQ(bench.get(registers::kStatus), 0u);
  const std::vector<uint32_t> ids = {7, 8, 9, 10};
  const auto expected = reference.run({.tokens = ids, .position = 0, .first_logits = 0});
  bench.set_up(ids, 0, 0);
  bench.start();
  const std::vector<uint32_t> kept = {
      registers::kProgram, registers::kPosition,    registers::kTokens,      registers::kFirstLogits,
      registers::kTokenId, registers::kTokenId + 4, registers::kTokenId + 8, registers::kTokenId + 12};
  std::vector<uint32_t> before;
  before.reserve(kept.size());
  for (const uint32_t offset : kept) before.push_back(bench.get(offset));
  uint32_t rounds = 0;
  while (bench.get(registers::kControl) != 0) {
    ASSERT_LT(++rounds, 100000u);
    const uint32_t status = bench.get(registers::kStatus);
    for (size_t i = 0; i < kept.size(); ++i) {
      bench.set(kept[i], 1);
      // The pass may end between these accesses.
      if (bench.get(registers::kControl) == 0) {
        bench.set(kept[i], before[i]);
        break;
      }
      EXPECT_EQ(bench.get(kept[i]), before[i]);
    }
    EXPECT_TRUE(status == registers::kBusy || bench.get(registers::kControl) == 0) << status;
    if (bench.get(registers::kControl) != 0) bench.set(registers::kControl, 0);
  }
  EXPECT_GT(rounds, 20u);
  EXPECT_EQ(bench.get(registers::kStatus), registers::kDone);
  for (uint32_t t = 0; t < ids.size(); ++t) {
    const std::vector<float> got = bench.logits(t);
    for (uint32_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(float_bits(got[i]), float_bits(expected[t * got.size() + i]));
    }
  }
  // The same registers serve the next pass.
  bench.start();
  ASSERT_TRUE(bench.wait(kLimit));
  EXPECT_EQ(bench.get(registers::kStatus), registers::kDone);
}

}  // namespace
}  // namespace brim::rtl
