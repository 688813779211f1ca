// Whole images give the same logits whatever runs them: kernels, threads, tokens per pass, way of loading.
#include "engine/interpreter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "compile/matrix.h"
#include "engine/token_bytes.h"
#include "model/synthetic.h"
#include "tests/support/executor_shapes.h"
#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::executor_shapes;
using test::ExecutorShape;
using test::kExecutorContext;
using test::PackedModel;

std::unique_ptr<Interpreter> make(const MappedImage& image, std::string_view kernels, uint32_t tokens,
                                  uint32_t threads, Load load = Load::kMap) {
  return std::make_unique<Interpreter>(
      image, make_kernels(kernels),
      InterpreterOptions{.max_tokens_per_pass = tokens, .threads = threads, .pin = false, .load = load});
}

// Logits at the positions from `first_logits` on, one after the other.
std::vector<float> logits(Interpreter& executor, uint32_t count, uint32_t first_logits) {
  std::vector<uint32_t> ids(count);
  for (uint32_t i = 0; i < count; ++i) ids[i] = (i * 31 + 7) % executor.vocabulary();
  std::vector<float> result;
  for (uint32_t position = 0; position < count;) {
    const auto part = std::span<const uint32_t>(ids).subspan(
        position, std::min(count - position, executor.max_tokens_per_pass()));
    const auto size = static_cast<uint32_t>(part.size());
    const uint32_t skip = first_logits > position ? std::min(first_logits - position, size) : 0;
    const auto got = executor.run({.tokens = part, .position = position, .first_logits = skip});
    result.insert(result.end(), got.begin(), got.end());
    position += size;
  }
  return result;
}

class InterpreterTest : public testing::TestWithParam<ExecutorShape> {};

