#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace brim {
namespace {

const std::vector<float> kLogits = {0.5f, 2.0f, -1.0f, 1.5f, 0.0f, 3.0f, 2.5f, -2.0f};

std::vector<uint32_t> draws(const SamplerOptions& options, std::span<const float> logits, int count) {
  Sampler sampler(options);
  std::vector<Candidate> scratch(logits.size());
  std::vector<uint32_t> tokens(static_cast<size_t>(count));
  for (uint32_t& token : tokens) token = sampler.sample(logits, scratch);
  return tokens;
}

std::set<uint32_t> drawn(const SamplerOptions& options, std::span<const float> logits) {
  const auto tokens = draws(options, logits, 20000);
  return {tokens.begin(), tokens.end()};
}

using Tokens = std::set<uint32_t>;

TEST(Sampler, GreedyTakesTheLargestLogitAndTheLowestIdAmongEquals) {
  EXPECT_EQ(draws({.temperature = 0}, kLogits, 3), (std::vector<uint32_t>{5, 5, 5}));
  EXPECT_EQ(draws({.temperature = 0}, std::vector<float>{-1, 4, 2, 4, 4}, 1)[0], 1u);
  EXPECT_EQ(draws({.temperature = 0}, std::vector<float>{-7}, 1)[0], 0u);
  EXPECT_EQ(draws({.temperature = 0}, std::vector<float>(5, -INFINITY), 1)[0], 0u);
  EXPECT_EQ(Sampler({.temperature = 0}).sample(kLogits, {}), 5u) << "greedy needs no scratch";
}

TEST(Sampler, FrequenciesFollowTheTemperature) {
  constexpr int kDraws = 200000;
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    std::vector<double> expected(kLogits.size());
    double total = 0;
    for (size_t i = 0; i < kLogits.size(); ++i) total += expected[i] = std::exp(kLogits[i] / temperature);
    std::vector<int> counts(kLogits.size());
    for (const uint32_t token : draws({.temperature = temperature, .seed = 3}, kLogits, kDraws))
      ++counts[token];
    double chi_square = 0;
    for (size_t i = 0; i < kLogits.size(); ++i) {
      const double mean = kDraws * expected[i] / total;
      chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
    }
    EXPECT_LT(chi_square, 24.3) << "7 degrees of freedom: beyond this with probability 0.001";
    EXPECT_GT(chi_square, 0.3) << "and below this";
  }
}

TEST(Sampler, TopKKeepsTheKMostProbableAndTheLowerIdsAmongEquals) {
  const auto top_k = [](uint32_t k) { return SamplerOptions{.temperature = 1.5f, .top_k = k, .seed = 1}; };
  EXPECT_EQ(drawn(top_k(1), kLogits), (Tokens{5}));
  EXPECT_EQ(drawn(top_k(3), kLogits), (Tokens{1, 5, 6}));
  EXPECT_EQ(drawn(top_k(7), kLogits), (Tokens{0, 1, 2, 3, 4, 5, 6}));
  for (const uint32_t all : {0u, 8u, 9u, UINT32_MAX}) EXPECT_EQ(drawn(top_k(all), kLogits).size(), 8u);
  EXPECT_EQ(drawn(top_k(2), std::vector<float>{1, 5, 1, 1, 1}), (Tokens{0, 1}));
  EXPECT_EQ(drawn(top_k(3), std::vector<float>(6, 0.0f)), (Tokens{0, 1, 2}));
}

TEST(Sampler, TopPKeepsTheFewestThatHoldTheShare) {
  // Probabilities 1/2, 1/4, 1/8, 1/16, 1/16, in another order.
  const float ln2 = std::log(2.0f);
  const std::vector<float> logits = {-3 * ln2, -ln2, -4 * ln2, -2 * ln2, -4 * ln2};
  const auto top_p = [](float p) { return SamplerOptions{.temperature = 1.0f, .top_p = p, .seed = 1}; };
  EXPECT_EQ(drawn(top_p(0.0f), logits), (Tokens{1})) << "one is always kept";
  EXPECT_EQ(drawn(top_p(0.49f), logits), (Tokens{1}));
  EXPECT_EQ(drawn(top_p(0.51f), logits), (Tokens{1, 3}));
  EXPECT_EQ(drawn(top_p(0.74f), logits), (Tokens{1, 3}));
  EXPECT_EQ(drawn(top_p(0.76f), logits), (Tokens{0, 1, 3}));
  EXPECT_EQ(drawn(top_p(0.9f), logits), (Tokens{0, 1, 2, 3})) << "the lower id among equals";
  EXPECT_EQ(drawn(top_p(0.95f), logits).size(), 5u);
  EXPECT_EQ(drawn(top_p(1.0f), logits).size(), 5u);
}

