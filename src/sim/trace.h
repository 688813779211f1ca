// Records what happens in a window of a pass and writes it as a Chrome trace (chrome://tracing, Perfetto):
// a track per unit, AXI port and DRAM bank; further ones where a port's bursts overlap, as viewers take
// slices of one track to be disjoint or nested.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "board/board.h"
#include "sim/clocks.h"
#include "sim/ddr4/command.h"

namespace brim::sim {

class Trace final : public ddr4::CommandObserver {
 public:
  enum class Track : uint8_t { kSequencer, kMcu, kVpu, kStall, kSpu, kAuxWrite, kAuxRead, kPort };

  // Keeps what happens in cycles [first, first + count).
  Trace(const Board& board, Cycle first, Cycle count);

  bool wants(Cycle cycle) const { return cycle >= first_ && cycle < end_; }
  Cycle end() const { return end_; }

  // Something that takes cycles [from, to) on a track; `index` tells ports apart.
  void span(Track track, uint32_t index, std::string name, Cycle from, Cycle to);
  // Beats in the prefetch FIFO from this cycle on.
  void fifo_level(Cycle cycle, uint64_t beats);
  void on_command(const ddr4::Command& command) override;

  // Trace Event Format, complete events ("X") in microseconds. Throws Error if the file cannot be written.
  void write(const std::filesystem::path& path) const;
  std::string json() const;

 private:
  struct Span {
    uint32_t track;
    std::string name;
    uint64_t from;  // nanoseconds
    uint64_t to;
  };
  struct Level {
    uint64_t at;
    uint64_t beats;
  };
  struct OpenRow {
    bool open = false;
    uint32_t row = 0;
    uint64_t since = 0;  // nCK
    uint32_t accesses = 0;
  };

  void close_row(uint32_t bank, uint64_t at);
  std::string track_name(uint32_t track) const;
  uint64_t ns_of_cycle(Cycle cycle) const;
  uint64_t ns_of_nck(uint64_t nck) const;
  bool wants_nck(uint64_t at) const;

  const Clocks clocks_;
  const double cycle_ns_;
  const double nck_ns_;
  const uint32_t refresh_nck_;
  const uint32_t ports_;
  const uint32_t banks_per_group_;
  const Cycle first_;
  const Cycle end_;
  std::vector<OpenRow> rows_;  // of all banks
  std::vector<Span> spans_;
  std::vector<Level> levels_;
};

}  // namespace brim::sim
