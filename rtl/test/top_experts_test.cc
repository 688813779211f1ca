// Programs with experts, matrices in eight bits and norms over all heads on the whole accelerator give the
// reference interpreter's logits.
#include <gtest/gtest.h>

#include <vector>

#include "Vsim_top1.h"
#include "Vsim_top4.h"
#include "model/synthetic.h"
#include "top_logits.h"

namespace brim::rtl {
namespace {

using test::ExecutorShape;
using test::small_shape;
using test::with_experts;

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

INSTANTIATE_TEST_SUITE_P(Shapes, TopExperts, testing::ValuesIn(test::mixture_shapes()),
                         [](const auto& test) { return test.param.name; });

// The stream is empty from the router's last page until the first page of an expert, as docs/rtl/spu.md
// counts it: the choices, the list, the sequencer and the pipelines around them. The softmax and other layers
// take no part.
TEST(TopExperts, TheStreamIsEmptyForTheChoicesAndLittleMore) {
  constexpr uint32_t kExperts = 64, kChoices = 8, kLayers = 2;
  const auto empty_cycles = [&](uint32_t choices) {
    const ExecutorShape model = small_shape("pause", [&](auto& m) {
      m.dim = 512;
      m.layers = kLayers;
      m.heads = m.kv_heads = 4;
      m.head_size = 128;
      with_experts(m, kExperts, choices, 128);
    });
    const test::PackedModel file(*make_synthetic(model.model, kSyntheticSeed), model.embedding, 128);
    TopBench<Vsim_top1> bench(file.image(), kIdeal, 1);
    const std::vector<uint32_t> ids = {1};
    EXPECT_TRUE(bench.run(ids, 0, 0, kLimit));
    return bench.get(registers::kStallEmpty);
  };
  const uint32_t many = empty_cycles(kChoices), one = empty_cycles(1);
  RecordProperty("empty_cycles_of_eight_choices", std::to_string(many));
  RecordProperty("empty_cycles_of_one_choice", std::to_string(one));
  // A choice more costs one more round over the experts; the list may begin earlier or later.
  EXPECT_NEAR(many - one, kLayers * (kChoices - 1) * (kExperts + 25.0), kLayers * 2.0 * kExperts);
  EXPECT_LE(one, kLayers * (kExperts + 25 + 2 * kExperts + 300));
}

}  // namespace
}  // namespace brim::rtl
