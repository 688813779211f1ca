#include "firmware/clocks.h"

#include <gtest/gtest.h>

namespace brim {
namespace {

constexpr uint32_t pll(uint32_t multiplier, bool halved) { return multiplier << 8 | (halved ? 1u << 16 : 0); }

// The preset of the K26: 72 * 33.33 MHz / 2 = 1200 MHz from the DPLL, which the memory and the switch share.
TEST(Clocks, OfDdr4At2400LeaveTheSwitchA400Or600MHzClock) {
  ClockRegisters r{.dpll_ctrl = pll(72, true), .ddr_ctrl = 0x01000200, .topsw_main_ctrl = 0x01000303};
  EXPECT_NEAR(ddr_transfers_per_second(r), 2400e6, 1);
  EXPECT_NEAR(switch_hz(r), 400e6, 1);
  EXPECT_TRUE(ddr_clock_is_set(r));
  r.topsw_main_ctrl = 0x01000203;
  EXPECT_NEAR(switch_hz(r), 600e6, 1);
}

// As one board was read: DDR_CTRL 533 MHz, the switch likewise.
TEST(Clocks, OfDdr4At2133) {
  const ClockRegisters r{.dpll_ctrl = pll(64, true), .ddr_ctrl = 0x01000200, .topsw_main_ctrl = 0x01000203};
  EXPECT_NEAR(ddr_ctrl_hz(r), 533.3e6, 0.1e6);
  EXPECT_NEAR(ddr_transfers_per_second(r) * ddr_bus_bytes(0x41040010), 17.07e9, 0.01e9);
  EXPECT_NEAR(switch_hz(r), 533.3e6, 0.1e6);
}

TEST(Clocks, ComeFromThePllThatTheRegisterNames) {
  ClockRegisters r{.apll_ctrl = pll(60, true),
                   .dpll_ctrl = pll(72, true),
                   .vpll_ctrl = pll(90, false),
                   .ddr_ctrl = 0x201,
                   .topsw_main_ctrl = 0x200};
  EXPECT_NEAR(ddr_ctrl_hz(r), 1500e6, 1);
  EXPECT_NEAR(switch_hz(r), 500e6, 1);
  r.topsw_main_ctrl = 0x202;
  EXPECT_NEAR(switch_hz(r), 1500e6, 1);
}

TEST(Clocks, AfterPowerOnNoneIsSet) {
  const ClockRegisters r{.dpll_ctrl = 0x00002C09, .ddr_ctrl = 0x01000500};
  EXPECT_FALSE(ddr_clock_is_set(r));
  EXPECT_NEAR(pll_hz(r.dpll_ctrl), kReferenceHz, 1);
}

TEST(Clocks, BusAndPortsHaveTheWidthsThatTheirRegistersSay) {
  EXPECT_EQ(ddr_bus_bytes(0x41040010), 8u);
  EXPECT_EQ(ddr_bus_bytes(0x41041010), 4u);
  EXPECT_TRUE(is_ddr4(0x41040010));
  EXPECT_FALSE(is_ddr4(0x41040001));
  EXPECT_EQ(port_bits(0), 128u);
  EXPECT_EQ(port_bits(1), 64u);
  EXPECT_EQ(port_outstanding(7), 8u);
}

}  // namespace
}  // namespace brim
