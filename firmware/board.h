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
inline constexpr bool kSemihosting = true;  // leaving the program ends QEMU
// Registers of the DDR controller and of the devices are not there, those of the clocks as after power-on.
inline constexpr bool kHasProcessingSystem = false;
inline constexpr uint32_t kPassSeconds = 30;  // other processes share the machine that computes the pass
#elif defined(BRIM_BOARD_KV260)
inline constexpr const char* kName = "KV260";
inline constexpr uint64_t kUart = 0xFF010000;
inline constexpr uint64_t kSdhci = 0xFF170000;
inline constexpr uint64_t kAccelerator = 0xA0000000;  // M_AXI_HPM0_FPD
inline constexpr bool kSemihosting = false;
inline constexpr bool kHasProcessingSystem = true;
inline constexpr uint32_t kPassSeconds = 5;  // the slowest pass takes a few hundred milliseconds
#else
#error "choose a board"
#endif

// DDR of both, and what the KV260's moves at its peak if nothing says otherwise (64 bit at 2400 MT/s).
inline constexpr Range kDdr[] = {{0x0, 0x80000000}, {0x800000000, 0x80000000}};
inline constexpr double kExpectedPeakBytesPerSecond = 19.2e9;

// The PMU firmware's, as boards/kv260.json has it under `reserved`: not mapped, and no image may stand there.
inline constexpr Range kReserved = {0x7FF00000, 0x100000};

// The firmware's area; image regions begin after it. Behind the program (brim.ld) it holds the buffer that
// the SD controller writes to.
inline constexpr uint64_t kFirmwareEnd = 0x200000;
inline constexpr Range kCardBuffer = {0x110000, 0x80000};

}  // namespace brim::board
