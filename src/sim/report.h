// A run as a self-contained HTML page with drawn charts.
#pragma once

#include <string>
#include <vector>

#include "board/board.h"
#include "sim/run.h"
#include "sim/shares.h"
#include "sim/subject.h"

namespace brim::sim {

struct ReportInput {
  const Board& board;
  const Subject& subject;
  const RunResult& run;
  std::string command;  // that made the report
  std::vector<Sample>
      further_decode;  // decode passes at positions beyond the run, for the curve over context
};

std::string html_report(const ReportInput& input);

// Its first chart, the bandwidth over a pass, as an SVG file that says what it shows.
std::string bandwidth_picture(const ReportInput& input);

}  // namespace brim::sim
