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

TEST(PassLimits, AreTheLanesWhereScoresFit) {
  EXPECT_EQ(most_tokens_of_pass(header(32, 32, 2688), 8, 524288), 8u);
  EXPECT_EQ(most_tokens_of_pass(header(32, 32, 2688), 1, 524288), 1u);
}

TEST(PassLimits, CountWholeRoundsOfPairs) {
  // A round of eight lanes needs 64 bytes per position. Two heads: four tokens a round.
  EXPECT_EQ(most_tokens_of_pass(header(8, 4, 4096), 8, 524288), 8u) << "two rounds";
  EXPECT_EQ(most_tokens_of_pass(header(8, 4, 4160), 8, 524288), 4u) << "one round";
  EXPECT_EQ(most_tokens_of_pass(header(8, 4, 8192), 8, 524288), 4u);
  EXPECT_EQ(most_tokens_of_pass(header(8, 4, 8256), 8, 524288), 0u);
}

TEST(PassLimits, CountResultSlots) {
  EXPECT_EQ(most_tokens_of_pass(header(8, 1, 64), 1, 524288), 1u) << "eight rounds";
  EXPECT_EQ(most_tokens_of_pass(header(9, 1, 64), 1, 524288), 0u);
}

TEST(PassLimits, AreAtMostTheTokenIdsOfTheRegisters) {
  EXPECT_EQ(most_tokens_of_pass(header(1, 1, 64), 64, 1 << 20), registers::kTokenIds);
}

}  // namespace
}  // namespace brim
