// Registers of the memory tester (fpga/kv260/memtest/memtest.sv), AXI4-Lite, 32 bits, at the place of the
// accelerator's. Addresses of memory are in units of 64 bytes.
#pragma once

#include <cstdint>

namespace brim::memtest {

inline constexpr uint32_t kId = 0x000, kVersion = 0x004, kClockKhz = 0x008;
inline constexpr uint32_t kControl =
    0x00C;                                  // writing 1 starts the ports of MASK; bits of those that are busy
inline constexpr uint32_t kMask = 0x010;    // bit per port
inline constexpr uint32_t kMode = 0x014;    // bit 0: read, bit 1: write
inline constexpr uint32_t kBursts = 0x018;  // of each direction and port
inline constexpr uint32_t kLength = 0x01C;  // transfers of 16 bytes of a burst, less 1
inline constexpr uint32_t kOutstanding = 0x020;  // bursts of a direction under way, 1 to 16
inline constexpr uint32_t kStride = 0x024;       // from a burst to the next
inline constexpr uint32_t kWrap = 0x028;         // bits of the offset that count

// Of port i: kPort + i * kPortBytes + these.
inline constexpr uint32_t kPort = 0x100, kPortBytes = 0x100;
inline constexpr uint32_t kReadBase = 0x00, kWriteBase = 0x04, kCycles = 0x08, kRead = 0x0C, kWritten = 0x10,
                          kErrors = 0x14, kErrorAddress = 0x18, kLatencyMin = 0x1C, kLatencyMax = 0x20,
                          kLatencySum = 0x24, kHistogram = 0x80;

inline constexpr uint32_t kIdValue = 0x424D454D;  // "BMEM"
inline constexpr uint32_t kVersionValue = 1;
inline constexpr uint32_t kPorts = 5;
inline constexpr uint32_t kBins = 32;       // of the histogram
inline constexpr uint32_t kBinCycles = 32;  // each; the last one and more

}  // namespace brim::memtest
