#include "sim/memory.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

namespace brim::sim {
namespace {

// The path's latency is half there and half back, each at least a register.
Cycle one_way_cycles(const Board& board) {
  const double cycles = board.axi.fabric_latency_ns / 2 * board.accelerator.clock_mhz / 1000;
  return std::max<Cycle>(1, static_cast<Cycle>(std::llround(cycles)));
}

constexpr uint32_t kInputShift = 16;

}  // namespace

Memory::Memory(const Board& board, ddr4::CommandObserver* observer)
    : board_(board),
      clocks_(board),
      to_switch_(board.accelerator.clock_mhz, board.axi.interconnect.clock_mhz),
      from_switch_(board.axi.interconnect.clock_mhz, board.accelerator.clock_mhz),
      memory_to_switch_(board.ddr.clock_mhz, board.axi.interconnect.clock_mhz),
      switch_to_memory_(board.axi.interconnect.clock_mhz, board.ddr.clock_mhz),
      latency_(one_way_cycles(board)),
      beat_cycles_(std::max<Cycle>(1, kDdrBurstBytes * 8 / board.axi.data_width_bits)),
      beat_edges_(static_cast<uint32_t>(kDdrBurstBytes * 8 / board.axi.interconnect.data_width_bits)),
      turn_beats_(static_cast<uint32_t>(board.axi.interconnect.arbitration_bytes / kDdrBurstBytes)),
      burst_clocks_(board.ddr.burst_clocks()),
      controller_(board.ddr, observer),
      clients_(board.axi.ports.size() + 1) {
  std::map<uint32_t, uint32_t> index_of_xpi;
  for (uint32_t i = 0; i < clients_.size(); ++i) {
    const AxiPort& port = i < board.axi.ports.size() ? board.axi.ports[i] : board.axi.aux;
    const auto [at, added] = index_of_xpi.try_emplace(port.xpi, static_cast<uint32_t>(inputs_.size()));
    if (added) inputs_.emplace_back();
    clients_[i].input = at->second;
    inputs_[at->second].clients.push_back(i);
  }
  for (Input& input : inputs_) input.reading.resize(std::bit_ceil(input.clients.size() * kWindow));
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

uint64_t Memory::enter(Cycle cycle) const { return to_switch_.after(cycle + latency_) + kCrossingEdges - 1; }

void Memory::read(uint32_t client, uint64_t address, uint32_t beats, Cycle cycle) {
  clients_[client].bursts.push_back({offset(address), beats, switch_to_memory_.after(enter(cycle))});
}

void Memory::write(uint32_t client, uint64_t address, Cycle cycle) {
  Input& input = inputs_[clients_[client].input];
  // Its first transfer is beat_edges_ ahead of its last where the switch is the slower one.
  input.write_free = std::max(enter(cycle), input.write_free + beat_edges_);
  input.writes.push_back({offset(address), client, switch_to_memory_.after(input.write_free)});
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
}

// When the burst of the client that ends with this beat has left the switch. Beats older than the client's
// window have, long ago.
ddr4::Cycle Memory::left_switch(const Client& client, uint64_t end) {
  if (end > client.arrived) return ddr4::kNever;
  return client.arrived - end >= kWindow ? 0 : client.left_switch[(end - 1) % kWindow];
}

// Takes the next burst, or part of one, of the input's ports in turn. Returns when to try again if none is
// there.
ddr4::Cycle Memory::choose(Input& input, ddr4::Cycle now) {
  ddr4::Cycle next = ddr4::kNever;
  const auto count = static_cast<uint32_t>(input.clients.size());
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t index = input.clients[input.turn];
    if (++input.turn == count) input.turn = 0;
    Client& client = clients_[index];
    if (client.bursts.empty()) continue;
    Burst& burst = client.bursts.front();
    if (burst.arrival > now) {
      next = std::min(next, burst.arrival);
      continue;
    }
    while (!client.ends.empty() && left_switch(client, client.ends.front()) <= now) client.ends.pop_front();
    if (client.ends.empty() || client.ends.back() <= client.taken) {  // it is not begun
      if (client.ends.size() >= board_.axi.outstanding_reads) {
        next = std::min(next, left_switch(client, client.ends.front()));
        continue;
      }
      client.ends.push_back(client.taken + burst.beats);
    }
    const uint32_t beats = std::min(burst.beats, turn_beats_);
    input.client = index;
    input.offset = burst.offset;
    input.beats = beats;
    client.taken += beats;
    burst.offset += uint64_t{beats} * kDdrBurstBytes;
    burst.beats -= beats;
    if (burst.beats == 0) client.bursts.pop_front();
    return now;
  }
  return next;
}

// Gives the controller what has arrived, a beat from each input in turn, while there is room. Returns when to
// try again.
ddr4::Cycle Memory::offer_reads(ddr4::Cycle now) {
  ddr4::Cycle next = ddr4::kNever;
  const auto count = static_cast<uint32_t>(inputs_.size());
  for (uint32_t passed_over = 0; passed_over < count;) {
    Input& input = inputs_[read_turn_];
    const ddr4::Cycle at = input.beats != 0 ? now : choose(input, now);
    if (input.beats == 0) {
      next = std::min(next, at);
      ++passed_over;
    } else {
      const auto slot = static_cast<uint32_t>(input.accepted & (input.reading.size() - 1));
      if (!controller_.accept_read(input.offset, read_turn_ << kInputShift | slot))
        return now + burst_clocks_;
      input.reading[slot] = {input.client, ddr4::kNever};
      ++input.accepted;
      input.offset += kDdrBurstBytes;
      --input.beats;
      passed_over = 0;
    }
    if (++read_turn_ == count) read_turn_ = 0;
  }
  return next;
}

ddr4::Cycle Memory::offer_writes(ddr4::Cycle now) {
  ddr4::Cycle next = ddr4::kNever;
  const auto count = static_cast<uint32_t>(inputs_.size());
  for (uint32_t passed_over = 0; passed_over < count;) {
    std::deque<Write>& writes = inputs_[write_turn_].writes;
    if (writes.empty() || writes.front().arrival > now) {
      if (!writes.empty()) next = std::min(next, writes.front().arrival);
      ++passed_over;
    } else {
      if (!controller_.accept_write(writes.front().offset, writes.front().client)) return now + burst_clocks_;
      writes.pop_front();
      passed_over = 0;
    }
    if (++write_turn_ == count) write_turn_ = 0;
  }
  return next;
}

void Memory::take_completions() {
  for (auto& reads = controller_.reads_done(); !reads.empty(); reads.pop()) {
    const ddr4::Completion& read = reads.front();
    Input& input = inputs_[read.id >> kInputShift];
    const uint32_t slot = read.id & ((1u << kInputShift) - 1);
    input.reading[slot].done = read.at;
    if (slot == (input.given & (input.reading.size() - 1))) give(input);
  }
  for (auto& writes = controller_.writes_done(); !writes.empty(); writes.pop()) {
    Client& client = clients_[writes.front().id];
    const uint64_t edge = memory_to_switch_.after(writes.front().at);
    client.acknowledges[client.written++ % kWrites] =
        from_switch_.after(edge) + kCrossingEdges - 1 + latency_;
  }
}

// An input gives data in the order in which it took the bursts, a transfer per edge. They are on their way to
// the port while the rest of their beat comes.
void Memory::give(Input& input) {
  const uint64_t mask = input.reading.size() - 1;
  while (input.given < input.accepted) {
    const Beat beat = input.reading[input.given & mask];
    if (beat.done == ddr4::kNever) break;
    ++input.given;
    const uint64_t first = std::max(memory_to_switch_.after(beat.done), input.read_free);
    input.read_free = first + beat_edges_;
    const Cycle back = latency_ + kCrossingEdges - 1;
    Client& client = clients_[beat.client];
    client.last_arrival =
        std::max({client.last_arrival + beat_cycles_, from_switch_.after(first + 1) + back + beat_cycles_,
                  from_switch_.after(input.read_free) + back + 1});
    const uint64_t slot = client.arrived++ % kWindow;
    client.arrivals[slot] = client.last_arrival;
    client.left_switch[slot] = switch_to_memory_.after(input.read_free);
  }
}

}  // namespace brim::sim
