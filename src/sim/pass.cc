#include "sim/pass.h"

#include <algorithm>
#include <array>

#include "base/concat.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "isa/check.h"
#include "isa/disassemble.h"
#include "isa/pass_limits.h"
#include "sim/latencies.h"
#include "sim/mcu.h"
#include "sim/memory.h"
#include "sim/sequencer.h"
#include "sim/spu.h"
#include "sim/write_buffer.h"

namespace brim::sim {
namespace {

constexpr uint32_t kReadyConsumerFifo = 4096;

uint32_t fifo_beats(const Board& board, const Design& design) {
  return design.ready_consumer ? std::max(kReadyConsumerFifo, board.accelerator.prefetch_fifo_beats)
                               : board.accelerator.prefetch_fifo_beats;
}

PassProgram prepared(const LoadedProgram& loaded, const PassRequest& request) {
  PassProgram program = prepare(loaded.program, request);
  program.rows_in_slots = loaded.card_row_bytes != 0;
  return program;
}

class Accelerator {
 public:
  Accelerator(const Board& board, const LoadedProgram& loaded, const PassRequest& request,
              const Design& design, Trace* trace)
      : program_(prepared(loaded, request)),
        clocks_(board),
        memory_(board, trace),
        fifo_(fifo_beats(board, design)),
        writes_(design, memory_, trace),
        mcu_(board, program_, design, dispatch_, memory_, fifo_, trace),
        vpu_(board, program_, design, dispatch_, fifo_, buffers_, trace),
        spu_(program_, design, board.accelerator.tokens_per_pass, dispatch_, buffers_, writes_, trace),
        sequencer_(program_, loaded.address, {mcu_.started(), vpu_.started(), spu_.started()}, buffers_,
                   memory_, dispatch_, trace),
        units_{Unit(sequencer_.fetch()), Unit(sequencer_.run()), Unit(mcu_.generate()),
               Unit(mcu_.join()),        Unit(vpu_.run()),       Unit(spu_.run())},
        write_port_(writes_.run()) {
    buffers_.generations.resize(program_.generations);
  }

  PassResult run() {
    // What a unit does in a cycle reaches the memory a fabric latency later, and is itself at least as late
    // after the memory's doings. So the memory may work that long at a time without hearing from the units.
    const Cycle step = 2 * memory_.latency();
    Cycle cycle = step;
    advance_units();
    for (bool flushed = false; !write_port_.done(); cycle += step) {
      const uint64_t moved = memory_.counters().reads + memory_.counters().writes;
      memory_.advance(cycle);
      result_.moved.add(cycle, memory_.counters().reads + memory_.counters().writes - moved);
      const bool progress = advance_units();
      check_progress(progress);
      if (!flushed && done()) {
        idle_ = std::max(vpu_.end(), spu_.end());
        writes_.flush(idle_);
        flushed = true;
      }
    }
    return finish();
  }

 private:
  bool advance_units() {
    bool any = false;
    for (bool progress = true; progress; any |= progress) {
      progress = false;
      for (Unit& unit : units_) progress |= unit.advance();
      progress |= write_port_.advance();
    }
    return any;
  }

  bool done() const { return std::ranges::all_of(units_, &Unit::done); }

  // A program whose steps wait for one another in a circle would never end.
  void check_progress(bool progress) {
    constexpr uint32_t kPatience = 100000;
    const uint64_t moved = memory_.counters().reads + memory_.counters().writes;
    quiet_ = progress || moved != last_moved_ ? 0 : quiet_ + 1;
    last_moved_ = moved;
    if (quiet_ > kPatience && !done()) {
      throw Error(
          concat("the program does not end on this accelerator: stuck after ", fifo_.popped(), " beats"));
    }
  }

  PassResult finish() {
    result_.cycles = std::max(idle_ + kIdleToEnd, writes_.last_response() + kResponseToEnd);
    result_.stream_beats = mcu_.beats();
    result_.program_beats = sequencer_.beats();
    result_.write_beats = writes_.beats();
    result_.stalls = vpu_.stalls();
    result_.stalls[static_cast<uint32_t>(Stall::kPass)] += result_.cycles - vpu_.last_beat_end();
    result_.taken_cycles = vpu_.taken_cycles();
    result_.worst_bubble = vpu_.worst_bubble();
    result_.worst_bubble_step = disassemble(program_.steps[vpu_.worst_bubble().step].instruction);
    result_.fifo_peak_beats = fifo_.peak();
    result_.fifo_full_cycles = mcu_.blocked_cycles();
    result_.memory_idle_cycles = clocks_.cycle(memory_.idle_nck());
    result_.spu_busy_cycles = spu_.busy_cycles();
    return std::move(result_);
  }

  const PassProgram program_;
  const Clocks clocks_;
  Memory memory_;
  PrefetchFifo fifo_;
  VectorBuffers buffers_;
  Dispatch dispatch_;
  WriteBuffer writes_;
  Mcu mcu_;
  Vpu vpu_;
  Spu spu_;
  Sequencer sequencer_;
  std::array<Unit, 6> units_;
  Unit write_port_;
  Cycle idle_ = 0;  // all other units are done
  PassResult result_;
  uint32_t quiet_ = 0;
  uint64_t last_moved_ = 0;
};

void check_fits(const Board& board, const ProgramHeader& header, const PassRequest& request) {
  const uint32_t largest = max_tokens_per_pass(board, header);
  if (request.tokens > largest) {
    throw Error(concat("a pass of ", request.tokens, " tokens does not fit board ", board.name,
                       ", which takes ", largest, " of this model; use --tokens-per-pass ", largest));
  }
}

}  // namespace

void Histogram::add(Cycle cycle, uint64_t moved) {
  while (cycle / cycles_per_bin >= kMaxBins) {
    for (size_t i = 0; i < beats.size(); i += 2) {
      beats[i / 2] = beats[i] + (i + 1 < beats.size() ? beats[i + 1] : 0);
    }
    beats.resize((beats.size() + 1) / 2);
    cycles_per_bin *= 2;
  }
  const size_t bin = cycle / cycles_per_bin;
  if (beats.size() <= bin) beats.resize(bin + 1);
  beats[bin] += static_cast<uint32_t>(moved);
}

uint32_t max_tokens_per_pass(const Board& board, const ProgramHeader& header) {
  require_taken("program", header, board);
  const uint32_t tokens = most_tokens_of_pass(header, limits_of(board));
  if (tokens == 0) throw Error("program header: impossible sizes; pack the model again");
  return tokens;
}

PassResult simulate_pass(const Board& board, const LoadedProgram& program, const PassRequest& request,
                         const Design& design, Trace* trace) {
  check_program(program.name, program.program);
  check_fits(board, program.program.header, request);
  return Accelerator(board, program, request, design, trace).run();
}

}  // namespace brim::sim
