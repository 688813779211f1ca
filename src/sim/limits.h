// What can keep a stream from being faster: the ceilings of everything that it passes, and which of them a
// run meets.
#pragma once

#include <string>
#include <vector>

#include "board/board.h"
#include "sim/run.h"

namespace brim::sim {

// Most that one part of a board lets through.
struct Ceiling {
  std::string name;  // a word: dram, inputs, ports, requests, stream, lanes
  std::string meaning;
  double bytes_per_second = 0;
  bool of_all_traffic = false;  // else of what the stream's ports read
};

// The lowest first.
//
//   dram      peak less refresh, and less what bursts in one bank group lose (tCCD_L)
//   inputs    of the DDR controller that the stream's ports lead to
//   ports     of the stream
//   requests  bytes that may be under way / the path's idle latency (Little's law)
//   stream    a beat of 64 bytes per cycle of the accelerator
//   lanes     weights that the VPU multiplies per cycle; metadata takes no lanes
std::vector<Ceiling> ceilings_of(const Board& board);

// How much of a ceiling a run used, at most 1.
double share_of(const Ceiling& ceiling, const Board& board, const RunResult& run);

// What limits a run.
struct Limit {
  std::string name;    // of the ceiling; or, where none is met, "latency" or the stall that takes most
  std::string reason;  // a sentence without its full stop
};
Limit limit_of(const Board& board, const RunResult& run);

}  // namespace brim::sim
