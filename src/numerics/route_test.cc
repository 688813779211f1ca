#include "numerics/route.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace brim {
namespace {

std::vector<ChosenExpert> route(const std::vector<float>& logits, bool over_chosen, size_t chosen) {
  std::vector<ChosenExpert> result(chosen);
  EXPECT_TRUE(choose_experts(logits, over_chosen, result));
  return result;
}

std::vector<uint32_t> experts(const std::vector<float>& logits, size_t chosen) {
  std::vector<uint32_t> ids;
  for (const ChosenExpert& each : route(logits, true, chosen)) ids.push_back(each.expert);
  return ids;
}

TEST(Route, TheLargestAreChosenInDescendingOrderAndOfEqualOnesTheLowerFirst) {
  using Ids = std::vector<uint32_t>;
  EXPECT_EQ(experts({1, 5, 3, 4}, 3), (Ids{1, 3, 2}));
  EXPECT_EQ(experts({2, 7, 7, 2, 7}, 4), (Ids{1, 2, 4, 0}));
  EXPECT_EQ(experts({0, 0, 0, 0, 0}, 3), (Ids{0, 1, 2}));
  EXPECT_EQ(experts({-0.0f, 0.0f, -1}, 2), (Ids{0, 1})) << "the zeros are equal";
  EXPECT_EQ(experts({-3, -1}, 2), (Ids{1, 0}));
}

TEST(Route, EqualLogitsHaveEqualWeights) {
  for (const ChosenExpert& each : route(std::vector<float>(8, 1.5f), true, 4)) EXPECT_EQ(each.weight, 0.25f);
  for (const ChosenExpert& each : route(std::vector<float>(8, -9.0f), false, 4))
    EXPECT_EQ(each.weight, 0.125f);
}

TEST(Route, WeightsAreTheSoftmaxOverTheChosenOrOverAll) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  for (uint32_t round = 0; round < 200; ++round) {
    std::vector<float> logits(64);
    for (float& logit : logits) logit = normal(random);
    for (const bool over_chosen : {false, true}) {
      const auto chosen = route(logits, over_chosen, 8);
      double sum = 0;
      if (over_chosen) {
        for (const ChosenExpert& each : chosen) sum += std::exp(double{logits[each.expert]});
      } else {
        for (const float logit : logits) sum += std::exp(double{logit});
      }
      for (const ChosenExpert& each : chosen) {
        const double exact = std::exp(double{logits[each.expert]}) / sum;
        EXPECT_NEAR(each.weight, exact, 1e-6 * exact);
      }
    }
  }
}

TEST(Route, ALogitThatIsNotFiniteIsAnOverflowAndStillAChoice) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                  kInfinity = std::numeric_limits<float>::infinity();
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    for (size_t place = 0; place < 4; ++place) {
      std::vector<float> logits = {1, 2, 3, 4};
      logits[place] = bad;
      std::vector<ChosenExpert> chosen(2);
      EXPECT_FALSE(choose_experts(logits, true, chosen));
      for (const ChosenExpert& each : chosen) EXPECT_LT(each.expert, 4u);
    }
  }
}

}  // namespace
}  // namespace brim
