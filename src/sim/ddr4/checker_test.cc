#include "sim/ddr4/checker.h"

#include <gtest/gtest.h>

namespace brim::ddr4 {
namespace {

using enum CommandKind;

// The KV260's memory, refreshed never.
DdrDescription memory() {
  DdrDescription ddr = load_board("kv260").ddr;
  ddr.timing.trefi = 1u << 30;
  return ddr;
}

std::vector<std::string> broken_rules(const std::vector<Command>& commands,
                                      const DdrDescription& ddr = memory()) {
  ProtocolChecker checker(ddr);
  for (const Command& command : commands) checker.on_command(command);
  std::vector<std::string> rules;
  for (const Violation& violation : checker.violations()) rules.push_back(violation.rule);
  return rules;
}

using Rules = std::vector<std::string>;

// A stream that is legal, and whose last command breaks exactly `rule` when it comes one clock earlier.
struct DistanceCase {
  const char* rule;
  std::vector<Command> commands;
};

const std::vector<DistanceCase>& distance_cases() {
  static const std::vector<DistanceCase> cases = {
      {"tRCD", {{1, kActivate, 0, 0, 5}, {18, kRead, 0, 0, 5, 0}}},
      {"tRCD", {{1, kActivate, 0, 0, 5}, {18, kWrite, 0, 0, 5, 0}}},
      {"tRAS", {{1, kActivate, 0, 0, 5}, {40, kPrecharge, 0, 0}}},
      {"tRAS", {{1, kActivate, 0, 0, 5}, {40, kPrechargeAll}}},
      {"tRP", {{1, kActivate, 0, 0, 5}, {50, kPrecharge, 0, 0}, {67, kActivate, 0, 0, 6}}},
      {"tRP", {{1, kActivate, 0, 0, 5}, {50, kPrechargeAll}, {67, kActivate, 0, 0, 6}}},
      {"tRP", {{1, kActivate, 0, 0, 5}, {50, kPrecharge, 0, 0}, {67, kRefresh}}},
      {"tRRD_S", {{1, kActivate, 0, 0, 5}, {8, kActivate, 1, 0, 5}}},
      {"tRRD_L", {{1, kActivate, 0, 0, 5}, {9, kActivate, 0, 1, 5}}},
      {"tFAW",
       {{1, kActivate, 0, 0, 5},
        {8, kActivate, 1, 0, 5},
        {16, kActivate, 0, 1, 5},
        {23, kActivate, 1, 1, 5},
        {37, kActivate, 0, 2, 5}}},
      {"tCCD_S",
       {{1, kActivate, 0, 0, 5}, {8, kActivate, 1, 0, 5}, {30, kRead, 0, 0, 5, 0}, {34, kRead, 1, 0, 5, 0}}},
      {"tCCD_L", {{1, kActivate, 0, 0, 5}, {30, kRead, 0, 0, 5, 0}, {36, kRead, 0, 0, 5, 1}}},
      {"tCCD_L", {{1, kActivate, 0, 0, 5}, {30, kWrite, 0, 0, 5, 0}, {36, kWrite, 0, 0, 5, 1}}},
      {"tRTP", {{1, kActivate, 0, 0, 5}, {40, kRead, 0, 0, 5, 0}, {49, kPrecharge, 0, 0}}},
      {"tWR", {{1, kActivate, 0, 0, 5}, {40, kWrite, 0, 0, 5, 0}, {74, kPrecharge, 0, 0}}},
      {"read to write", {{1, kActivate, 0, 0, 5}, {40, kRead, 0, 0, 5, 0}, {51, kWrite, 0, 0, 5, 1}}},
      {"tWTR_L", {{1, kActivate, 0, 0, 5}, {40, kWrite, 0, 0, 5, 0}, {65, kRead, 0, 0, 5, 1}}},
      {"tWTR_S",
       {{1, kActivate, 0, 0, 5}, {8, kActivate, 1, 0, 5}, {40, kWrite, 0, 0, 5, 0}, {59, kRead, 1, 0, 5, 1}}},
      {"tRFC", {{1, kRefresh}, {421, kActivate, 0, 0, 5}}},
      {"tRFC", {{1, kRefresh}, {421, kRefresh}}},
  };
  return cases;
}

TEST(ProtocolChecker, AcceptsCommandsAtTheSmallestDistance) {
  for (const DistanceCase& c : distance_cases()) EXPECT_EQ(broken_rules(c.commands), Rules{}) << c.rule;
}

TEST(ProtocolChecker, NamesTheRuleThatACommandOneClockEarlyBreaks) {
  for (const DistanceCase& c : distance_cases()) {
    std::vector<Command> early = c.commands;
    --early.back().at;
    const Rules rules = broken_rules(early);
    ASSERT_FALSE(rules.empty()) << c.rule;
    EXPECT_EQ(rules.front(), c.rule);
  }
}

TEST(ProtocolChecker, RowCycleTimeIsCheckedWhereItIsLongerThanItsParts) {
  DdrDescription ddr = memory();
  ddr.timing.trc = 60;
  const auto reopen = [&](Cycle at) {
    return broken_rules({{1, kActivate, 0, 0, 5}, {40, kPrecharge, 0, 0}, {at, kActivate, 0, 0, 6}}, ddr);
  };
  EXPECT_EQ(reopen(61), Rules{});
  EXPECT_EQ(reopen(60), Rules{"tRC"});
}

TEST(ProtocolChecker, OverlappingDataIsFoundEvenWhereTheTableAllowsIt) {
  DdrDescription ddr = memory();
  ddr.timing.read_to_write = 8;  // data would overlap by one clock: 17 + 4 > 8 + 12
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 0, 5}, {40, kRead, 0, 0, 5, 0}, {48, kWrite, 0, 0, 5, 1}}, ddr),
            Rules{"data bus"});
}

