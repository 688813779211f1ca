// The timing simulator takes the cycles that the whole accelerator takes on the same memory, and moves the
// same beats.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "engine/interpreter.h"
#include "model/synthetic.h"
#include "model/tensor_source.h"
#include "rtl_target/executor.h"
#include "rtl_target/test_parameters.h"
#include "sim/subject.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"

namespace brim::rtl_target {
namespace {

using test::executor_shapes;
using test::kExecutorContext;
using test::PackedModel;

// Of the path to memory: the board file's, and what load and the coherent ports may make of it.
constexpr double kLatenciesNs[] = {150, 400, 800};

// An accelerator of `lanes` and the simulator of the same board.
class Pair {
 public:
  Pair(const MappedImage& image, uint32_t lanes, double latency_ns)
      : board_(board_of(lanes, latency_ns)),
        rtl_(image, board_, {.models = BRIM_RTL_FOLDER, .tokens = lanes}),
        subject_(sim::subject_of(image, board_)) {}

  RtlExecutor& rtl() { return rtl_; }

  // `experts`: those that the pass will choose, of a model that has some.
  void expect_agreement(const Pass& pass, const PassExperts& experts = {}) {
    const auto tokens = static_cast<uint32_t>(pass.tokens.size());
    SCOPED_TRACE(testing::Message() << "T = " << tokens << ", position " << pass.position);
    rtl_.run(pass);
    const accelerator::Counters& counters = rtl_.passes().back().counters;
    const sim::PassResult simulated = sim::simulate_pass(board_, subject_.program,
                                                         {.position = pass.position,
                                                          .tokens = tokens,
                                                          .all_logits = pass.first_logits == 0,
                                                          .experts = experts});
    const double difference =
        static_cast<double>(simulated.cycles) / static_cast<double>(counters.cycles) - 1;
    EXPECT_LE(std::abs(difference), 0.01) << simulated.cycles << " cycles for " << counters.cycles;
    EXPECT_EQ(simulated.stream_beats, counters.beats_read - program_beats());
    EXPECT_EQ(simulated.write_beats, counters.beats_written);
  }

 private:
  static Board board_of(uint32_t lanes, double latency_ns) {
    Board board = load_board("kv260");
    board.accelerator.tokens_per_pass = lanes;
    board.axi.fabric_latency_ns = latency_ns;
    return board;
  }

  uint64_t program_beats() const {
    const uint64_t bytes =
        sizeof(ProgramHeader) + subject_.program.program.instructions.size() * sizeof(Instruction);
    return (bytes + kBeatBytes - 1) / kBeatBytes;
  }

  Board board_;
  RtlExecutor rtl_;
  sim::Subject subject_;
};

std::vector<uint32_t> some_tokens(uint32_t count, uint32_t position, uint32_t vocabulary) {
  std::vector<uint32_t> ids(count);
  for (uint32_t t = 0; t < count; ++t) ids[t] = (position + t) * 7919 % vocabulary;
  return ids;
}

// In passes of one token and of as many as the accelerator of `lanes` takes.
void expect_agreement(const MappedImage& image, uint32_t lanes, double latency_ns,
                      std::span<const uint32_t> positions) {
  SCOPED_TRACE(latency_ns);
  Pair pair(image, lanes, latency_ns);
  pair.rtl().fill_cache();
  std::vector<uint32_t> widths = {1};
  if (pair.rtl().max_tokens_per_pass() > 1) widths.push_back(pair.rtl().max_tokens_per_pass());
  for (const uint32_t tokens : widths) {
    for (const uint32_t position : positions) {
      // Of the last token, as a prompt's; of all at one position, as drafts that are verified.
      const bool all_logits = position == positions.back();
      pair.expect_agreement({.tokens = some_tokens(tokens, position, pair.rtl().vocabulary()),
                             .position = position,
                             .first_logits = all_logits ? 0 : tokens - 1});
    }
  }
}

class RtlCyclesTest : public testing::TestWithParam<ShapeCase::Parameters> {};

TEST_P(RtlCyclesTest, TheSimulatorAgreesWithinOnePercent) {
  const auto& [shape, lanes] = GetParam();
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, kExecutorContext,
                         load_board("kv260"), {}, shape.kv);
  expect_agreement(file.image(), lanes, kLatenciesNs[0], std::vector<uint32_t>{0, 1, 63, 150});
}

class RtlLongContextCyclesTest : public testing::TestWithParam<ShapeCase::Parameters> {};

TEST_P(RtlLongContextCyclesTest, TheSimulatorAgreesWithinOnePercent) {
  const auto& [shape, lanes] = GetParam();
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, test::kLongContext,
                         load_board("kv260"), {}, shape.kv);
  expect_agreement(file.image(), lanes, kLatenciesNs[0], test::kLongPositions);
}

class RtlMixtureCyclesTest : public testing::TestWithParam<ShapeCase::Parameters> {};

