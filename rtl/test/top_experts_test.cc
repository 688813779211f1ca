// Programs with experts, matrices in eight bits and norms over all heads on the whole accelerator give the
// reference interpreter's logits.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "Vsim_top1.h"
#include "Vsim_top4.h"
#include "model/synthetic.h"
#include "top_logits.h"

namespace brim::rtl {
namespace {

using test::ExecutorShape;

// Small models; each changes what it is about.
ExecutorShape shape(const char* name, const std::function<void(ModelDescription&)>& change) {
  ExecutorShape result = test::executor_shapes()[0];
  result.name = name;
  result.model.name = name;
  change(result.model);
  return result;
}

std::vector<ExecutorShape> shapes() {
  return {
      shape("eight_bit_everywhere",
            [](auto& m) {
              using enum TensorRole;
              m.eight_bit = {kQuery, kKey, kValue, kAttentionOut, kGate, kUp, kDown, kLmHead};
            }),
      shape("eight_bit_down_of_odd_groups",
            [](auto& m) {
              m.dim = m.hidden = 384;
              m.eight_bit = {TensorRole::kDown};
            }),
      shape("experts_softmax_over_the_chosen",
            [](auto& m) {
              m.experts = 8;
              m.experts_per_token = 2;
              m.hidden = 0;
              m.expert_hidden = 200;
              m.softmax_chosen = true;
            }),
      shape("experts_softmax_over_all_and_a_shared_one",
            [](auto& m) {
              m.dim = 256;
              m.experts = 20;
              m.experts_per_token = 3;
              m.expert_hidden = 64;
              m.hidden = 172;
            }),
      shape("most_experts",
            [](auto& m) {
              m.experts = 128;
              m.experts_per_token = 8;
              m.hidden = 0;
              m.expert_hidden = 32;
            }),
      shape("one_expert",
            [](auto& m) {
              m.experts = m.experts_per_token = 1;
              m.hidden = 0;
              m.expert_hidden = 130;
              m.softmax_chosen = true;
            }),
      shape("norm_over_all_heads",
            [](auto& m) {
              m.heads = m.kv_heads = 4;
              m.head_size = 32;
              m.qk_norm = m.norm_all_heads = true;
            }),
      shape("norm_over_all_heads_of_128_and_experts",
            [](auto& m) {
              m.dim = 256;
              m.heads = m.kv_heads = 2;
              m.head_size = 128;
              m.qk_norm = m.norm_all_heads = true;
              m.experts = 16;
              m.experts_per_token = 8;
              m.hidden = 0;
              m.expert_hidden = 96;
            }),
  };
}

class TopExperts : public testing::TestWithParam<ExecutorShape> {};

TEST_P(TopExperts, GiveTheReferencesLogitsWithOneLane) {
  expect_reference_logits<Vsim_top1>(GetParam(), {1, 1, 1}, kIdeal);
}

TEST_P(TopExperts, GiveTheReferencesLogitsForAnyNumberOfTokens) {
  expect_reference_logits<Vsim_top4>(GetParam(), {1, 4, 3, 2, 4}, kIdeal);
}

TEST_P(TopExperts, GiveTheReferencesLogitsWithRandomStallsOnEveryChannel) {
  expect_reference_logits<Vsim_top4>(GetParam(), std::vector<uint32_t>(4, 4), kRandom);
}

INSTANTIATE_TEST_SUITE_P(Shapes, TopExperts, testing::ValuesIn(shapes()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace brim::rtl
