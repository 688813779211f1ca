// Simulates one pass: the accelerator's units on the memory of a board.
#pragma once

#include <cstdint>
#include <vector>

#include "board/board.h"
#include "isa/program.h"
#include "sim/options.h"
#include "sim/stream.h"
#include "sim/trace.h"
#include "sim/vpu.h"

namespace brim::sim {

// Beats that the memory moved, over equal intervals of a pass.
struct Histogram {
  Cycle cycles_per_bin = 1024;
  std::vector<uint32_t> beats;

  static constexpr size_t kMaxBins = 1024;
  // Adds beats moved just before `cycle`; neighbouring bins are merged when there are too many.
  void add(Cycle cycle, uint64_t moved);
};

struct PassResult {
  Cycle cycles = 0;            // from start to interrupt
  uint64_t stream_beats = 0;   // read through the stream's ports
  uint64_t program_beats = 0;  // read to fetch the program
  uint64_t write_beats = 0;
  StallCycles stalls{};  // cycles = beats taken from the FIFO (taken_cycles) + sum of these
  Cycle taken_cycles = 0;
  Bubble worst_bubble;
  std::string worst_bubble_step;    // disassembled
  uint64_t fifo_peak_beats = 0;     // most that the prefetch FIFO held
  Cycle fifo_full_cycles = 0;       // a beat was joined and waited for room in the prefetch FIFO
  uint64_t memory_idle_cycles = 0;  // the controller had no request
  Cycle spu_busy_cycles = 0;
  Histogram moved;

  uint64_t beats() const { return stream_beats + program_beats + write_beats; }
};

// A program and where it stands.
struct LoadedProgram {
  Program program;
  uint64_t address = 0;            // of its header
  std::string name = "the model";  // what messages call it
  uint32_t card_row_bytes = 0;     // of an embedding that is on the card; 0: it is in memory
};

// Throws Error if the pass does not fit the board's buffers or the program's context, or the program is not
// sound.
PassResult simulate_pass(const Board& board, const LoadedProgram& program, const PassRequest& request,
                         const Design& design = {}, Trace* trace = nullptr);

// The largest T for which the scores of a pass fit into the board's score buffer, at most its
// tokens_per_pass. Throws Error if not even one token fits.
uint32_t max_tokens_per_pass(const Board& board, const ProgramHeader& program);

}  // namespace brim::sim
