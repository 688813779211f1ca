// Where things are. The one file in which the programs for the boards differ.
// Addresses: Zynq UltraScale+ Device TRM (UG1085), "System Addresses" and "DDR memory".
#pragma once

#include <cstdint>

#include "base/address_range.h"

namespace brim::board {

using Range = AddressRange;

#if defined(BRIM_BOARD_QEMU)
// QEMU's xlnx-zcu102. It has no programmable logic: the accelerator's registers are words in the firmware's
// area of DDR, served by `brim board`.
inline constexpr const char* kName = "QEMU xlnx-zcu102";
inline constexpr uint64_t kUart = 0xFF000000;
inline constexpr uint64_t kSdhci = 0xFF160000;
inline constexpr uint64_t kAccelerator = 0x1F0000;
inline constexpr bool kSemihosting = true;    // leaving the program ends QEMU
inline constexpr uint32_t kPassSeconds = 30;  // other processes share the machine that computes the pass
#elif defined(BRIM_BOARD_KV260)
inline constexpr const char* kName = "KV260";
inline constexpr uint64_t kUart = 0xFF010000;
inline constexpr uint64_t kSdhci = 0xFF170000;
inline constexpr uint64_t kAccelerator = 0xA0000000;  // M_AXI_HPM0_FPD
inline constexpr bool kSemihosting = false;
inline constexpr uint32_t kPassSeconds = 5;  // the slowest pass takes a few hundred milliseconds
#else
#error "choose a board"
#endif

// DDR of both, and its peak rate on the KV260 (64 bit at 2400 MT/s), against which shares are given.
inline constexpr Range kDdr[] = {{0x0, 0x80000000}, {0x800000000, 0x80000000}};
inline constexpr double kPeakBytesPerSecond = 19.2e9;

// The firmware's area; image regions begin after it.
inline constexpr uint64_t kFirmwareEnd = 0x200000;

}  // namespace brim::board
