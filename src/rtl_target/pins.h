// The wires of brim_top, as plain data: what crosses between this program and the Verilated accelerator.
// Names are those of docs/rtl/interfaces.md, "Ports of `brim_top`".
#pragma once

#include <array>
#include <cstdint>

namespace brim::rtl_target {

inline constexpr uint32_t kTransferBytes = 16;  // of a 128-bit port in a cycle
using Transfer = std::array<uint32_t, kTransferBytes / 4>;

// Responses, AMBA AXI, "Read and write response structure".
inline constexpr uint8_t kOkay = 0;
inline constexpr uint8_t kDecodeError = 3;  // nothing answers at this address

// The read channels of an AXI4 master.
struct ReadPins {
  // Driven by the accelerator.
  uint64_t araddr = 0;
  uint8_t arlen = 0;  // transfers - 1
  bool arvalid = false;
  bool rready = false;
  // Driven by the memory.
  bool arready = false;
  bool rvalid = false;
  bool rlast = false;
  uint8_t rresp = kOkay;
  Transfer rdata{};
};

// The write channels of an AXI4 master.
struct WritePins {
  // Driven by the accelerator.
  uint64_t awaddr = 0;
  uint8_t awlen = 0;  // transfers - 1
  bool awvalid = false;
  Transfer wdata{};
  uint16_t wstrb = 0;  // a bit per byte
  bool wlast = false;
  bool wvalid = false;
  bool bready = false;
  // Driven by the memory.
  bool awready = false;
  bool wready = false;
  bool bvalid = false;
  uint8_t bresp = kOkay;
};

// The AXI4-Lite slave.
struct RegisterPins {
  // Driven by the processor.
  uint16_t awaddr = 0, araddr = 0;
  uint32_t wdata = 0;
  bool awvalid = false, wvalid = false, bready = false, arvalid = false, rready = false;
  // Driven by the accelerator.
  bool awready = false, wready = false, bvalid = false, arready = false, rvalid = false;
  uint32_t rdata = 0;
};

inline constexpr uint32_t kStreamPorts = 4;
inline constexpr uint32_t kAuxPort = kStreamPorts;  // fetches the program; the only one that writes

struct Pins {
  bool aresetn = false;
  RegisterPins registers;
  std::array<ReadPins, kStreamPorts + 1> reads;
  WritePins write;
  bool interrupt = false;
};

}  // namespace brim::rtl_target
