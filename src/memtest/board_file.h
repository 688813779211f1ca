// A board file from what the firmware printed on the board: clocks and ports as it read them, latency as the
// memory tester measured it.
#pragma once

#include <string>
#include <string_view>

#include "board/board.h"

namespace brim::memtest {

// Mean latency of single bursts of 2 KiB on a port of the board, in nanoseconds, as its model has it and as
// the memory tester measures it: from a burst's address to its first transfer.
double idle_latency_ns(const Board& board);

// JSON of a board called `name` that is like `like`, from a console's text (which may hold anything else,
// too). Throws Error naming what is missing from it, or where data came back wrong.
std::string board_file(std::string_view console, const std::string& name, const std::string& like);

}  // namespace brim::memtest
