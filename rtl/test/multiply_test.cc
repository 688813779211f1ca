// The multiplier that makes two products at once, and the tree that adds what its chains give.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "Vsim_adder_tree.h"
#include "Vsim_packed_multiplier.h"
#include "pipeline.h"
#include "ports.h"

namespace brim::rtl {
namespace {

constexpr uint32_t kRuns = 200'000;
constexpr uint32_t kMultiplierLatency = 3;

int64_t sign_extend(uint64_t value, uint32_t bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

// Runs of products that are added up: to what comes down the chain, or to nothing. Often the largest values,
// which fill the two sums.
class MultiplierTest : public testing::Test {
 protected:
  int32_t activation() {
    constexpr int32_t kExtremes[] = {-32768, 32767, 0, -1};
    return random_() % 2 ? kExtremes[random_() % 4] : static_cast<int16_t>(random_());
  }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  // The sum of `operands[i] * activations[i]`, the first added to `chain`.
  uint64_t sum(const std::vector<uint32_t>& operands, const std::vector<int32_t>& activations, uint64_t chain,
               bool chained) {
    for (uint32_t i = 0; i < operands.size() + kMultiplierLatency - 1; ++i) {
      const uint32_t now = i < operands.size() ? i : 0;
      multiplier_->operand_i = operands[now];
      multiplier_->activation_i = static_cast<uint16_t>(activations[now]);
      // With the second of a product's three cycles.
      const bool first = i == kMultiplierLatency - 2;
      multiplier_->add_i = i > kMultiplierLatency - 2;
      multiplier_->chain_i = first && chained;
      multiplier_->chain_sum_i = chain;
      multiplier_.tick();
    }
    return multiplier_->sum_o;
  }

 private:
  std::mt19937_64 random_{1};
  Clocked<Vsim_packed_multiplier> multiplier_;
};

TEST_F(MultiplierTest, KeepsTheSumsOfFourPairsOfWeightsApart) {
  for (uint32_t run = 0; run < kRuns; ++run) {
    std::vector<uint32_t> operands;
    std::vector<int32_t> activations;
    int64_t expected_a = 0, expected_b = 0;
    uint64_t packed = 0;  // what the chain brings: the first of the four
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t a = below(3) ? below(16) : 15, b = below(3) ? below(16) : 15;
      const int32_t x = activation();
      expected_a += int64_t{a} * x;
      expected_b += int64_t{b} * x;
      if (i == 0) {
        packed = static_cast<uint64_t>((int64_t{b} * x << 22) + int64_t{a} * x) & ((uint64_t{1} << 48) - 1);
        continue;
      }
      operands.push_back(b << 22 | a);
      activations.push_back(x);
    }
    const uint64_t got = sum(operands, activations, packed, true);
    ASSERT_EQ(sign_extend(got & 0x3FFFFF, 22), expected_a);
    ASSERT_EQ(sign_extend(got >> 22, 26) + static_cast<int64_t>(got >> 21 & 1), expected_b);
  }
}

TEST_F(MultiplierTest, AddsProductsOfSignedBytes) {
  for (uint32_t run = 0; run < kRuns / 16; ++run) {
    std::vector<uint32_t> operands;
    std::vector<int32_t> activations;
    int64_t expected = 0;
    for (uint32_t i = 0; i < 64; ++i) {
      const auto operand = static_cast<int8_t>(below(256));
      activations.push_back(activation());
      operands.push_back(static_cast<uint32_t>(operand) & 0x7FFFFFF);
      expected += int64_t{operand} * activations.back();
    }
    // Without chain_i what comes down the chain does not matter.
    ASSERT_EQ(sign_extend(sum(operands, activations, uint64_t{below(1u << 31)} << 16, false), 48), expected);
  }
}

TEST(AdderTree, AddsLeavesAndCarries) {
  constexpr uint32_t kLeaves = 16, kWidth = 26, kLevels = 4;
  std::mt19937_64 random(2);
  struct Input {
    int32_t leaves[kLeaves];
    uint32_t carries;
  };
  run_pipeline<Vsim_adder_tree>(
      kLevels, kRuns,
      [&] {
        Input in;
        for (int32_t& leaf : in.leaves) {
          leaf = static_cast<int32_t>(sign_extend(random(), kWidth));
          if (random() % 2) leaf = random() % 2 ? (1 << (kWidth - 1)) - 1 : -(1 << (kWidth - 1));
        }
        in.carries = static_cast<uint32_t>(random() & 0xFFFF);
        return in;
      },
      [](Vsim_adder_tree& tree, const Input& in) {
        for (uint32_t i = 0; i < kLeaves * kWidth / 32; ++i) tree.leaves_i[i] = 0;
        for (uint32_t bit = 0; bit < kLeaves * kWidth; ++bit) {
          const uint32_t value = static_cast<uint32_t>(in.leaves[bit / kWidth]) >> bit % kWidth & 1;
          tree.leaves_i[bit / 32] |= value << bit % 32;
        }
        tree.carries_i = static_cast<uint16_t>(in.carries);
      },
      [](const Vsim_adder_tree& tree) { return sign_extend(tree.sum_o, 30) + tree.carry_o; },
      [](const Input& in, int64_t got) {
        int64_t expected = 0;
        for (uint32_t i = 0; i < kLeaves; ++i) expected += int64_t{in.leaves[i]} + (in.carries >> i & 1);
        EXPECT_EQ(got, expected);
        return got == expected;
      });
}

}  // namespace
}  // namespace brim::rtl
