#include "sim/limits.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "base/concat.h"
#include "isa/layout.h"
#include "isa/registers.h"
#include "sim/vpu.h"

namespace brim::sim {
namespace {

// A ceiling counts as met from here on: the rest is the start and end of passes.
constexpr double kMet = 0.9;

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * share);
  return text;
}

double dram(const DdrDescription& ddr) {
  const DdrTiming& t = ddr.timing;
  const auto& group_bits = ddr.address_map.bank_group;
  const bool alternates = std::ranges::find(group_bits, 6) != group_bits.end();  // burst after burst
  const double burst = alternates ? std::max<double>(t.tccd_s, t.tccd_l / 2.0) : std::max(t.tccd_s, t.tccd_l);
  // Around a refresh a stream of reads waits for PRE, REF and ACT (docs/simulator.md).
  const double lost = t.trtp + t.trp + t.trfc + t.trcd - burst;
  return ddr.peak_bytes_per_second() * (ddr.burst_clocks() / burst) * (1 - lost / t.trefi);
}

}  // namespace

std::vector<Ceiling> ceilings_of(const Board& board) {
  const AxiDescription& axi = board.axi;
  const double cycle = 1 / (board.accelerator.clock_mhz * 1e6);
  const double ports = axi.port_count();
  std::set<uint32_t> inputs;
  for (const AxiPort& port : axi.ports) inputs.insert(port.xpi);
  const double input_bytes = axi.interconnect.clock_mhz * 1e6 * axi.interconnect.data_width_bits / 8;
  const double port_bytes = std::min<double>(axi.data_width_bits / 8.0, kBeatBytes) / cycle;
  const double under_way = std::min<double>(
      static_cast<double>(std::min(axi.max_outstanding_bursts, axi.outstanding_reads)) * axi.burst_bytes,
      static_cast<double>(board.accelerator.port_fifo_beats) * kBeatBytes);
  const double round_trip = axi.fabric_latency_ns * 1e-9 +
                            (board.ddr.timing.cl + board.ddr.burst_clocks()) / (board.ddr.clock_mhz * 1e6);
  std::vector<Ceiling> ceilings = {
      {"dram", "the DRAM, less refresh", dram(board.ddr), true},
      {"inputs",
       concat(inputs.size(), inputs.size() == 1 ? " input" : " inputs", " of the DDR controller, ",
              axi.interconnect.data_width_bits, " bit at ", axi.interconnect.clock_mhz, " MHz"),
       static_cast<double>(inputs.size()) * input_bytes},
      {"ports",
       concat(ports, ports == 1 ? " port, " : " ports, ", axi.data_width_bits, " bit at ",
              board.accelerator.clock_mhz, " MHz"),
       ports * port_bytes},
      {"requests", concat("at most ", under_way, " bytes of a port under way"),
       ports * under_way / round_trip},
      {"stream",
       concat("a beat of ", kBeatBytes, " bytes per cycle at ", board.accelerator.clock_mhz, " MHz"),
       kBeatBytes / cycle}};
  const Cycle cycles_per_beat = weight_beat_cycles(board.accelerator);
  if (cycles_per_beat > 1) {
    const double pages = kPagesPerChunk;  // and one of metadata
    ceilings.push_back(
        {"lanes", concat(board.accelerator.vpu_lanes, " lanes of the VPU"),
         kBeatBytes / cycle * (pages + 1) / (pages * static_cast<double>(cycles_per_beat) + 1)});
  }
  std::ranges::stable_sort(ceilings, {}, &Ceiling::bytes_per_second);
  return ceilings;
}

double share_of(const Ceiling& ceiling, const Board& board, const RunResult& run) {
  const Totals all = run.all();
  const double seconds = all.cycles / (board.accelerator.clock_mhz * 1e6);
  const double bytes = ceiling.of_all_traffic ? all.bytes : all.stream_bytes;
  return std::min(1.0, bytes / seconds / ceiling.bytes_per_second);
}

Limit limit_of(const Board& board, const RunResult& run) {
  const Ceiling lowest = ceilings_of(board).front();
  const double share = share_of(lowest, board, run);
  if (share >= kMet) return {lowest.name, concat(lowest.meaning, ", used to ", percent(share))};
  const Totals all = run.all();
  const auto most = std::ranges::max_element(all.stalls) - all.stalls.begin();
  const bool empty = static_cast<Stall>(most) == Stall::kEmpty;
  const std::string name(empty ? "latency" : registers::kStalls[static_cast<size_t>(most)].name);
  const double of_time = all.stalls[static_cast<size_t>(most)] / all.cycles;
  return {name, concat(empty ? "the stream waits for what it has asked for in " : "",
                       empty ? "" : concat(registers::kStalls[static_cast<size_t>(most)].meaning, " in "),
                       percent(of_time), " of the time; the lowest ceiling, ", lowest.meaning,
                       ", is used to ", percent(share))};
}

}  // namespace brim::sim