// The reference tells which experts the same passes choose.
TEST_P(RtlMixtureCyclesTest, TheSimulatorAgreesWithinOnePercent) {
  const auto& [shape, lanes] = GetParam();
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, kExecutorContext,
                         load_board("kv260"), {}, shape.kv);
  Pair pair(file.image(), lanes, kLatenciesNs[0]);
  const uint32_t widest = pair.rtl().max_tokens_per_pass();
  Interpreter reference(
      file.image(), make_kernels("reference"),
      InterpreterOptions{.max_tokens_per_pass = widest, .threads = 1, .pin = false, .load = Load::kMap});
  uint32_t position = 0;
  for (const uint32_t width : {1u, widest, 1u, widest}) {
    const std::vector<uint32_t> ids = some_tokens(width, position, reference.vocabulary());
    const Pass pass = {.tokens = ids, .position = position, .first_logits = width - 1};
    reference.run(pass);
    pair.expect_agreement(pass, reference.experts_of_last_pass());
    position += width;
  }
}

class RtlModelCyclesTest : public testing::TestWithParam<ModelCase::Parameters> {};

TEST_P(RtlModelCyclesTest, TheSimulatorAgreesWithinOnePercent) {
  const auto& [path, lanes] = GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
  const PackedModel file(*open_model(path), EmbeddingFormat::kQ8, 256);
  for (const double latency : kLatenciesNs)
    expect_agreement(file.image(), lanes, latency, std::vector<uint32_t>{0, 200});
}

class RtlLayerCyclesTest : public testing::TestWithParam<std::tuple<double, uint32_t>> {};

TEST_P(RtlLayerCyclesTest, OfALayerOfLlama2TheSimulatorAgreesWithinOnePercent) {
  const auto& [latency, lanes] = GetParam();
  ModelDescription model = open_synthetic("llama2-7b")->description();
  model.layers = 1;
  model.vocabulary = 256;
  const PackedModel file(*make_synthetic(model, kSyntheticSeed), EmbeddingFormat::kQ8, 128);
  expect_agreement(file.image(), lanes, latency, std::vector<uint32_t>{0});
}

struct LayerCase {
  std::string operator()(const auto& test) const {
    const auto& [latency, lanes] = test.param;
    return case_name(std::to_string(static_cast<int>(latency)) + "_ns", lanes);
  }
};

INSTANTIATE_TEST_SUITE_P(Latencies, RtlLayerCyclesTest,
                         testing::Combine(testing::ValuesIn(kLatenciesNs), testing::Values(1u)), LayerCase());
INSTANTIATE_TEST_SUITE_P(LongLatencies, RtlLayerCyclesTest,
                         testing::Combine(testing::ValuesIn(kLatenciesNs), testing::Values(4u, 8u)),
                         LayerCase());

// Eight lanes are slow to simulate: one shape in eight here, all of them where time does not matter.
const std::vector<test::ExecutorShape> kShapes = test::executor_shapes();

INSTANTIATE_TEST_SUITE_P(Models, RtlModelCyclesTest,
                         testing::Combine(testing::ValuesIn(kModels), testing::Values(1u, 4u)), ModelCase());
INSTANTIATE_TEST_SUITE_P(LongModels, RtlModelCyclesTest,
                         testing::Combine(testing::ValuesIn(kModels), testing::Values(8u)), ModelCase());

INSTANTIATE_TEST_SUITE_P(Shapes, RtlCyclesTest,
                         testing::Combine(testing::ValuesIn(kShapes), testing::Values(1u, 4u)), ShapeCase());
INSTANTIATE_TEST_SUITE_P(AShapeInEightLanes, RtlCyclesTest,
                         testing::Combine(testing::Values(kShapes[0]), testing::Values(8u)), ShapeCase());
INSTANTIATE_TEST_SUITE_P(LongShapes, RtlCyclesTest,
                         testing::Combine(testing::ValuesIn(kShapes), testing::Values(8u)), ShapeCase());
INSTANTIATE_TEST_SUITE_P(CacheShapes, RtlCyclesTest,
                         testing::Combine(testing::ValuesIn(test::four_bit_cache_shapes()),
                                          testing::Values(1u)),
                         ShapeCase());
INSTANTIATE_TEST_SUITE_P(LongCacheShapes, RtlCyclesTest,
                         testing::Combine(testing::ValuesIn(test::four_bit_cache_shapes()),
                                          testing::Values(4u, 8u)),
                         ShapeCase());

INSTANTIATE_TEST_SUITE_P(LongContexts, RtlLongContextCyclesTest,
                         testing::Combine(testing::ValuesIn(test::long_four_bit_cache_shapes()),
                                          testing::Values(1u, 4u, 8u)),
                         ShapeCase());

INSTANTIATE_TEST_SUITE_P(Shapes, RtlMixtureCyclesTest,
                         testing::Combine(testing::ValuesIn(test::mixture_shapes()), testing::Values(1u, 4u)),
                         ShapeCase());
INSTANTIATE_TEST_SUITE_P(LongShapes, RtlMixtureCyclesTest,
                         testing::Combine(testing::ValuesIn(test::mixture_shapes()), testing::Values(8u)),
                         ShapeCase());

}  // namespace
}  // namespace brim::rtl_target
