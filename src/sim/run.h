// Simulates a whole run: a prompt in passes of up to T tokens, then one token per pass.
//
// Every token of prompt and output passes through the model once. A pass takes seconds to simulate, so long
// runs are simulated exactly at some positions and interpolated between them; further exact passes show how
// far off that is.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/progress.h"
#include "sim/pass.h"
#include "sim/subject.h"

namespace brim::sim {

struct RunRequest {
  uint32_t prompt_tokens = 1;
  uint32_t generate = 0;         // one pass each
  uint32_t tokens_per_pass = 0;  // of the prompt; 0: as many as the board takes
  uint32_t threads = 0;          // passes simulated at a time; 0: one per CPU
  Routing routing = {};          // of a model with experts
};

// A sum over passes; fractional where interpolated.
struct Totals {
  double passes = 0;
  double tokens = 0;
  double cycles = 0;
  double memory_cycles = 0;  // with a consumer that is always ready
  double card_cycles = 0;    // before passes, waiting for rows of an embedding on the card
  double bytes = 0;          // read and written
  double fifo_full_cycles = 0;
  double memory_idle_cycles = 0;
  std::array<double, kStalls> stalls{};

  Totals& operator+=(const Totals& other);
  double all_cycles() const { return cycles + card_cycles; }
};

// What is summed and interpolated, besides the stalls. A further sum is a member, a row here, and a line in
// totals_of (run.cc).
inline constexpr double Totals::*kTotals[] = {
    &Totals::passes,      &Totals::tokens, &Totals::cycles,           &Totals::memory_cycles,
    &Totals::card_cycles, &Totals::bytes,  &Totals::fifo_full_cycles, &Totals::memory_idle_cycles};

struct Sample {
  PassRequest request;
  PassResult result;
};

struct RunResult {
  Totals prompt;
  Totals decode;
  double error_bound_cycles = 0;  // of the cycles of prompt and decode together, from the extra samples
  std::vector<Sample> samples;    // exact passes, in order of position
  size_t worst = 0;               // sample with the longest bubble
  uint32_t tokens_per_pass = 0;

  Totals all() const {
    Totals sum = prompt;
    return sum += decode;
  }
};

// In which so many rows of an embedding come from the card, one after the other; 0 where it is in memory.
double card_cycles(const Board& board, const LoadedProgram& program, uint32_t rows);

// What simulates a pass: simulate_pass, or something that knows the result already.
using PassSimulator =
    std::function<PassResult(const Board&, const LoadedProgram&, const PassRequest&, const Design&)>;
PassSimulator plain_passes();

// Throws Error if the run does not fit the context, or T the board. `passes` may be called from several
// threads.
RunResult simulate_run(const Board& board, const Subject& subject, const RunRequest& request,
                       const Design& design = {}, const Progress& progress = {},
                       const PassSimulator& passes = plain_passes());

}  // namespace brim::sim
