#include "isa/pass_limits.h"

#include <gtest/gtest.h>

namespace brim {
namespace {

ProgramHeader header(uint16_t heads, uint16_t kv_heads, uint32_t context) {
  ProgramHeader result{};
  result.heads = heads;
  result.kv_heads = kv_heads;
  result.context = context;
  return result;
}

uint32_t most(const ProgramHeader& program, uint32_t lanes, uint64_t score_buffer) {
  return most_tokens_of_pass(program, {.tokens = lanes, .context = 65536, .score_buffer = score_buffer});
}

TEST(PassLimits, AreTheLanesWhereScoresFit) {
  EXPECT_EQ(most(header(32, 32, 2688), 8, 524288), 8u);
  EXPECT_EQ(most(header(32, 32, 2688), 1, 524288), 1u);
}

TEST(PassLimits, CountWholeRoundsOfPairs) {
  // A round of eight lanes needs 64 bytes per position. Two heads: four tokens a round.
  EXPECT_EQ(most(header(8, 4, 4096), 8, 524288), 8u) << "two rounds";
  EXPECT_EQ(most(header(8, 4, 4160), 8, 524288), 4u) << "one round";
  EXPECT_EQ(most(header(8, 4, 8192), 8, 524288), 4u);
  EXPECT_EQ(most(header(8, 4, 8256), 8, 524288), 0u);
}

TEST(PassLimits, CountResultSlots) {
  EXPECT_EQ(most(header(8, 1, 64), 1, 524288), 1u) << "eight rounds";
  EXPECT_EQ(most(header(9, 1, 64), 1, 524288), 0u);
}

TEST(PassLimits, AreAtMostTheTokenIdsOfTheRegisters) {
  EXPECT_EQ(most(header(1, 1, 64), 64, 1 << 20), registers::kTokenIds);
}

TEST(PassLimits, NoPassOfAProgramThatIsTooWide) {
  const AcceleratorLimits limits{.tokens = 8, .context = 8192, .score_buffer = 524288};
  ProgramHeader program = header(28, 4, 4096);
  EXPECT_EQ(most_tokens_of_pass(program, limits), 2u) << "two rounds of eight pairs";
  program.hidden = 18944;
  EXPECT_EQ(most_tokens_of_pass(program, limits), 0u);
  const Excess excess = excess_of(program, limits);
  EXPECT_STREQ(excess.size, "hidden");
  EXPECT_EQ(excess.value, 18944u);
  EXPECT_EQ(excess.most, 14336u);
}

}  // namespace
}  // namespace brim
