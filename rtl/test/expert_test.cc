// The units of a mixture of experts, each on its own: the choice of a token, the list of a pass, the steps
// that are given out for each expert.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>
#include <vector>

#include "Vsim_expert_choice.h"
#include "Vsim_expert_list.h"
#include "Vsim_expert_steps.h"
#include "isa/accelerator_limits.h"
#include "isa/instruction.h"
#include "operands.h"
#include "pipeline.h"

namespace brim::rtl {
namespace {

// ------------------------------------------------------------------ the choice of a token

class Choice {
 public:
  Choice() {
    choice_->start_i = choice_->valid_i = choice_->choose_i = 0;
    choice_.tick();
  }

  // The experts in the order in which they are chosen.
  std::vector<uint32_t> choose(const std::vector<float>& numbers, uint32_t k) {
    choice_->start_i = 1;
    choice_.tick();
    choice_->start_i = 0;
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < k; ++i) {
      for (uint32_t e = 0; e < numbers.size(); ++e) {
        choice_->valid_i = !chosen(e);
        choice_->expert_i = static_cast<uint8_t>(e);
        choice_->x_i = float_bits(numbers[e]);
        choice_.tick();
      }
      choice_->valid_i = 0;
      choice_.tick();
      choice_->choose_i = 1;
      choice_.tick();
      choice_->choose_i = 0;
      for (uint32_t e = 0; e < numbers.size(); ++e) {
        if (chosen(e) && std::ranges::find(order, e) == order.end()) order.push_back(e);
      }
    }
    return order;
  }
  float largest() { return float_from_bits(choice_->largest_o); }

 private:
  bool chosen(uint32_t e) {
    choice_->expert_a_i = choice_->expert_b_i = static_cast<uint8_t>(e);
    choice_->eval();
    EXPECT_EQ(choice_->chosen_a_o, choice_->chosen_b_o);
    return choice_->chosen_a_o != 0;
  }

  Clocked<Vsim_expert_choice> choice_;
};

// The largest first, of equal ones the lowest; C++'s order of numbers has both zeros equal, too.
std::vector<uint32_t> expected_choice(const std::vector<float>& numbers, uint32_t k) {
  std::vector<uint32_t> order(numbers.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) { return numbers[a] > numbers[b]; });
  order.resize(k);
  return order;
}

TEST(ExpertChoice, TakesTheLargestAndOfEqualOnesTheLowest) {
  Choice choice;
  Operands operands(1);
  for (uint32_t round = 0; round < 300; ++round) {
    const uint32_t experts = 1 + operands.below(kMostExperts);
    const uint32_t k = 1 + operands.below(std::min(kMostExpertsPerToken, experts));
    const uint32_t kind = operands.below(4);
    std::vector<float> numbers(experts);
    for (float& x : numbers) {
      do {
        // Any finite numbers, few different ones, zeros of both signs, all equal.
        x = kind == 0   ? operands.any()
            : kind == 1 ? static_cast<float>(operands.below(5)) - 2.0f
            : kind == 2 ? (operands.below(2) == 0 ? 0.0f : -0.0f)
                        : 1.5f;
      } while (!is_finite(x));
    }
    ASSERT_EQ(choice.choose(numbers, k), expected_choice(numbers, k)) << round;
    ASSERT_EQ(choice.largest(), *std::ranges::max_element(numbers)) << round;
  }
}

// ------------------------------------------------------------------ the list of a pass

