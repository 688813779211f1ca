// The DDR4 controller as the accelerator sees it: clients that send bursts through the fabric and get data
// back in order, one beat of 64 bytes after the other.
//
// Clients 0 ... ports - 1 are the stream's AXI ports; client `aux()` is the port that fetches the program and
// writes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "board/board.h"
#include "sim/clocks.h"
#include "sim/ddr4/controller.h"

namespace brim::sim {

class Memory {
 public:
  // Beats of a client that may be under way or not yet released.
  static constexpr uint32_t kWindow = 256;
  // Acknowledgements that are remembered.
  static constexpr uint32_t kWrites = 1024;

  explicit Memory(const Board& board, ddr4::CommandObserver* observer = nullptr);

  uint32_t aux() const { return static_cast<uint32_t>(clients_.size()) - 1; }

  // Cycles from a request to its reaching the controller, and from the data's being there to the port.
  Cycle latency() const { return latency_; }
  // Cycles that a beat takes on a port.
  Cycle beat_cycles() const { return beat_cycles_; }

  // Sends a burst of `beats` beats at physical `address` from the client in this cycle. Cycles of one client
  // must not decrease, and with its beats the client may have kWindow under way.
  void read(uint32_t client, uint64_t address, uint32_t beats, Cycle cycle);
  // Sends one beat to write; it has left the port in this cycle.
  void write(uint64_t address, Cycle cycle);

  // Lets the controller work up to `cycle`. Requests that are sent from then on must reach it no earlier.
  void advance(Cycle cycle);

  // Beats of the client that have arrived since the pass started, and when beat `index` (one of the last
  // kWindow asked for) was complete at the port.
  uint64_t arrived(uint32_t client) const { return clients_[client].arrived; }
  Cycle arrival(uint32_t client, uint64_t index) const { return clients_[client].arrivals[index % kWindow]; }

  // Writes that were acknowledged, and when as many as `count` (of them, and of the last kWrites) were.
  uint64_t written() const { return written_; }
  Cycle acknowledged(uint64_t count) const { return acknowledges_[(count - 1) % kWrites]; }

  // nCK in which the controller had nothing to do.
  uint64_t idle_nck() const { return idle_nck_; }
  const ddr4::Counters& counters() const { return controller_.counters(); }

 private:
  struct Burst {
    uint64_t offset;
    uint32_t beats;
    ddr4::Cycle arrival;  // at the controller
  };
  struct Client {
    std::deque<Burst> bursts;  // not yet wholly accepted by the controller
    uint64_t accepted = 0;     // beats
    uint64_t arrived = 0;
    Cycle last_arrival = 0;
    std::array<ddr4::Cycle, kWindow> done;  // in nCK; kNever: not yet
    std::array<Cycle, kWindow> arrivals;
  };
  struct Write {
    uint64_t offset;
    ddr4::Cycle arrival;
  };

  uint64_t offset(uint64_t address);
  ddr4::Cycle offer_reads(ddr4::Cycle now);
  ddr4::Cycle offer_writes(ddr4::Cycle now);
  void take_completions();
  void deliver();

  const Board& board_;
  const Clocks clocks_;
  const Cycle latency_;
  const Cycle beat_cycles_;
  const ddr4::Cycle burst_clocks_;
  ddr4::Controller controller_;
  MemoryRegion region_;         // of the last address
  uint64_t region_offset_ = 0;  // of it in the DRAM
  std::vector<Client> clients_;
  std::deque<Write> writes_;
  uint32_t turn_ = 0;
  uint64_t idle_nck_ = 0;
  uint64_t written_ = 0;
  std::array<Cycle, kWrites> acknowledges_;  // not decreasing
};

}  // namespace brim::sim
