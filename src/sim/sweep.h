// The same run on many boards: a grid over values of the board file.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "board/board.h"
#include "sim/run.h"
#include "sim/subject.h"

namespace brim::sim {

// A key of the board file, as --set takes it, or "board" for whole boards by name or file.
struct SweepAxis {
  std::string key;
  std::vector<std::string> values;
};

// "KEY=v1,v2,...". Throws Error.
SweepAxis parse_sweep_axis(const std::string& text);

struct SweepRequest {
  std::vector<SweepAxis> axes;
  std::string board;                  // where no axis names it
  std::vector<std::string> settings;  // of every point, before its own
  RunRequest run;                     // its threads are those of the sweep
};

struct SweepPoint {
  std::vector<std::string> values;  // one per axis
  Board board;
  Subject subject;
  RunResult run;
};

// All points of the grid, the last axis changing first. Points run in parallel; passes that are equal are
// simulated once. `open` makes the model's subject on a board; it is called from one thread. Throws Error as
// load_board and simulate_run do, before anything is simulated where a value cannot be.
std::vector<SweepPoint> simulate_sweep(const SweepRequest& request,
                                       const std::function<Subject(const Board&)>& open,
                                       const Progress& progress = {});

// An HTML page: speed over the first axis, a line for every combination of the others, and the table.
std::string sweep_report(const std::vector<SweepAxis>& axes, const std::vector<SweepPoint>& points,
                         const std::string& command);

}  // namespace brim::sim