TEST_P(InterpreterTest, KernelsThreadsAndTokensPerPassDoNotChangeABit) {
  const auto source = make_synthetic(GetParam().model, kSyntheticSeed);
  const PackedModel file(*source, GetParam().embedding, kExecutorContext);
  constexpr uint32_t kPositions = 70;  // more than one block of attention weights
  constexpr uint32_t kFirstLogits = 3;
  const std::vector<float> expected =
      logits(*make(file.image(), "reference", 1, 1), kPositions, kFirstLogits);
  ASSERT_EQ(expected.size(), (kPositions - kFirstLogits) * GetParam().model.vocabulary);
  for (const std::string_view kernels : available_kernels()) {
    for (const uint32_t tokens : {1u, 3u, 16u}) {
      if (kernels == "reference" && tokens != 3) continue;
      for (const uint32_t threads : {1u, 2u, 5u}) {
        const std::vector<float> got =
            logits(*make(file.image(), kernels, tokens, threads), kPositions, kFirstLogits);
        ASSERT_EQ(expected.size(), got.size());
        EXPECT_EQ(std::memcmp(expected.data(), got.data(), got.size() * sizeof(float)), 0)
            << kernels << ", " << tokens << " tokens per pass, " << threads << " threads";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, InterpreterTest, testing::ValuesIn(executor_shapes()),
                         [](const auto& test) { return test.param.name; });

// Far into a context, whose cache is filled alike for all.
TEST(Interpreter, KernelsAndTokensPerPassDoNotChangeABitOfAFourBitCache) {
  constexpr uint32_t kContext = 2112;
  for (const uint32_t shape : {0u, 2u}) {
    for (const KvCache& kv : test::small_caches()) {
      ModelDescription model = executor_shapes()[shape].model;
      model.trained_context = kContext;
      const PackedModel file(*make_synthetic(model, kSyntheticSeed), EmbeddingFormat::kQ8, kContext,
                             load_board("kv260"), {}, kv);
      const auto run = [&](std::string_view kernels, uint32_t tokens, uint32_t position) {
        const auto executor = make(file.image(), kernels, tokens, 2);
        executor->fill_cache();
        std::vector<float> result;
        for (uint32_t done = 0; done < 8; done += tokens) {
          std::vector<uint32_t> ids(tokens);
          for (uint32_t i = 0; i < tokens; ++i) ids[i] = ((done + i) * 31 + 7) % model.vocabulary;
          const auto got = executor->run({.tokens = ids, .position = position + done, .first_logits = 0});
          result.insert(result.end(), got.begin(), got.end());
        }
        return result;
      };
      for (const uint32_t position : {0u, 63u, 64u, 2000u}) {
        const std::vector<float> expected = run("reference", 8, position);
        EXPECT_TRUE(std::ranges::all_of(expected, [](float logit) { return std::isfinite(logit); }));
        for (const std::string_view kernels : available_kernels()) {
          if (kernels == "reference") continue;
          for (const uint32_t tokens : {1u, 4u, 8u}) {
            EXPECT_EQ(run(kernels, tokens, position), expected)
                << kernels << ", T = " << tokens << " at " << position << ", shape " << shape;
          }
        }
      }
    }
  }
}

TEST(Interpreter, ACopiedImageGivesTheSameLogits) {
  const auto source = make_synthetic(executor_shapes()[0].model, kSyntheticSeed);
  const PackedModel file(*source, EmbeddingFormat::kQ8, kExecutorContext);
  EXPECT_EQ(logits(*make(file.image(), available_kernels().front(), 4, 2, Load::kMap), 9, 0),
            logits(*make(file.image(), available_kernels().front(), 4, 2, Load::kCopy), 9, 0));
}

TEST(Interpreter, APassWithoutLogitsGivesNoneAndFillsTheCache) {
  const auto source = make_synthetic(executor_shapes()[0].model, kSyntheticSeed);
  const PackedModel file(*source, EmbeddingFormat::kQ8, kExecutorContext);
  const auto executor = make(file.image(), available_kernels().front(), 8, 1);
  const uint32_t ids[] = {1, 2, 3, 4};
  EXPECT_TRUE(executor->run({.tokens = std::span(ids).first(3), .position = 0, .first_logits = 3}).empty());
  const auto split = executor->run({.tokens = std::span(ids).last(1), .position = 3, .first_logits = 0});
  const std::vector<float> expected(split.begin(), split.end());
  const auto whole = executor->run({.tokens = ids, .position = 0, .first_logits = 3});
  EXPECT_EQ(expected, std::vector<float>(whole.begin(), whole.end()));
}

TEST(Interpreter, RefusesTokensAndPositionsOutOfRange) {
  const auto source = make_synthetic(executor_shapes()[0].model, kSyntheticSeed);
  const PackedModel file(*source, EmbeddingFormat::kQ8, kExecutorContext);
  const auto executor = make(file.image(), "reference", 2, 1);
  const uint32_t good[] = {1, 2, 3}, bad[] = {100};
  EXPECT_THROW(executor->run({.tokens = good, .position = 0}), Error);
  EXPECT_THROW(executor->run({.tokens = bad, .position = 0}), Error);
  EXPECT_THROW(executor->run({.tokens = {}, .position = 0}), Error);
  EXPECT_THROW(executor->run({.tokens = std::span(good).first(1), .position = kExecutorContext}), Error);
}

// Each matrix is observed once and in one piece, however many parts it is streamed in.
TEST(Interpreter, ObservesEveryMatrixOnceInStreamOrder) {
  for (const ExecutorShape& shape : executor_shapes()) {
    const PackedModel file(*make_synthetic(shape.model, kSyntheticSeed), shape.embedding, kExecutorContext);
    const auto executor = make(file.image(), available_kernels().front(), 1, 1);
    std::vector<uint32_t> observed, blocks;
    executor->observe_inputs([&](uint32_t matrix, const A16View& inputs, std::span<const float>) {
      observed.push_back(matrix);
      blocks.push_back(inputs.blocks);
    });
    executor->run({.tokens = std::vector<uint32_t>{1}});
    const auto all = matrices(shape.model);
    ASSERT_EQ(observed.size(), all.size()) << shape.name;
    for (uint32_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(observed[i], i) << shape.name;
      EXPECT_EQ(blocks[i], all[i].groups()) << shape.name;
    }
  }
}

// The program with the instructions [first, last) moved behind instruction `to`.
Program moved(Program program, size_t first, size_t last, size_t to) {
  const auto begin = program.instructions.begin();
  std::rotate(begin + static_cast<ptrdiff_t>(first), begin + static_cast<ptrdiff_t>(last),
              begin + static_cast<ptrdiff_t>(to + 1));
  return program;
}

TEST(Interpreter, RefusesHeadsOutOfOrder) {
  const auto source = make_synthetic(executor_shapes()[2].model, kSyntheticSeed);
  const PackedModel file(*source, EmbeddingFormat::kQ8, kExecutorContext);
  const Program program = file.image().program();
  const auto run = [&](const Program& changed) {
    Interpreter("test", changed, std::make_unique<BoardMemory>(file.image(), Load::kMap),
                make_kernels("reference"), {});
  };
  const auto find = [&](Opcode opcode) {
    return static_cast<size_t>(std::find_if(program.instructions.begin(), program.instructions.end(),
                                            [&](const Instruction& in) { return in.opcode == opcode; }) -
                               program.instructions.begin());
  };
  EXPECT_NO_THROW(run(program));
  const size_t scores = find(Opcode::kScores), output = find(Opcode::kOutput);
  EXPECT_THROW(run(moved(program, scores, scores + 1, scores + 1)), Error);  // softmax before scores
  EXPECT_THROW(run(moved(program, find(Opcode::kQuery), find(Opcode::kQuery) + 1, scores)), Error);
  Program without = program;
  without.instructions.erase(without.instructions.begin() + static_cast<ptrdiff_t>(output));
  EXPECT_THROW(run(without), Error);
}

TEST(TokenBytes, CountWeightsMetadataEmbeddingRowAndCache) {
  const auto source = make_synthetic(executor_shapes()[2].model, kSyntheticSeed);
  const PackedModel file(*source, EmbeddingFormat::kFp16, kExecutorContext);
  // Per layer: Qkv 768 x 256, out 256 x 256, gate and up 1536 x 256, down 256 x 768 (six groups); LM head 100
  // x 256.
  const uint64_t pages = 2 * (768 / 64 * 1 + 256 / 64 * 1 + 1536 / 64 * 1 + 256 / 64 * 3) + 2;
  const uint64_t cache = 2 * 2 * 2 * 10 * (128 + 2);
  EXPECT_EQ(token_bytes(file.image().program(), 9), pages * (8192 + 320) + 256 * 2 + cache);
}

void expect_executors_agree(const std::string& model) {
  if (!std::filesystem::exists(model)) GTEST_SKIP() << "no model at " << model;
  const auto source = open_model(model);
  const PackedModel file(*source, EmbeddingFormat::kQ8, kExecutorContext);
  const std::vector<float> expected = logits(*make(file.image(), "reference", 8, 1), 20, 0);
  for (const std::string_view kernels : available_kernels()) {
    for (const uint32_t tokens : {1u, 7u}) {
      for (const uint32_t threads : {1u, 2u}) {
        EXPECT_EQ(expected, logits(*make(file.image(), kernels, tokens, threads), 20, 0)) << kernels;
      }
    }
  }
}

TEST(Interpreter, ExecutorsAgreeOnTheDemoModel) { expect_executors_agree(BRIM_SOURCE_DIR "/models/demo"); }

TEST(Interpreter, ExecutorsAgreeOnStories260K) {
  expect_executors_agree(BRIM_SHARED_DATA "/stories260K/stories260K.bin");
}

}  // namespace
}  // namespace brim
