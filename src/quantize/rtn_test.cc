#include "quantize/rtn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "numerics/fp16.h"

namespace brim {
namespace {

using Group = std::array<float, kGroup>;

struct Quantised {
  std::array<uint8_t, kGroup> q{};
  GroupParameters parameters{};

  double scale() const { return fp16_to_float(parameters.scale); }
  double zero() const { return parameters.zero; }
  double value(uint32_t i) const { return (q[i] - zero()) * scale(); }
  bool operator==(const Quantised& other) const {
    return q == other.q && parameters.scale == other.parameters.scale &&
           parameters.zero == other.parameters.zero;
  }
};

Quantised quantise(const Group& w) {
  Quantised result;
  result.parameters = quantise_group(w, result.q);
  return result;
}

double squared_error(const Group& w, const std::function<double(uint32_t)>& value) {
  double sum = 0;
  for (uint32_t i = 0; i < kGroup; ++i) sum += (w[i] - value(i)) * (w[i] - value(i));
  return sum;
}

// Groups of many kinds: normal, uniform, one-sided, heavy-tailed, with one outlier, sparse; over 60 binades.
std::vector<Group> many_groups() {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<Group> groups;
  for (int exponent = -30; exponent <= 30; ++exponent) {
    for (int kind = 0; kind < 8; ++kind) {
      Group w;
      for (float& x : w) {
        x = normal(random);
        if (kind == 1) x = std::uniform_real_distribution<float>(-1, 1)(random);
        if (kind == 2) x = std::abs(x);
        if (kind == 3) x = -std::abs(x);
        if (kind == 4) x = x * x * x;
        if (kind == 5 && random() % 4 != 0) x = 0;
        if (kind == 6) x += 5;
      }
      if (kind == 7) w[random() % kGroup] = 40;
      for (float& x : w) x = std::ldexp(x, exponent);
      groups.push_back(w);
    }
  }
  return groups;
}

// Inside the range that q = 0 ... 15 covers, rounding errs by half a step; outside, q is at the end.
void expect_nearest_levels(const Group& w, const Quantised& result) {
  const double s = result.scale();
  if (s == 0) return;
  const double low = -result.zero() * s;
  const double high = (15 - result.zero()) * s;
  for (uint32_t i = 0; i < kGroup; ++i) {
    ASSERT_LE(result.q[i], 15);
    if (w[i] < low) {
      ASSERT_EQ(result.q[i], 0);
    } else if (w[i] > high) {
      ASSERT_EQ(result.q[i], 15);
    } else {
      // w / s has 24 bits: its error is below 15 * 2^-23 of a step.
      ASSERT_LE(std::abs(w[i] - result.value(i)), s * (0.5 + 0x1p-19)) << w[i];
    }
  }
}

TEST(Rtn, EveryWeightGetsTheNearestLevelOfTheChosenRange) {
  for (const Group& w : many_groups()) {
    const Quantised result = quantise(w);
    ASSERT_LE(result.parameters.zero, 15);
    ASSERT_LE(result.parameters.scale, 0x7BFF) << "scales are finite and not negative";
    expect_nearest_levels(w, result);
  }
}

TEST(Rtn, IsNeverWorseThanThePlainRangeFromMinToMax) {
  for (const Group& w : many_groups()) {
    const double low = std::min(0.0f, *std::ranges::min_element(w));
    const double high = std::max(0.0f, *std::ranges::max_element(w));
    const double s =
        fp16_to_float(std::min(float_to_fp16(static_cast<float>((high - low) / 15)), uint16_t{0x7BFF}));
    if ((high - low) / 15 > 65504) continue;  // beyond every scale: both saturate
    const double zero = s == 0 ? 0 : std::clamp(std::nearbyint(-low / s), 0.0, 15.0);
    const auto plain = [&](uint32_t i) {
      return s == 0 ? 0 : (std::clamp(std::nearbyint(w[i] / s) + zero, 0.0, 15.0) - zero) * s;
    };
    const Quantised result = quantise(w);
    // Candidates are compared by an error summed in FP32.
    EXPECT_LE(squared_error(w, [&](uint32_t i) { return result.value(i); }),
              squared_error(w, plain) * (1 + 1e-5))
        << "group " << w[0] << ' ' << w[1] << " ...";
  }
}

TEST(Rtn, EightBitsAreWithinHalfAStepAndTheirScaleHasRoomForTheHighPlane) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (const float size : {1e-6f, 1e-3f, 1.0f, 700.0f, 1e6f}) {
    for (const float offset : {0.0f, 3.0f, -3.0f}) {
      std::array<float, kGroup> w;
      for (float& each : w) each = size * (normal(random) + offset);
      std::array<uint8_t, kGroup> q;
      const auto [bits, zero] = quantise_group_to_eight_bits(w, q);
      const float scale = fp16_to_float(bits);
      EXPECT_LT(float_to_fp16(16 * scale), 0x7C00);
      EXPECT_EQ(fp16_to_float(float_to_fp16(16 * scale)), 16 * scale);
      for (uint32_t i = 0; i < kGroup; ++i) {
        const float value = static_cast<float>(q[i] - zero) * scale;
        if (size == 1e6f) {
          EXPECT_GE(value * w[i], 0) << "saturated weights keep their sign";
        } else {
          // Half a step, and what rounding the scale to FP16 takes off the range's ends.
          EXPECT_NEAR(value, w[i], 0.5f * scale + 256 * 0x1p-24f + std::fabs(w[i]) * 0x1p-10f) << size;
        }
      }
    }
  }
}

TEST(Rtn, AGroupOfZerosStaysZeroInEightBits) {
  const std::array<float, kGroup> w{};
  std::array<uint8_t, kGroup> q;
  const auto [bits, zero] = quantise_group_to_eight_bits(w, q);
  for (const uint8_t each : q) EXPECT_EQ(static_cast<float>(each - zero) * fp16_to_float(bits), 0);
}

TEST(Rtn, AGroupOfZerosStaysZero) {
  const Quantised result = quantise(Group{});
  for (uint32_t i = 0; i < kGroup; ++i) EXPECT_EQ(result.value(i), 0);
}

TEST(Rtn, ConstantsAreAsExactAsTheFp16Scale) {
  for (const float constant : {1.0f, -1.0f, 0.1f, -3.7f, 1000.0f, 1e-3f}) {
    Group w;
    w.fill(constant);
    const Quantised result = quantise(w);
    for (uint32_t i = 0; i < kGroup; ++i) {
      EXPECT_NEAR(result.value(i), constant, std::abs(constant) * 0x1p-11);
    }
  }
}

TEST(Rtn, OneOutlierKeepsItsMagnitudeWhereTheErrorOfTheOthersAllowsIt) {
  Group w;
  for (uint32_t i = 0; i < kGroup; ++i) w[i] = i % 2 == 0 ? 0.01f : -0.01f;
  for (const float outlier : {8.0f, -8.0f}) {
    w[77] = outlier;
    EXPECT_NEAR(quantise(w).value(77), outlier, 0.01);
  }
}

TEST(Rtn, TinyWeightsGetSubnormalScalesOrBecomeZero) {
  std::mt19937_64 random(2);
  for (int exponent = -40; exponent <= -10; ++exponent) {
    Group w;
    for (float& x : w) x = std::ldexp(std::uniform_real_distribution<float>(-1, 1)(random), exponent);
    const Quantised result = quantise(w);
    expect_nearest_levels(w, result);
    EXPECT_LE(squared_error(w, [&](uint32_t i) { return result.value(i); }),
              squared_error(w, [](uint32_t) { return 0; }))
        << "worse than zeros, exponent " << exponent;
    // The range 2^(e + 1) / 15 rounds to a scale of at least 2^-24 from here on.
    EXPECT_TRUE(exponent < -21 || result.parameters.scale != 0) << "exponent " << exponent;
  }
}

TEST(Rtn, WeightsBeyondTheLargestScaleSaturateWithTheirSign) {
  for (const float huge : {1e6f, 3e7f, 1e12f}) {
    Group w{};
    w[3] = huge;
    w[4] = -huge;
    const Quantised result = quantise(w);
    EXPECT_LE(result.parameters.scale, 0x7BFF);
    EXPECT_GT(result.value(3), 4e5);
    EXPECT_LT(result.value(4), -4e5);
    EXPECT_EQ(result.value(5), 0);
  }
}

// What the vectorised search computes, one weight after the other: sixteen sums, added up in pairs.
Quantised plainly(const Group& w) {
  const auto nearest = [](float x) { return (x + 0x1.8p23f) - 0x1.8p23f; };
  const float low = std::min(0.0f, *std::ranges::min_element(w));
  const float high = std::max(0.0f, *std::ranges::max_element(w));
  Quantised best;
  best.parameters = {0, 8};
  best.q.fill(8);
  float least = INFINITY;
  const auto consider = [&](float scale, float zero) {
    const uint16_t bits = std::min(float_to_fp16(scale), uint16_t{0x7BFF});
    if (bits == 0) return;
    const float stored = fp16_to_float(bits);
    const float inverse = 1.0f / stored;
    Quantised candidate;
    candidate.parameters = {bits, static_cast<uint8_t>(zero)};
    std::array<float, 16> sums{};
    for (uint32_t i = 0; i < kGroup; ++i) {
      const float level = std::clamp(nearest(w[i] * inverse), -zero, 15.0f - zero);
      const float difference = w[i] - level * stored;
      sums[i % 16] += difference * difference;
      candidate.q[i] = static_cast<uint8_t>(level + zero);
    }
    for (uint32_t half = 8; half > 0; half /= 2) {
      for (uint32_t l = 0; l < half; ++l) sums[l] += sums[l + half];
    }
    if (sums[0] >= least) return;
    least = sums[0];
    best = candidate;
  };
  if (low == high) return best;
  for (uint32_t i = 0; i < 4; ++i) {
    const float shrink = 1.0f - static_cast<float>(i) * 0.08f;
    const float scale = (high - low) * shrink / 15.0f;
    if (scale > 0) consider(scale, nearest(std::clamp(-low * shrink / scale, 0.0f, 15.0f)));
  }
  consider(std::max(-low, high) / 8.0f, -low >= high ? 8.0f : 7.0f);
  return best;
}

TEST(Rtn, TheVectorisedSearchGivesTheBitsOfThePlainOne) {
  for (const Group& w : many_groups()) EXPECT_EQ(quantise(w), plainly(w)) << w[0] << ' ' << w[1] << " ...";
}

TEST(Rtn, EveryThreadGetsTheSameResult) {
  const std::vector<Group> groups = many_groups();
  std::vector<Quantised> expected;
  expected.reserve(groups.size());
  for (const Group& w : groups) expected.push_back(quantise(w));
  std::vector<uint64_t> differences(4);
  std::vector<std::thread> threads;
  threads.reserve(differences.size());
  for (uint64_t& count : differences) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < groups.size(); ++i) count += !(quantise(groups[i]) == expected[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(differences, std::vector<uint64_t>(4));
}

TEST(Rtn, GroupErrorIsTheErrorOfTheQuantisedGroup) {
  std::mt19937_64 random(4);
  for (const Group& w : many_groups()) {
    if (std::abs(w[0]) < 1e-6f) continue;  // the error of a group that becomes zero is not measured
    Group importance;
    for (float& x : importance) x = std::uniform_real_distribution<float>(0, 2)(random);
    Quantised result;
    result.parameters = quantise_group(w, importance, result.q);
    if (result.parameters.scale == 0) continue;
    expect_nearest_levels(w, result);
    double sum = 0;
    for (uint32_t i = 0; i < kGroup; ++i) {
      sum += importance[i] * (w[i] - result.value(i)) * (w[i] - result.value(i));
    }
    EXPECT_NEAR(group_error(w, importance), sum, sum * 1e-3);
  }
}

}  // namespace
}  // namespace brim
