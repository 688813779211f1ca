#include "sim/replay.h"

#include <gtest/gtest.h>

#include "sim/test_models.h"

namespace brim::sim {
namespace {

class ReplayTest : public testing::Test {
 protected:
  const ModelDescription model_ = test_models()[0];
  const Board board_ = load_board("kv260");
  const LoadedProgram program_ = loaded(model_, plan_image(model_, board_, {.context = 256}));
};

TEST_F(ReplayTest, AFewPassesAreSimulatedEachAndManyAreInterpolatedCloseToThat) {
  std::vector<PassRequest> passes;
  for (uint32_t position = 0; position < 200; position += 4)
    passes.push_back({.position = position, .tokens = 4, .all_logits = true});
  const auto costs = costs_of(board_, program_, passes, 2);
  ASSERT_EQ(costs.size(), passes.size());
  for (const size_t i : {size_t{0}, size_t{7}, size_t{30}, passes.size() - 1}) {
    const double exact = static_cast<double>(simulate_pass(board_, program_, passes[i]).cycles);
    EXPECT_NEAR(costs[i].cycles, exact, 0.01 * exact) << i;
    EXPECT_EQ(costs_of(board_, program_, std::span(passes).subspan(i, 1), 1)[0].cycles, exact);
  }
}

TEST_F(ReplayTest, LogitsOfAllTokensAreWrittenForAll) {
  const PassRequest last{.position = 8, .tokens = 4};
  PassRequest all = last;
  all.all_logits = true;
  const uint64_t row_beats = (model_.vocabulary + 15) / 16;
  EXPECT_EQ(simulate_pass(board_, program_, all).write_beats,
            simulate_pass(board_, program_, last).write_beats + 3 * row_beats);
}

TEST(Speculated, TokensOfAPassAreTheGeometricSumOfTheAcceptance) {
  EXPECT_DOUBLE_EQ(expected_tokens(0, 7), 1);
  EXPECT_DOUBLE_EQ(expected_tokens(1, 7), 8);
  EXPECT_NEAR(expected_tokens(0.7, 3), 2.533, 1e-12);
}

TEST(Speculated, PassesGoOnBehindWhatIsKeptAndStopWhereTheTokensEnd) {
  const auto none = speculated_passes(10, 5, 0, 3);
  ASSERT_EQ(none.size(), 5u);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(none[i].position, 10 + i);
  EXPECT_EQ(none.back().tokens, 1u) << "one token is left";
  const auto all = speculated_passes(10, 8, 1, 3);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].position, 14u);
  EXPECT_EQ(all[1].tokens, 4u);
}

}  // namespace
}  // namespace brim::sim
