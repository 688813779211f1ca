// What a better part of a board does to a pass: it makes it faster, or leaves it as it is. Exactly that does
// not hold: commands of the DRAM fall on other clocks, and a refresh or a turn of the bus may meet them less
// well. So docs/simulator.md says by how much a better part may lose.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sim/run.h"
#include "sim/subject.h"
#include "sim/test_models.h"

namespace brim::sim {
namespace {

constexpr double kTolerance = 0.001;  // docs/simulator.md, "How it is checked"

struct Axis {
  const char* key;
  std::vector<std::string> values;  // from the worst to the best
};

void PrintTo(const Axis& axis, std::ostream* out) { *out << axis.key; }

class BoardProperty : public testing::TestWithParam<Axis> {};

double seconds(const Board& board, const RunRequest& request) {
  const Subject subject = subject_of(test_models()[1], board, {.context = 256});
  RunRequest run = request;
  run.threads = 1;
  return simulate_run(board, subject, run).all().cycles / (board.accelerator.clock_mhz * 1e6);
}

TEST_P(BoardProperty, ABetterPartIsNotSlower) {
  const Axis& axis = GetParam();
  // One token behind some others; and a prompt, in passes as wide as the board takes.
  for (const RunRequest& request : {RunRequest{.prompt_tokens = 64, .generate = 1, .tokens_per_pass = 0},
                                    RunRequest{.prompt_tokens = 12}}) {
    double last = HUGE_VAL;
    for (const std::string& value : axis.values) {
      const std::vector<std::string> settings = {std::string(axis.key) + "=" + value};
      const double now = seconds(load_board("kv260", settings), request);
      EXPECT_LE(now, last * (1 + kTolerance))
          << settings[0] << ", " << request.prompt_tokens << " prompt tokens";
      last = now;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Axes, BoardProperty,
    testing::Values(
        Axis{"ddr.clock_mhz", {"400", "533", "800", "933", "1066", "1200", "1600", "2400"}},
        Axis{"accelerator.clock_mhz", {"75", "100", "150", "200", "250", "275", "300", "333", "400"}},
        Axis{"axi.switch.clock_mhz", {"50", "100", "200", "300", "400", "533.333", "600", "800"}},
        Axis{"axi.data_width_bits", {"64", "128", "256", "512"}},
        Axis{"axi.switch.data_width_bits", {"32", "64", "128", "256", "512"}},
        Axis{"accelerator.vpu_lanes", {"16", "32", "64", "128"}},
        Axis{"accelerator.prefetch_fifo_beats", {"128", "256", "512", "1024", "2048", "4096", "8192"}},
        Axis{"accelerator.port_fifo_beats", {"32", "64", "128", "256"}},
        Axis{"accelerator.tokens_per_pass", {"1", "2", "3", "4", "6", "8", "12", "16"}},
        Axis{"axi.max_outstanding_bursts", {"1", "2", "3", "4", "6", "8", "12", "16"}},
        Axis{"axi.outstanding_reads", {"1", "2", "3", "4", "6", "8", "12", "16"}},
        Axis{"axi.fabric_latency_ns",
             {"3000", "1500", "1000", "800", "600", "400", "300", "200", "150", "50", "0"}},
        Axis{"ddr.controller.read_queue", {"1", "2", "4", "8", "16", "24", "32", "48", "64"}},
        Axis{"ddr.timing_nck.trfc", {"840", "420", "312", "192"}},
        Axis{"ddr.timing_nck.trefi", {"4680", "9360", "18720"}},
        Axis{"ddr.timing_nck.tccd_l", {"9", "8", "7", "6", "5", "4"}},
        Axis{"ddr.timing_nck.tccd_s", {"6", "5", "4"}},
        Axis{"ddr.timing_nck.trcd", {"30", "24", "20", "17", "14"}},
        Axis{"ddr.timing_nck.trp", {"17", "14", "11"}}, Axis{"ddr.timing_nck.tfaw", {"64", "48", "36", "28"}},
        Axis{"ddr.timing_nck.trrd_l", {"12", "8", "7"}}),
    [](const auto& axis) {
      std::string name = axis.param.key;
      for (char& c : name) c = c == '.' ? '_' : c;
      return name;
    });

}  // namespace
}  // namespace brim::sim
