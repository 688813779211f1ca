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

// The stream is empty from the router's last page until the first page of an expert, as docs/rtl/spu.md counts it: the
// choices, the list, the sequencer and the pipelines around them. The softmax and other layers take no part.
TEST(TopExperts, TheStreamIsEmptyForTheChoicesAndLittleMore) {
  constexpr uint32_t kExperts = 64, kChoices = 8, kLayers = 2;
  const auto empty_cycles = [&](uint32_t experts, uint32_t choices) {
    const ExecutorShape model = shape("pause", [&](auto& m) {
      m.dim = 512;
      m.layers = kLayers;
      m.heads = m.kv_heads = 4;
      m.head_size = 128;
      m.experts = experts;
      m.experts_per_token = choices;
      m.hidden = 0;
      m.expert_hidden = 128;
    });
    const test::PackedModel file(*make_synthetic(model.model, kSyntheticSeed), model.embedding, 128);
    TopBench<Vsim_top1> bench(file.image(), kIdeal, 1);
    const std::vector<uint32_t> ids = {1};
    EXPECT_TRUE(bench.run(ids, 0, 0, kLimit));
    return bench.get(registers::kStallEmpty);
  };
  const uint32_t many = empty_cycles(kExperts, kChoices), one = empty_cycles(kExperts, 1);
  RecordProperty("empty_cycles_of_eight_choices", std::to_string(many));
  RecordProperty("empty_cycles_of_one_choice", std::to_string(one));
  std::cout << "empty cycles: " << many << " with " << kChoices << " choices, " << one << " with one\n";
  // A choice more costs one more round over the experts; the list may begin earlier or later.
  EXPECT_NEAR(many - one, kLayers * (kChoices - 1) * (kExperts + 25.0), kLayers * 2.0 * kExperts);
  EXPECT_LE(one, kLayers * (kExperts + 25 + 2 * kExperts + 300));
}

}  // namespace
}  // namespace brim::rtl
