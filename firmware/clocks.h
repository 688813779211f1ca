// Clocks and memory rate of a Zynq UltraScale+ from the registers that its boot loader has set (UG1087,
// modules CRF_APB and DDRC).
#pragma once

#include <cstdint>

namespace brim {

// PS_REF_CLK of the K26 module and QEMU's board.
inline constexpr double kReferenceHz = 100e6 / 3;

struct ClockRegisters {
  uint32_t apll_ctrl = 0;
  uint32_t dpll_ctrl = 0;
  uint32_t vpll_ctrl = 0;
  uint32_t ddr_ctrl = 0;
  uint32_t topsw_main_ctrl = 0;
};

// Whether a PLL has been set up: it is neither bypassed nor held in reset, as it is after power-on.
constexpr bool pll_runs(uint32_t ctrl) { return (ctrl & 0x9) == 0; }

constexpr double pll_hz(uint32_t ctrl) {
  if (!pll_runs(ctrl)) return kReferenceHz;
  const double vco = kReferenceHz * (ctrl >> 8 & 0x7F);
  return (ctrl >> 16 & 1) != 0 ? vco / 2 : vco;
}

// A clock behind its first divider.
constexpr double divided(double hz, uint32_t ctrl) {
  const uint32_t divisor = ctrl >> 8 & 0x3F;
  return divisor == 0 ? hz : hz / divisor;
}

// Of the DDR controller. The memory's clock is twice that, and it moves data on both edges.
constexpr double ddr_ctrl_hz(const ClockRegisters& r) {
  return divided(pll_hz((r.ddr_ctrl & 7) == 1 ? r.vpll_ctrl : r.dpll_ctrl), r.ddr_ctrl);
}
constexpr bool ddr_clock_is_set(const ClockRegisters& r) {
  return pll_runs((r.ddr_ctrl & 7) == 1 ? r.vpll_ctrl : r.dpll_ctrl);
}
constexpr double ddr_transfers_per_second(const ClockRegisters& r) { return 4 * ddr_ctrl_hz(r); }

// Of the switch between the ports and the DDR controller, TOPSW_MAIN.
constexpr double switch_hz(const ClockRegisters& r) {
  const uint32_t source = r.topsw_main_ctrl & 7;
  return divided(pll_hz(source == 0   ? r.apll_ctrl
                        : source == 2 ? r.vpll_ctrl
                                      : r.dpll_ctrl),
                 r.topsw_main_ctrl);
}

// Bytes of the memory's data bus: MSTR.data_bus_width says all, half or a quarter of 64 bits.
constexpr uint32_t ddr_bus_bytes(uint32_t mstr) { return 8u >> (mstr >> 12 & 3); }
// MSTR.ddr4.
constexpr bool is_ddr4(uint32_t mstr) { return (mstr >> 4 & 1) != 0; }

// Bits of a port of the programmable logic: AFIFM RDCTRL.fabric_width; and the bursts it has under way at
// most: RDISSUE.
constexpr uint32_t port_bits(uint32_t rdctrl) { return 128u >> (rdctrl & 3); }
constexpr uint32_t port_outstanding(uint32_t rdissue) { return (rdissue & 0xF) + 1; }

}  // namespace brim
