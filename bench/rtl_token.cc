// A decode pass in the accelerator's RTL on the board's DDR4 model, whole, beside the CPU executor and the
// timing simulator. docs/results.md has what it prints. The KV cache below the position holds some finite
// content, the same for both executors.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

#include "board/board.h"
#include "engine/interpreter.h"
#include "image/mapped_image.h"
#include "rtl_target/model.h"
#include "rtl_target/totals.h"
#include "sim/subject.h"

namespace brim {
namespace {

struct Options {
  std::string image;
  std::vector<uint32_t> positions = {0};
  std::vector<std::string> set;  // changes of the board, "KEY=VALUE"
  double least_rate = 0;         // token/s at the first position
};

void print_share(const char* name, uint64_t cycles, uint64_t of) {
  std::printf("  %-11s %12llu  %7.3f%%\n", name, static_cast<unsigned long long>(cycles),
              100.0 * static_cast<double>(cycles) / static_cast<double>(of));
}

// Whether the logits are the CPU's, the simulator's cycles within 1%, and the rate is at least `least_rate`.
bool measure(const MappedImage& image, const Board& board, rtl_target::RtlExecutor& rtl, Interpreter& cpu,
             uint32_t position, double least_rate) {
  const std::vector<uint32_t> token = {position % rtl.vocabulary()};
  const Pass pass{.tokens = token, .position = position, .first_logits = 0};
  const std::span<const float> got = rtl.run(pass);
  const std::span<const float> expected = cpu.run(pass);
  const bool same = std::memcmp(got.data(), expected.data(), got.size_bytes()) == 0;

  const std::span record(&rtl.passes().back(), 1);
  const accelerator::Counters& counters = record[0].counters;
  const sim::Subject subject = sim::subject_of(image, board);
  const sim::Shares shares = sim::shares_of(board, subject, rtl_target::run_of(record, 0));
  std::printf("position %u, TOKENS = %u: logits %s the CPU's\n", position, rtl.lanes(),
              same ? "equal" : "DIFFER from");
  std::printf("  %llu cycles at %.0f MHz: %.4f token/s; bandwidth_share %.4f, limit_share %.4f\n",
              static_cast<unsigned long long>(counters.cycles), rtl.clock_hz() / 1e6,
              shares.tokens_per_second, shares.bandwidth_share, shares.limit_share);
  std::printf("  beats read %llu, written %llu\n", static_cast<unsigned long long>(counters.beats_read),
              static_cast<unsigned long long>(counters.beats_written));
  for (size_t i = 0; i < registers::kStalls.size(); ++i) {
    print_share(registers::kStalls[i].name.data(), counters.stalls[i], counters.cycles);
  }
  print_share("fifo_full", counters.fifo_full, counters.cycles);
  print_share("port_idle", counters.port_idle, counters.cycles);

  Board sized = board;
  sized.accelerator.tokens_per_pass = rtl.lanes();
  const sim::Cycle simulated =
      sim::simulate_pass(sized, subject.program, {.position = position, .tokens = 1, .logits = true}).cycles;
  const double error = static_cast<double>(simulated) / static_cast<double>(counters.cycles) - 1;
  std::printf("  timing simulator: %llu cycles, %+.3f%%\n", static_cast<unsigned long long>(simulated),
              100 * error);
  std::fflush(stdout);
  return same && std::abs(error) <= 0.01 && shares.tokens_per_second >= least_rate;
}

bool run(const Options& options) {
  const MappedImage image(options.image);
  const Board board = load_board(image.header().board, options.set);
  // This program stands in bench/, beside rtl/.
  const auto models = rtl_target::model_folder().parent_path().parent_path() / "rtl";
  rtl_target::RtlExecutor rtl(image, board, {.models = models});
  Interpreter cpu(image, make_kernels(available_kernels().front()), {.max_tokens_per_pass = 1});
  rtl.fill_cache();
  cpu.fill_cache();
  bool good = true;
  for (size_t i = 0; i < options.positions.size(); ++i) {
    good &= measure(image, board, rtl, cpu, options.positions[i], i == 0 ? options.least_rate : 0);
  }
  return good;
}

}  // namespace
}  // namespace brim

int main(int argc, char** argv) {
  brim::Options options;
  CLI::App app(
      "A decode pass in RTL. Exits with 1 if its logits are not the CPU's, the timing simulator is off by "
      "more "
      "than 1%, or it is slower than --least-rate");
  app.add_option("IMAGE", options.image, "Image file")->required();
  app.add_option("--positions", options.positions, "Positions to decode at, as 0,1023")->delimiter(',');
  app.add_option("--set", options.set, "Change a value of the board file, as axi.fabric_latency_ns=400")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--least-rate", options.least_rate, "Token/s that the first position must reach");
  CLI11_PARSE(app, argc, argv);
  try {
    return brim::run(options) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rtl_token: %s\n", error.what());
    return 1;
  }
}