TEST(ExpertList, IsAscendingAndEndsOnceHoweverSlowlyItIsTaken) {
  Clocked<Vsim_expert_list> list;
  Operands operands(2);
  list->rst_ni = 0;
  list->start_i = list->ready_i = 0;
  list.tick();
  list->rst_ni = 1;
  for (uint32_t round = 0; round < 100; ++round) {
    const uint32_t experts = round == 0 ? kMostExperts : 1 + operands.below(kMostExperts);
    std::set<uint32_t> chosen;
    for (uint32_t i = 0; i < 1 + operands.below(32); ++i) chosen.insert(operands.below(experts));
    list->experts_i = static_cast<uint8_t>(experts);
    list->start_i = 1;
    list.tick();
    list->start_i = 0;
    const uint32_t percent = round % 4 == 0 ? 100 : 1 + operands.below(99);
    std::vector<uint32_t> got;
    uint32_t cycles = 0;
    for (bool ended = false; !ended; ++cycles) {
      ASSERT_LT(cycles, 100'000u);
      list->ready_i = operands.below(100) < percent;
      list->chosen_i = chosen.contains(list->ask_o);
      list->eval();
      if (list->valid_o && list->ready_i) {
        ended = list->end_o != 0;
        if (!ended) got.push_back(list->expert_o);
      }
      list.tick();
    }
    ASSERT_EQ(got, std::vector<uint32_t>(chosen.begin(), chosen.end()));
    if (percent == 100) {
      EXPECT_LE(cycles, 2 * experts + 2 * chosen.size() + 4);
    }
    for (uint32_t i = 0; i < 10; ++i, list.tick()) ASSERT_FALSE(list->valid_o) << "goes on behind its end";
  }
}

// ------------------------------------------------------------------ steps

TEST(ExpertSteps, AreGivenOutForEachExpertBehindItsStream) {
  Clocked<Vsim_expert_steps> steps;
  Operands operands(3);
  const auto put = [&](const Instruction& in) { std::memcpy(&steps->instruction_i, &in, sizeof(in)); };
  steps->rst_ni = 0;
  steps->begin_i = steps->keep_i = steps->expert_valid_i = steps->step_ready_i = 0;
  steps.tick();
  steps->rst_ni = 1;
  for (uint32_t round = 0; round < 50; ++round) {
    const uint32_t base = operands.below(1u << 26), stride = operands.below(1u << 18);
    put({.opcode = Opcode::kExperts, .address = base, .address2 = stride, .count = kExpertSteps});
    EXPECT_TRUE(steps->program_o);
    EXPECT_FALSE(steps->keeps_o);
    steps->begin_i = 1;
    steps.tick();
    steps->begin_i = 0;
    std::vector<Instruction> body(kExpertSteps);
    for (uint32_t i = 0; i < kExpertSteps; ++i) {
      body[i] = {.opcode = static_cast<Opcode>(operands.below(22)),
                 .flags = static_cast<uint8_t>(operands.below(32)),
                 .buffer = static_cast<ActivationBuffer>(operands.below(3)),
                 .shape = static_cast<uint8_t>(1u << operands.below(3)),
                 .rows = operands.word(),
                 .count = operands.word(),
                 .groups = static_cast<uint16_t>(operands.below(300))};
      ASSERT_TRUE(steps->keeps_o);
      ASSERT_EQ(steps->last_o, i + 1 == kExpertSteps);
      put(body[i]);
      if (operands.below(2) == 0) steps.tick();
      steps->keep_i = 1;
      steps.tick();
      steps->keep_i = 0;
    }
    const uint32_t experts = operands.below(9);
    for (uint32_t n = 0; n <= experts; ++n) {
      ASSERT_FALSE(steps->program_o);
      for (uint32_t i = 0; i < operands.below(4); ++i, steps.tick()) ASSERT_FALSE(steps->step_valid_o);
      const uint32_t id = operands.below(kMostExperts);
      ASSERT_TRUE(steps->expert_ready_o);
      steps->expert_valid_i = 1;
      steps->expert_end_i = n == experts;
      steps->expert_i = static_cast<uint8_t>(id);
      steps.tick();
      steps->expert_valid_i = 0;
      if (n == experts) break;
      for (uint32_t i = 0; i < 1 + kExpertSteps; ++i) {
        for (uint32_t wait = 0; !steps->step_valid_o; ++wait, steps.tick()) ASSERT_LT(wait, 4u);
        if (operands.below(2) == 0) steps.tick();
        Instruction got;
        std::memcpy(static_cast<void*>(&got), &steps->step_o, sizeof(got));
        Instruction expected = i == 0 ? Instruction{.opcode = Opcode::kStream} : body[i - 1];
        expected.address = base + id * stride;
        expected.head = static_cast<uint16_t>(0x8000 | id);
        ASSERT_TRUE(got == expected) << "step " << i << " of expert " << id;
        steps->step_ready_i = 1;
        steps.tick();
        steps->step_ready_i = 0;
      }
      ASSERT_FALSE(steps->step_valid_o);
    }
    ASSERT_TRUE(steps->program_o);
  }
}

}  // namespace
}  // namespace brim::rtl