TEST(ProtocolChecker, WrongStatesAreNamed) {
  EXPECT_EQ(broken_rules({{1, kRead, 0, 0, 5, 0}}), Rules{"bank closed"});
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 0, 5}, {50, kPrecharge, 0, 0}, {90, kWrite, 0, 0, 5, 0}}),
            Rules{"bank closed"});
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 0, 5}, {90, kRead, 0, 0, 6, 0}}), Rules{"wrong row"});
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 0, 5}, {90, kActivate, 0, 0, 6}}), Rules{"bank open"});
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 0, 5}, {90, kRefresh}}), Rules{"refresh with open bank"});
  EXPECT_EQ(broken_rules({{1, kActivate, 2, 0, 5}}), Rules{"no such bank"});
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 4, 5}}), Rules{"no such bank"});
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 0, 65536}}), Rules{"no such row"});
  EXPECT_EQ(broken_rules({{1, kActivate, 0, 0, 5}, {90, kRead, 0, 0, 5, 128}}), Rules{"no such column"});
  EXPECT_EQ(broken_rules({{1, kPrecharge, 0, 0}, {1, kPrecharge, 0, 1}}), Rules{"one command per clock"});
}

TEST(ProtocolChecker, LateAndEarlyRefreshesAreFound) {
  DdrDescription ddr = memory();
  ddr.timing.trefi = 9360;
  EXPECT_EQ(broken_rules({{9 * 9360, kRefresh}}, ddr), Rules{});
  EXPECT_EQ(broken_rules({{9 * 9360 + 1, kRefresh}}, ddr), Rules{"refresh too late"});
  std::vector<Command> burst;
  for (Cycle i = 0; i < 9; ++i) burst.push_back({1 + i * 420, kRefresh});
  EXPECT_EQ(broken_rules(burst, ddr), Rules{});
  burst.push_back({1 + 9 * 420, kRefresh});
  EXPECT_EQ(broken_rules(burst, ddr), Rules{"refresh too early"});
  // Each interval is allowed, but together they fall ever further behind.
  std::vector<Command> slow;
  for (Cycle i = 1; i <= 12; ++i) slow.push_back({i * 2 * 9360, kRefresh});
  EXPECT_FALSE(broken_rules(slow, ddr).empty());
}

}  // namespace
}  // namespace brim::ddr4
