#include "runtime/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "numerics/split_mix.h"

namespace brim {
namespace {

const std::vector<float> kLogits = {0.5f, 2.0f, -1.0f, 1.5f, 0.0f, 3.0f, 2.5f, -2.0f};

std::vector<uint32_t> draws(const SamplerOptions& options, std::span<const float> logits, int count) {
  Sampler sampler(options);
  std::vector<Candidate> scratch(logits.size());
  std::vector<uint32_t> tokens(static_cast<size_t>(count));
  for (uint32_t& token : tokens) token = sampler.sample({.logits = logits}, scratch);
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
  EXPECT_EQ(Sampler({.temperature = 0}).sample({.logits = kLogits}, {}), 5u) << "greedy needs no scratch";
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

// The logits that a stage leaves, by id.
template <typename Stage>
std::vector<float> logits_after(const SamplerOptions& options, std::span<const uint32_t> text) {
  std::vector<Candidate> memory(kLogits.size());
  Candidates candidates(kLogits, {}, memory);
  Stage(options).apply(candidates, text);
  std::vector<float> logits;
  for (const Candidate& c : candidates.by_id()) logits.push_back(c.value);
  return logits;
}

// Expected values of these two tests were computed with llama.cpp's formulas in double by a program of its
// own.
TEST(Sampler, PenaltiesChangeLogitsOfTheLastTokensByHowOftenTheyStandThere) {
  const std::vector<uint32_t> text = {5, 2, 2, 7, 5, 1, 5, 2, 4};
  struct Case {
    int32_t last_n;
    float repeat, frequency, presence;
    std::vector<float> expected;
  };
  for (const Case& c : std::vector<Case>{
           {-1, 1.5f, 0, 0, {0.5f, 1.333333f, -1.5f, 1.5f, 0, 2, 2.5f, -3}},
           {4, 1.5f, 0, 0, {0.5f, 1.333333f, -1.5f, 1.5f, 0, 2, 2.5f, -2}},
           {-1, 1, 0.5f, 0.25f, {0.5f, 1.25f, -2.75f, 1.5f, -0.75f, 1.25f, 2.5f, -2.75f}},
           {3, 1.25f, 0.125f, 0.5f, {0.5f, 2, -1.875f, 1.5f, -0.625f, 1.775f, 2.5f, -2}},
           {100, 1.25f, -0.5f, 0, {0.5f, 2.1f, 0.25f, 1.5f, 0.5f, 3.9f, 2.5f, -2}},
       }) {
    const SamplerOptions options{.repeat_penalty = c.repeat,
                                 .repeat_last_n = c.last_n,
                                 .presence_penalty = c.presence,
                                 .frequency_penalty = c.frequency};
    const std::vector<float> logits = logits_after<Penalties>(options, text);
    ASSERT_EQ(logits.size(), kLogits.size()) << "no mark is left in an id";
    for (size_t i = 0; i < logits.size(); ++i)
      EXPECT_NEAR(logits[i], c.expected[i], 1e-5) << "token " << i << " of the last " << c.last_n;
  }
  EXPECT_FALSE(Penalties({.repeat_penalty = 2, .repeat_last_n = 0}).active());
  EXPECT_FALSE(Penalties({}).active());
  EXPECT_EQ(logits_after<Penalties>({.repeat_penalty = 2}, {}), kLogits);
}

TEST(Sampler, PenaltiesCountAtTemperatureZeroAndTokensOutsideTheCandidatesDoNot) {
  std::vector<Candidate> scratch(kLogits.size());
  const std::vector<uint32_t> text = {5, 5, 1000000};
  Sampler sampler({.temperature = 0, .presence_penalty = 1});
  EXPECT_EQ(sampler.sample({.logits = kLogits, .text = text}, scratch), 6u);
  Sampler after_top_k({.temperature = 1, .top_k = 2, .repeat_penalty = 1.5f, .samplers = [] {
                         SamplerOrder order;
                         order.push(SamplerStageName::kTopK);
                         order.push(SamplerStageName::kPenalties);
                         return order;
                       }()});
  for (int i = 0; i < 100; ++i) {
    const uint32_t token =
        after_top_k.sample({.logits = kLogits, .text = std::vector<uint32_t>{1, 5}}, scratch);
    EXPECT_TRUE(token == 5 || token == 6);
  }
}

TEST(Sampler, TypicalKeepsTokensOfExpectedInformationUntilTheyHoldMoreThanTheShare) {
  // By distance of their information from the entropy: 6, 1, 5, 3, ...; together 0.2576, 0.4139, 0.8386,
  // 0.9333, ...
  const auto typical = [](float p) { return SamplerOptions{.temperature = 1, .typical = p, .seed = 1}; };
  EXPECT_EQ(drawn(typical(0.0f), kLogits), (Tokens{6})) << "one is always kept";
  EXPECT_EQ(drawn(typical(0.257f), kLogits), (Tokens{6}));
  EXPECT_EQ(drawn(typical(0.258f), kLogits), (Tokens{1, 6}));
  EXPECT_EQ(drawn(typical(0.42f), kLogits), (Tokens{1, 5, 6}));
  EXPECT_EQ(drawn(typical(0.9f), kLogits), (Tokens{1, 3, 5, 6}));
  EXPECT_EQ(drawn(typical(1.0f), kLogits).size(), 8u);
  EXPECT_EQ(draws({.temperature = 0, .typical = 0.3f}, kLogits, 1)[0], 6u)
      << "the best of those that are left";
}

TEST(Sampler, BiasesAddToLogitsAndMinusInfinityBans) {
  const auto with = [](const std::vector<LogitBias>& biases) {
    SamplerOptions options{.temperature = 0};
    for (const LogitBias& bias : biases) options.logit_bias.push(bias);
    return options;
  };
  EXPECT_EQ(draws(with({{1, 1.5f}}), kLogits, 1)[0], 1u);
  EXPECT_EQ(draws(with({{1, 0.75f}, {1, 0.75f}}), kLogits, 1)[0], 1u) << "biases of one token add up";
  EXPECT_EQ(draws(with({{5, -INFINITY}}), kLogits, 1)[0], 6u);
  EXPECT_EQ(draws(with({{5, -INFINITY}, {6, -0.75f}}), kLogits, 1)[0], 1u);
  EXPECT_EQ(draws(with({{1000, 5}}), kLogits, 1)[0], 5u);
  SamplerOptions hot = with({{5, -INFINITY}, {6, -INFINITY}});
  hot.temperature = 100;
  EXPECT_EQ(drawn(hot, kLogits), (Tokens{0, 1, 2, 3, 4, 7}));
  EXPECT_EQ(draws(with({{0, -INFINITY}}), std::vector<float>{1}, 1)[0], 0u) << "of none, one";
}

TEST(Sampler, OnlyAllowedTokensAreCandidates) {
  const std::vector<uint64_t> words = {0b01010011};
  std::vector<Candidate> scratch(kLogits.size());
  Sampler greedy({.temperature = 0});
  EXPECT_EQ(greedy.sample({.logits = kLogits, .allowed = std::span(words)}, {}), 6u);
  Sampler hot({.temperature = 100});
  Tokens seen;
  for (int i = 0; i < 2000; ++i)
    seen.insert(hot.sample({.logits = kLogits, .allowed = std::span(words)}, scratch));
  EXPECT_EQ(seen, (Tokens{0, 1, 4, 6}));
  const std::vector<float> long_logits(70, 1.0f);
  const std::vector<uint64_t> behind = {0, 2};
  EXPECT_EQ(greedy.sample({.logits = long_logits, .allowed = std::span(behind)}, {}), 65u);
}

TEST(Sampler, StagesComeInTheOrderThatIsAskedFor) {
  const auto order = [](std::string_view text, SamplerOptions options) {
    for (const SamplerOption& option : kSamplerOptions) {
      if (option.order != nullptr) {
        EXPECT_TRUE(set_option(option, text, options)) << text;
      }
    }
    return options;
  };
  // At temperature 4 the probabilities are nearer to one another than at 1, where 5 alone holds 0.42 of it.
  const SamplerOptions options{.temperature = 4, .top_p = 0.37f, .seed = 1};
  EXPECT_EQ(drawn(options, kLogits), (Tokens{5})) << "top-p before the temperature, by default";
  EXPECT_EQ(drawn(order("temperature;top_p", options), kLogits), (Tokens{5, 6}));
  EXPECT_EQ(drawn(order("temperature", options), kLogits).size(), 8u) << "what is not named is not applied";
  const SamplerOptions both{.temperature = 1, .top_k = 2, .top_p = 0.5f, .seed = 1};
  EXPECT_EQ(drawn(order("top_k;top_p;temperature", both), kLogits), (Tokens{5})) << "0.62 of two";
  EXPECT_EQ(drawn(order("top_p;top_k;temperature", both), kLogits), (Tokens{5, 6})) << "0.42 of all";
  EXPECT_EQ(drawn(order("top_k;min_p;typ_p;top_p;temp",
                        SamplerOptions{.temperature = 1, .top_k = 3, .min_p = 0.5f}),
                  kLogits),
            (Tokens{5, 6}));
}

// What is left out beforehand, so that few have to be sorted, would not have been kept.
TEST(Candidates, OfAWholeVocabularyKeepWhatSortingItKeeps) {
  std::mt19937 random(1);
  std::vector<Candidate> memory(20000);
  for (const float spread : {0.0f, 0.01f, 1.0f, 4.0f, 60.0f, 1e38f}) {
    std::normal_distribution<float> logit(0, 1);
    std::vector<float> logits(memory.size());
    for (float& value : logits) value = std::clamp(logit(random), -3.0f, 3.0f) * spread;
    std::vector<uint32_t> sorted(logits.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::ranges::stable_sort(sorted, std::greater(), [&](uint32_t token) { return logits[token]; });
    const auto weight = [&](uint32_t token) {
      return static_cast<double>(exp_fp32(logits[token] - logits[sorted[0]]));
    };
    double total = 0;
    for (uint32_t token = 0; token < logits.size(); ++token) total += weight(token);
    for (const float p : {0.0f, 0.1f, 0.5f, 0.9f, 0.99f, 0.999999f}) {
      std::vector<uint32_t> expected;
      for (double kept = 0; expected.empty() || kept < static_cast<double>(p) * total;) {
        kept += weight(sorted[expected.size()]);
        expected.push_back(sorted[expected.size()]);
      }
      Candidates candidates(logits, {}, memory);
      candidates.keep_share(p);
      std::vector<uint32_t> kept;
      for (const Candidate& candidate : candidates.all()) kept.push_back(candidate.token);
      EXPECT_EQ(kept, expected) << "spread " << spread << ", p " << p;
    }
    for (const size_t k : {size_t{1}, size_t{40}, logits.size()}) {
      Candidates candidates(logits, {}, memory);
      candidates.keep_top(k);
      ASSERT_EQ(candidates.size(), k);
      for (size_t i = 0; i < k; ++i) EXPECT_EQ(candidates.all()[i].token, sorted[i]) << i;
    }
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

TEST(Argmax, IsTheFirstOfTheLargestOfThoseThatAreAllowed) {
  uint64_t random = 1;
  const auto below = [&](uint64_t end) { return split_mix(random += kSplitMixStep) % end; };
  for (int round = 0; round < 500; ++round) {
    std::vector<float> values(1 + below(400));
    for (float& value : values) value = static_cast<float>(below(50)) - 25;  // many are equal
    std::vector<uint64_t> words((values.size() + 63) / 64);
    const uint64_t share = 1 + below(40);
    for (size_t i = 0; i < values.size(); ++i) words[i / 64] |= uint64_t{below(share) == 0} << (i % 64);
    words[0] |= 1;
    const TokenSet allowed{std::span<const uint64_t>(words)};
    uint32_t best = 0;
    for (uint32_t i = 0; i < values.size(); ++i) {
      if (allowed.contains(i) && values[i] > values[best]) best = i;
    }
    EXPECT_EQ(argmax(values, allowed), best);
    EXPECT_EQ(argmax(values), std::max_element(values.begin(), values.end()) - values.begin());
  }
}

}  // namespace
}  // namespace brim
