// FP32 units that take longer than they do change no bit: every alignment in VPU and SPU follows from
// latency_pkg.
#include "Vsim_compute1_stretched.h"
#include "reference_logits.h"

namespace brim::rtl {
namespace {

class StretchShapes : public testing::TestWithParam<ExecutorShape> {};

TEST_P(StretchShapes, GivesTheReferencesLogitsWithSlowerFp32Units) {
  expect_reference_logits<Vsim_compute1_stretched>(GetParam(), {1, 1, 1}, 0, 100);
}

// 68 positions: more than a block of attention weights.
TEST(StretchTest, GivesThemBeyondABlockOfAttentionWeights) {
  expect_reference_logits<Vsim_compute1_stretched>(executor_shapes().front(), std::vector<uint32_t>(68, 1), 0,
                                                   100);
}

INSTANTIATE_TEST_SUITE_P(Shapes, StretchShapes, testing::ValuesIn(executor_shapes()),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace brim::rtl
