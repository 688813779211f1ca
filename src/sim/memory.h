// A board's memory as the accelerator sees it: ports that send bursts and get data back in order, one beat of
// 64 bytes after the other, and what is between them and the DRAM.
//
//   port -> FIFO interface -> switch -> input of the controller (XPI) -> controller -> DRAM
//
// docs/simulator.md, "The path to memory", says what each of them does. Clients 0 ... ports - 1 are the
// stream's AXI ports; client `aux()` is the port that fetches the program and writes.
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
  // Acknowledgements of a client that are remembered.
  static constexpr uint32_t kWrites = 1024;
  // Edges of a clock that what enters it waits for, two flip-flops: an estimate.
  static constexpr uint32_t kCrossingEdges = 2;

  explicit Memory(const Board& board, ddr4::CommandObserver* observer = nullptr);

  uint32_t aux() const { return static_cast<uint32_t>(clients_.size()) - 1; }

  // Cycles that a request takes at least from the port to the controller, and data at least from there to the
  // port.
  Cycle latency() const { return latency_; }
  // Cycles that a beat takes on a port.
  Cycle beat_cycles() const { return beat_cycles_; }

  // Sends a burst of `beats` beats at physical `address` from the client in this cycle. Cycles of one client
  // must not decrease, and with its beats the client may have kWindow under way.
  void read(uint32_t client, uint64_t address, uint32_t beats, Cycle cycle);
  // Sends one beat to write; it has left the client's port in this cycle.
  void write(uint32_t client, uint64_t address, Cycle cycle);

  // Lets the controller work up to `cycle`. Requests that are sent from then on must reach it no earlier.
  void advance(Cycle cycle);

  // Beats of the client that have arrived since the pass started, and when beat `index` (one of the last
  // kWindow asked for) was complete at the port.
  uint64_t arrived(uint32_t client) const { return clients_[client].arrived; }
  Cycle arrival(uint32_t client, uint64_t index) const { return clients_[client].arrivals[index % kWindow]; }

  // Writes of the client that were acknowledged, and when as many as `count` (of them, and of the last
  // kWrites) were.
  uint64_t written(uint32_t client) const { return clients_[client].written; }
  Cycle acknowledged(uint32_t client, uint64_t count) const {
    return clients_[client].acknowledges[(count - 1) % kWrites];
  }

  // nCK in which the controller had nothing to do.
  uint64_t idle_nck() const { return idle_nck_; }
  const ddr4::Counters& counters() const { return controller_.counters(); }

 private:
  struct Burst {
    uint64_t offset;
    uint32_t beats;
    ddr4::Cycle arrival;  // at the switch
  };
  struct Client {
    uint32_t input = 0;
    std::deque<Burst> bursts;   // not yet wholly taken by the input
    std::deque<uint64_t> ends;  // of the bursts that are at the switch, in beats
    uint64_t taken = 0;         // beats, by the input
    uint64_t arrived = 0;
    Cycle last_arrival = 0;
    std::array<ddr4::Cycle, kWindow> left_switch;  // in nCK, each beat
    std::array<Cycle, kWindow> arrivals;
    uint64_t written = 0;
    std::array<Cycle, kWrites> acknowledges;  // not decreasing
  };
  // A beat that an input was given to read, until it has given it to its port.
  struct Beat {
    uint32_t client;
    ddr4::Cycle done;  // kNever: not yet
  };
  struct Write {
    uint64_t offset;
    uint32_t client;
    ddr4::Cycle arrival;
  };
  struct Input {
    std::vector<uint32_t> clients;
    uint32_t turn = 0;    // of them
    uint32_t client = 0;  // whose burst it reads
    uint64_t offset = 0;  // of what is left of that
    uint32_t beats = 0;
    std::vector<Beat> reading;  // a ring of a power of two
    uint64_t accepted = 0;      // by the controller
    uint64_t given = 0;         // to the ports
    uint64_t read_free = 0;     // edge of the switch's clock
    uint64_t write_free = 0;
    std::deque<Write> writes;
  };

  uint64_t offset(uint64_t address);
  // The first edge of the switch's clock at which what leaves a port in this cycle is there.
  uint64_t enter(Cycle cycle) const;
  static ddr4::Cycle left_switch(const Client& client, uint64_t end);
  ddr4::Cycle choose(Input& input, ddr4::Cycle now);
  ddr4::Cycle offer_reads(ddr4::Cycle now);
  ddr4::Cycle offer_writes(ddr4::Cycle now);
  void take_completions();
  void give(Input& input);

  const Board& board_;
  const Clocks clocks_;
  const ClockRatio to_switch_, from_switch_;              // accelerator
  const ClockRatio memory_to_switch_, switch_to_memory_;  // nCK
  const Cycle latency_;
  const Cycle beat_cycles_;
  const uint32_t beat_edges_;  // of the switch
  const uint32_t turn_beats_;  // that ports of one input take turns after
  const ddr4::Cycle burst_clocks_;
  ddr4::Controller controller_;
  MemoryRegion region_;         // of the last address
  uint64_t region_offset_ = 0;  // of it in the DRAM
  std::vector<Client> clients_;
  std::vector<Input> inputs_;
  uint32_t read_turn_ = 0, write_turn_ = 0;  // of the inputs
  uint64_t idle_nck_ = 0;
};

}  // namespace brim::sim
