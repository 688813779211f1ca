// The timing simulator takes the cycles that the whole accelerator takes on the same memory, and moves the
// same beats.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "model/synthetic.h"
#include "model/tensor_source.h"
#include "rtl_target/executor.h"
#include "rtl_target/test_parameters.h"
#include "sim/subject.h"
#include "tests/executor_shapes.h"
#include "tests/small_models.h"

namespace brim::rtl_target {
namespace {

using test::executor_shapes;
using test::kExecutorContext;
using test::PackedModel;

// Of the path to memory: the board file's, and what load and the coherent ports may make of it.
constexpr double kLatenciesNs[] = {150, 400, 800};

// In passes of one token and of as many as the accelerator of `lanes` takes.
void expect_agreement(const MappedImage& image, uint32_t lanes, double latency_ns,
                      std::span<const uint32_t> positions) {
  SCOPED_TRACE(latency_ns);
  Board board = load_board("kv260");
  board.accelerator.tokens_per_pass = lanes;
  board.axi.fabric_latency_ns = latency_ns;
  RtlExecutor rtl(image, board, {.models = BRIM_RTL_FOLDER, .tokens = lanes});
  rtl.fill_cache();
  const sim::Subject subject = sim::subject_of(image, board);
  const uint64_t program_bytes =
      sizeof(ProgramHeader) + subject.program.program.instructions.size() * sizeof(Instruction);
  const uint64_t program_beats = (program_bytes + kBeatBytes - 1) / kBeatBytes;
  std::vector<uint32_t> widths = {1};
  if (rtl.max_tokens_per_pass() > 1) widths.push_back(rtl.max_tokens_per_pass());
  for (const uint32_t tokens : widths) {
    for (const uint32_t position : positions) {
      // Of the last token, as a prompt's; of all at one position, as drafts that are verified.
      const bool all_logits = position == positions.back();
      std::vector<uint32_t> ids(tokens);
      for (uint32_t t = 0; t < tokens; ++t) ids[t] = (position + t) * 7919 % rtl.vocabulary();
      rtl.run({.tokens = ids, .position = position, .first_logits = all_logits ? 0 : tokens - 1});
      const accelerator::Counters& counters = rtl.passes().back().counters;
      const sim::PassResult simulated = sim::simulate_pass(
          board, subject.program, {.position = position, .tokens = tokens, .all_logits = all_logits});
      const double difference =
          static_cast<double>(simulated.cycles) / static_cast<double>(counters.cycles) - 1;
      EXPECT_LE(std::abs(difference), 0.01) << "T = " << tokens << ", position " << position << ": "
                                            << simulated.cycles << " cycles for " << counters.cycles;
      EXPECT_EQ(simulated.stream_beats, counters.beats_read - program_beats);
      EXPECT_EQ(simulated.write_beats, counters.beats_written);
    }
  }
}

class RtlCyclesTest : public testing::TestWithParam<ShapeCase::Parameters> {};

TEST_P(RtlCyclesTest, TheSimulatorAgreesWithinOnePercent) {
  const auto& [shape, lanes] = GetParam();
  const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, kExecutorContext);
  expect_agreement(file.image(), lanes, kLatenciesNs[0], std::vector<uint32_t>{0, 1, 63, 150});
}

class RtlModelCyclesTest : public testing::TestWithParam<ModelCase::Parameters> {};

TEST_P(RtlModelCyclesTest, TheSimulatorAgreesWithinOnePercent) {
  const auto& [path, lanes] = GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
  const PackedModel file(*open_model(path), EmbeddingFormat::kQ8, 256);
  for (const double latency : kLatenciesNs)
    expect_agreement(file.image(), lanes, latency, std::vector<uint32_t>{0, 200});
}

class RtlLayerCyclesTest : public testing::TestWithParam<double> {};

TEST_P(RtlLayerCyclesTest, OfALayerOfLlama2TheSimulatorAgreesWithinOnePercent) {
  ModelDescription model = open_synthetic("llama2-7b")->description();
  model.layers = 1;
  model.vocabulary = 256;
  const PackedModel file(*make_synthetic(model, kSyntheticSeed), EmbeddingFormat::kQ8, 128);
  expect_agreement(file.image(), 1, GetParam(), std::vector<uint32_t>{0});
}

INSTANTIATE_TEST_SUITE_P(Latencies, RtlLayerCyclesTest, testing::ValuesIn(kLatenciesNs));

INSTANTIATE_TEST_SUITE_P(Models, RtlModelCyclesTest,
                         testing::Combine(testing::ValuesIn(kModels), testing::ValuesIn(kLanes)),
                         ModelCase());

INSTANTIATE_TEST_SUITE_P(Shapes, RtlCyclesTest,
                         testing::Combine(testing::ValuesIn(executor_shapes()), testing::ValuesIn(kLanes)),
                         ShapeCase());

}  // namespace
}  // namespace brim::rtl_target
