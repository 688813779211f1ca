#include "sim/memory.h"

#include <algorithm>
#include <cmath>

#include "base/concat.h"
#include "base/error.h"

namespace brim::sim {
namespace {

// The fabric's latency is half there and half back, each at least a register.
Cycle one_way_cycles(const Board& board) {
  const double cycles = board.axi.fabric_latency_ns / 2 * board.accelerator.clock_mhz / 1000;
  return std::max<Cycle>(1, static_cast<Cycle>(std::llround(cycles)));
}

constexpr uint32_t kClientShift = 8;
static_assert(Memory::kWindow == 1u << kClientShift);

}  // namespace

Memory::Memory(const Board& board, ddr4::CommandObserver* observer)
    : board_(board),
      clocks_(board),
      latency_(one_way_cycles(board)),
      beat_cycles_(std::max<Cycle>(1, kDdrBurstBytes * 8 / board.axi.data_width_bits)),
      burst_clocks_(board.ddr.burst_clocks()),
      controller_(board.ddr, observer),
      clients_(board.axi.ports + 1) {
  if (board.axi.clock_mhz != board.accelerator.clock_mhz) {
    throw Error(
        concat("board ", board.name,
               ": axi.clock_mhz and accelerator.clock_mhz differ, but the ports run at the accelerator's "
               "clock; make them equal"));
  }
  for (Client& client : clients_) client.done.fill(ddr4::kNever);
}

uint64_t Memory::offset(uint64_t address) {
  if (!region_.range().contains(address)) {
    region_offset_ = board_.dram_offset(address);
    region_ = *std::ranges::find_if(
        board_.regions, [&](const MemoryRegion& region) { return region.range().contains(address); });
    region_offset_ -= address - region_.base;
  }
  return region_offset_ + (address - region_.base);
}

void Memory::read(uint32_t client, uint64_t address, uint32_t beats, Cycle cycle) {
  clients_[client].bursts.push_back({offset(address), beats, clocks_.nck(cycle + latency_)});
}

void Memory::write(uint64_t address, Cycle cycle) {
  writes_.push_back({offset(address), clocks_.nck(cycle + latency_)});
}

void Memory::advance(Cycle cycle) {
  const ddr4::Cycle target = clocks_.nck(cycle);
  while (controller_.now() < target) {
    const ddr4::Cycle now = controller_.now();
    ddr4::Cycle next = std::min({target, offer_reads(now), offer_writes(now)});
    if (controller_.waiting_reads() + controller_.waiting_writes() == 0) {
      idle_nck_ += next - now;
    } else {
      next = std::min(next, now + burst_clocks_);
    }
    controller_.advance_to(next);
    take_completions();
  }
  deliver();
}

// Accepts what has arrived, a beat from each client in turn, while there is room. Returns when to try again.
ddr4::Cycle Memory::offer_reads(ddr4::Cycle now) {
  ddr4::Cycle next = ddr4::kNever;
  const uint32_t count = static_cast<uint32_t>(clients_.size());
  for (uint32_t passed_over = 0; passed_over < count;) {
    Client& client = clients_[turn_];
    if (client.bursts.empty() || client.bursts.front().arrival > now) {
      if (!client.bursts.empty()) next = std::min(next, client.bursts.front().arrival);
      ++passed_over;
    } else {
      Burst& burst = client.bursts.front();
      const uint32_t id = turn_ << kClientShift | static_cast<uint32_t>(client.accepted % kWindow);
      if (!controller_.accept_read(burst.offset, id)) return now + burst_clocks_;
      ++client.accepted;
      burst.offset += kDdrBurstBytes;
      if (--burst.beats == 0) client.bursts.pop_front();
      passed_over = 0;
    }
    if (++turn_ == count) turn_ = 0;
  }
  return next;
}

ddr4::Cycle Memory::offer_writes(ddr4::Cycle now) {
  while (!writes_.empty()) {
    if (writes_.front().arrival > now) return writes_.front().arrival;
    if (!controller_.accept_write(writes_.front().offset, 0)) return now + burst_clocks_;
    writes_.pop_front();
  }
  return ddr4::kNever;
}

void Memory::take_completions() {
  for (auto& reads = controller_.reads_done(); !reads.empty(); reads.pop()) {
    const ddr4::Completion& read = reads.front();
    clients_[read.id >> kClientShift].done[read.id % kWindow] = read.at;
  }
  for (auto& writes = controller_.writes_done(); !writes.empty(); writes.pop()) {
    acknowledges_[written_++ % kWrites] = clocks_.cycle(writes.front().at) + latency_;
  }
}

// Data of a client arrive in the order in which it asked for them.
void Memory::deliver() {
  for (Client& client : clients_) {
    Cycle last = client.last_arrival;
    while (client.arrived < client.accepted) {
      ddr4::Cycle& done = client.done[client.arrived % kWindow];
      if (done == ddr4::kNever) break;
      last = std::max(last + beat_cycles_, clocks_.cycle(done) + latency_ + beat_cycles_);
      client.arrivals[client.arrived % kWindow] = last;
      done = ddr4::kNever;
      ++client.arrived;
    }
    client.last_arrival = last;
  }
}

}  // namespace brim::sim
