// The reads of an instruction (isa/reads.h) as bursts of the AXI ports.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "board/board.h"
#include "isa/reads.h"
#include "sim/options.h"
#include "sim/pass_program.h"

namespace brim::sim {

inline constexpr uint32_t kMaxAxiPorts = 16;

struct PortBurst {
  uint32_t port;
  uint32_t beats;
  uint64_t address;
};

// Up to 128 beats whose bursts are issued one after the other, and then joined by taking a beat from each
// port in turn, ports without beats being passed over.
struct Read {
  std::vector<PortBurst> bursts;
  std::array<uint32_t, kMaxAxiPorts> port_beats{};
  uint32_t beats = 0;
};

// Lists the reads of a pass in order.
class ReadList {
 public:
  // Throws Error for a board with more ports than kMaxAxiPorts.
  ReadList(const Board& board, const PassProgram& program, const Design& design);

  // The step whose reads come next.
  void start(const Step& step);
  // The next read of that instruction; false after the last one. `read` is overwritten.
  bool next(Read& read);

 private:
  void add(Read& read, uint32_t port, uint64_t address, uint32_t beats) const;
  void linear(Read& read, uint64_t address, uint32_t beats) const;
  // `filled`: the beats of each sub-block that are read, from its start on.
  using Filled = std::array<uint32_t, kPorts>;
  void page(Read& read, uint64_t address, const Filled& filled) const;
  void weight_page(Read& read, const ReadRun& run);

  const PassProgram& program_;
  const WeightOrder order_;
  const uint32_t ports_;
  const uint32_t burst_beats_;

  std::vector<uint32_t> token_ids_;
  std::vector<std::pair<uint64_t, uint64_t>> stream_sizes_;  // start, weight pages: of each run of chunks
  WeightStream stream_;

  Instruction instruction_;
  std::vector<ReadRun> runs_;  // of the instruction
  size_t run_ = 0;
  uint64_t done_ = 0;           // of the run: beats, weight pages or KV records
  bool metadata_read_ = false;  // of the chunk that begins with the next weight page
};

}  // namespace brim::sim