TEST(Sampler, TopPCountsItsShareAmongTheKThatTopKKept) {
  const float ln2 = std::log(2.0f);
  const std::vector<float> logits = {0, -ln2, -2 * ln2, -2 * ln2};  // 1/2, 1/4, 1/8, 1/8; of two: 2/3, 1/3
  EXPECT_EQ(drawn({.temperature = 1, .top_k = 2, .top_p = 0.65f, .seed = 1}, logits), (Tokens{0}));
  EXPECT_EQ(drawn({.temperature = 1, .top_k = 2, .top_p = 0.68f, .seed = 1}, logits), (Tokens{0, 1}));
}

TEST(Sampler, MinPKeepsTheTokensThatAreAShareAsProbableAsTheMostProbableOne) {
  // Probabilities 1/2, 1/4, 1/8, 1/16, 1/16, in another order.
  const float ln2 = std::log(2.0f);
  const std::vector<float> logits = {-3 * ln2, -ln2, -4 * ln2, -2 * ln2, -4 * ln2};
  for (const float temperature : {0.5f, 1.0f, 3.0f}) {  // which comes after it
    const auto min_p = [&](float p) {
      return SamplerOptions{.temperature = temperature, .min_p = p, .seed = 1};
    };
    EXPECT_EQ(drawn(min_p(1.0f), logits), (Tokens{1}));
    EXPECT_EQ(drawn(min_p(0.51f), logits), (Tokens{1}));
    EXPECT_EQ(drawn(min_p(0.49f), logits), (Tokens{1, 3}));
    EXPECT_EQ(drawn(min_p(0.24f), logits), (Tokens{0, 1, 3}));
    EXPECT_EQ(drawn(min_p(0.12f), logits).size(), 5u);
    EXPECT_EQ(drawn(min_p(0.0f), logits).size(), 5u);
  }
  EXPECT_EQ(drawn({.temperature = 1, .top_k = 1, .min_p = 0.2f}, logits), (Tokens{1}));
  EXPECT_EQ(drawn({.temperature = 1, .top_p = 0.6f, .min_p = 0.2f}, logits), (Tokens{1, 3}));
  EXPECT_EQ(draws({.temperature = 0, .min_p = 0.5f}, logits, 1)[0], 1u);
}

TEST(SamplerOptions, AreNumbersInTheirRangesAndNothingElse) {
  for (const SamplerOption& option : kSamplerOptions) {
    SamplerOptions options;
    EXPECT_TRUE(set_option(option, "1", options)) << option.name;
    EXPECT_EQ(value_of(option, options), 1) << option.name;
    for (const char* bad :
         {"", "-1", "nan", "inf", "1x", " 1", "1 ", "99999999999999999999999", "one", "-0.1", "0x1"}) {
      EXPECT_FALSE(set_option(option, bad, options)) << option.name << ' ' << bad;
    }
    EXPECT_EQ(value_of(option, options), 1) << option.name;
  }
}

TEST(Sampler, TheSameSeedGivesTheSameTokensOnEveryMachine) {
  // Made with SplitMix64 and probabilities in double by an independent program.
  EXPECT_EQ(draws({.temperature = 1.25f, .seed = 7}, kLogits, 24),
            (std::vector<uint32_t>{5, 0, 6, 5, 5, 3, 5, 3, 1, 5, 1, 6, 6, 6, 6, 5, 6, 3, 5, 6, 5, 1, 4, 5}));
  EXPECT_EQ(draws({.temperature = 1.25f, .top_k = 4, .seed = 7}, kLogits, 24),
            (std::vector<uint32_t>{5, 5, 3, 6, 6, 5, 6, 5, 5, 6, 5, 3, 3, 1, 1, 6, 3, 5, 6, 1, 6, 5, 5, 6}));
}

TEST(Sampler, DifferentSeedsGiveDifferentTokens) {
  const auto tokens = [](uint64_t seed) { return draws({.temperature = 1, .seed = seed}, kLogits, 64); };
  EXPECT_NE(tokens(0), tokens(1));
  EXPECT_NE(tokens(1), tokens(2));
  EXPECT_NE(tokens(1), tokens(uint64_t{1} << 63));
}

TEST(Sampler, ExtremeTemperaturesAndLogitsGiveATokenOfTheVocabulary) {
  const std::vector<float> extreme = {3e38f, -3e38f, 0, 2e38f};
  for (const float temperature : {1e-40f, 1e-30f, 1e-3f, 100.0f, 1e30f}) {
    for (const uint32_t k : {0u, 2u}) {
      for (const float p : {0.5f, 1.0f}) {
        for (const uint32_t token :
             draws({.temperature = temperature, .top_k = k, .top_p = p}, extreme, 20)) {
          EXPECT_LT(token, extreme.size());
        }
        for (const uint32_t token :
             draws({.temperature = temperature, .top_k = k, .top_p = p}, kLogits, 20)) {
          EXPECT_LT(token, kLogits.size());
          EXPECT_TRUE(temperature > 1e-3f || token == 5u) << "near zero it is greedy";
        }
      }
    }
  }
}

}  // namespace
}  // namespace brim
