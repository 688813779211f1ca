// A board's memory at the accelerator's AXI ports: the bytes of any PhysicalMemory, at the times of the DDR4
// model.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "board/board.h"
#include "image/physical_memory.h"
#include "rtl_target/pins.h"
#include "sim/memory.h"

namespace brim::rtl_target {

// Serves one clock cycle after the other: drive() puts the memory's side on the wires, take() notes what was
// handed over. A burst at which the PhysicalMemory throws is answered with DECERR.
class AxiMemory {
 public:
  // The memory must outlive it. Throws DoesNotFit if the board's ports are not those of brim_top.
  AxiMemory(const Board& board, PhysicalMemory& bytes);

  // Starts again at cycle 0 with a DRAM that has no row open and its refresh counter at zero, so that a
  // pass takes the same cycles whatever was before it. Precondition: idle().
  void restart();

  // No burst is under way.
  bool idle() const;

  // Cycles since restart().
  sim::Cycle cycle() const { return cycle_; }

  // Whether anything was handed over in the last cycle.
  bool moved() const { return moved_; }

  // The memory's side of the wires in this cycle.
  void drive(Pins& pins) { drive(pins.reads, {&pins.write, 1}); }
  // Of another master with as many ports: the last writes.size() of them write.
  void drive(std::span<ReadPins> reads, std::span<WritePins> writes);

  // The end of the cycle: takes what both sides agreed to hand over. Throws Error on a transfer that AXI
  // forbids.
  void take(const Pins& pins) { take(pins.reads, {&pins.write, 1}); }
  void take(std::span<const ReadPins> reads, std::span<const WritePins> writes);

 private:
  // 64 bytes are what the DRAM moves; a burst touches a run of them.
  static constexpr uint32_t kBlockTransfers = kDdrBurstBytes / kTransferBytes;

  struct Burst {
    uint64_t address = 0;
    uint32_t transfers = 0;
    const uint8_t* data = nullptr;  // null: DECERR
    uint32_t done = 0;              // transfers
  };
  struct ReadPort {
    std::deque<Burst> bursts;
    uint64_t requested = 0;  // blocks
    uint64_t released = 0;
  };
  struct WriteBurst {
    uint64_t address = 0;
    uint32_t transfers = 0;
    uint8_t* data = nullptr;  // null: DECERR
    uint32_t done = 0;
  };
  struct Response {
    uint64_t blocks = 0;  // written when it is due
    bool error = false;
  };

  struct WritePort {
    std::deque<WriteBurst> bursts;
    std::deque<Response> responses;
    uint64_t written = 0;         // blocks sent to the memory
    bool response_valid = false;  // of the first response; stays until it is taken
  };

  bool drive_read(uint32_t port, ReadPins& pins) const;
  void drive_write(uint32_t port, WritePins& pins);
  void take_read(uint32_t port, const ReadPins& pins);
  void take_write(uint32_t port, const WritePins& pins);

  const Board board_;
  PhysicalMemory& bytes_;
  std::unique_ptr<sim::Memory> memory_;
  sim::Cycle cycle_ = 0;
  sim::Cycle next_advance_ = 0;
  bool moved_ = false;
  std::array<ReadPort, kStreamPorts + 1> reads_;
  std::array<WritePort, kStreamPorts + 1> writes_;
};

}  // namespace brim::rtl_target
