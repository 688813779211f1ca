#include "runtime/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/checkpoint_test_util.h"
#include "tests/support/fake_executor.h"

namespace brim {
namespace {

using test::FakeExecutor;
using Record = FakeExecutor::PassRecord;
using Ids = std::vector<uint32_t>;

Ids some_ids(size_t count, uint32_t vocabulary) {
  Ids ids(count);
  for (size_t i = 0; i < count; ++i) ids[i] = static_cast<uint32_t>(i * 37 % vocabulary);
  return ids;
}

TEST(Perplexity, OfAUniformModelIsTheSizeOfTheVocabulary) {
  for (const float level : {0.0f, -50.0f, 1000.0f}) {
    FakeExecutor executor(100, 64, 8,
                          [&](auto, std::span<float> logits) { std::ranges::fill(logits, level); });
    const Perplexity result = measure_perplexity(executor, some_ids(50, 100), {std::nullopt, 64}, {});
    EXPECT_NEAR(result.perplexity(), 100, 1e-9);
    EXPECT_EQ(result.tokens, 49u);
  }
}

TEST(Perplexity, OfACertainModelIsOne) {
  FakeExecutor executor(100, 64, 8, [](std::span<const uint32_t> tokens, std::span<float> logits) {
    std::ranges::fill(logits, -1000.0f);
    logits[(tokens.back() + 37) % 100] = 1000.0f;
  });
  EXPECT_EQ(measure_perplexity(executor, some_ids(50, 100), {std::nullopt, 64}, {}).perplexity(), 1.0);
}

TEST(Perplexity, PredictsEveryTokenOfAWindowButTheFirst) {
  FakeExecutor executor(100, 64, 4, [](auto, std::span<float> logits) { std::ranges::fill(logits, 0.0f); });
  // Windows of 10: 10 + 10 + 3 tokens, of which 9 + 9 + 2 are predicted.
  const Perplexity result = measure_perplexity(executor, some_ids(23, 100), {std::nullopt, 10}, {});
  EXPECT_EQ(result.tokens, 20u);
  EXPECT_EQ(
      executor.passes,
      (std::vector<Record>{{0, 4, 0}, {4, 4, 0}, {8, 1, 0}, {0, 4, 0}, {4, 4, 0}, {8, 1, 0}, {0, 2, 0}}));
}

TEST(Perplexity, BosLeadsEveryWindowSoThatEveryTokenIsPredicted) {
  Ids firsts;
  FakeExecutor executor(100, 64, 4, [&](std::span<const uint32_t> tokens, std::span<float> logits) {
    firsts.push_back(tokens.front());
    std::ranges::fill(logits, 0.0f);
  });
  const Perplexity result = measure_perplexity(executor, some_ids(23, 100), {99, 10}, {});
  EXPECT_EQ(result.tokens, 23u);
  for (const uint32_t first : firsts) EXPECT_EQ(first, 99u);
}

TEST(Perplexity, ReportsItsProgressToTheEnd) {
  FakeExecutor executor(100, 64, 4, [](auto, std::span<float> logits) { std::ranges::fill(logits, 0.0f); });
  uint64_t last = 0;
  measure_perplexity(executor, some_ids(23, 100), {99, 10}, [&](uint64_t done, uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, 23u);
    last = done;
  });
  EXPECT_EQ(last, 23u);
}

TEST(Perplexity, RefusesTextsAndWindowsWithNothingToPredict) {
  FakeExecutor executor(100, 64, 4, [](auto, std::span<float> logits) { std::ranges::fill(logits, 0.0f); });
  EXPECT_REFUSED(measure_perplexity(executor, Ids{}, {std::nullopt, 10}, {}), "nothing to evaluate");
  EXPECT_REFUSED(measure_perplexity(executor, Ids{}, {99, 10}, {}), "nothing to evaluate");
  EXPECT_REFUSED(measure_perplexity(executor, Ids{1}, {std::nullopt, 10}, {}), "nothing to evaluate");
  EXPECT_REFUSED(measure_perplexity(executor, Ids{1, 2, 3}, {std::nullopt, 1}, {}), "nothing to evaluate");
  EXPECT_EQ(measure_perplexity(executor, Ids{1}, {99, 10}, {}).tokens, 1u);
}

TEST(Perplexity, AStridePredictsEveryTokenOnceWithMoreContext) {
  FakeExecutor executor(100, 64, 4, [](auto, std::span<float> logits) { std::ranges::fill(logits, 0.0f); });
  // Windows of 10 that start 4 apart: the first predicts 9 tokens, each later one its last 4, the last 1.
  const Perplexity result = measure_perplexity(executor, some_ids(23, 100), {std::nullopt, 10, 4}, {});
  EXPECT_EQ(result.tokens, 22u);
  EXPECT_EQ(executor.passes[0], (Record{0, 4, 0}));
  // The second window runs 9 tokens and asks for logits from its sixth on.
  EXPECT_EQ(executor.passes[3], (Record{0, 4, 4}));
  EXPECT_EQ(executor.passes[4], (Record{4, 4, 1}));
  EXPECT_EQ(executor.passes[5], (Record{8, 1, 0}));
}

TEST(LogSoftmax, IsTheLogOfTheSoftmax) {
  const std::vector<float> logits = {1, 2, 3};
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(3.0);
  const auto result = log_softmax(logits);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_NEAR(result[i], std::log(std::exp(i + 1.0) / sum), 1e-12);
}

}  // namespace
}  // namespace brim
