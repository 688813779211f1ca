// One decode pass in the accelerator's RTL on the board's DDR4 model, whole, next to the CPU executor:
//     rtl_token IMAGE [POSITION ...]        (default: position 0)
// The KV cache below the position holds some finite content, the same for both. Exits with 1 if a logit
// differs.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "board/board.h"
#include "engine/interpreter.h"
#include "image/mapped_image.h"
#include "rtl_target/executor.h"
#include "rtl_target/model.h"
#include "sim/pass.h"
#include "sim/subject.h"

namespace brim {
namespace {

void print_share(const char* name, uint64_t cycles, uint64_t of) {
  std::printf("  %-11s %12llu  %7.3f%%\n", name, static_cast<unsigned long long>(cycles),
              100.0 * static_cast<double>(cycles) / static_cast<double>(of));
}

// Whether both executors give the same logits.
bool measure(const MappedImage& image, const Board& board, rtl_target::RtlExecutor& rtl, Interpreter& cpu,
             uint32_t position) {
  const std::vector<uint32_t> token = {position % rtl.vocabulary()};
  const Pass pass{.tokens = token, .position = position, .first_logits = 0};
  const std::span<const float> got = rtl.run(pass);
  const std::span<const float> expected = cpu.run(pass);
  const bool same = std::memcmp(got.data(), expected.data(), got.size_bytes()) == 0;

  const rtl_target::Counters& counters = rtl.passes().back().counters;
  const sim::Subject subject = sim::subject_of(image, board);
  const auto cycles = static_cast<double>(counters.cycles);
  const double rate = rtl.clock_hz() / cycles;
  const double peak = board.ddr.peak_bytes_per_second();
  const uint64_t bytes = (counters.beats_read + counters.beats_written) * kBeatBytes;
  std::printf("position %u, TOKENS = %u: logits %s the CPU's\n", position, rtl.lanes(),
              same ? "equal" : "DIFFER from");
  std::printf("  %llu cycles at %.0f MHz: %.4f token/s; bandwidth_share %.4f, limit_share %.4f\n",
              static_cast<unsigned long long>(counters.cycles), rtl.clock_hz() / 1e6, rate,
              static_cast<double>(bytes) * rate / peak,
              rate * 0.5 * static_cast<double>(subject.streamed_weights) / peak);
  std::printf("  beats read %llu, written %llu\n", static_cast<unsigned long long>(counters.beats_read),
              static_cast<unsigned long long>(counters.beats_written));
  for (size_t i = 0; i < rtl_target::kStalls.size(); ++i) {
    print_share(rtl_target::kStalls[i].name, counters.stalls[i], counters.cycles);
  }
  print_share("fifo_full", counters.fifo_full, counters.cycles);
  print_share("port_idle", counters.port_idle, counters.cycles);

  Board sized = board;
  sized.accelerator.tokens_per_pass = rtl.lanes();
  const uint64_t simulated =
      sim::simulate_pass(sized, subject.program, {.position = position, .tokens = 1, .logits = true}).cycles;
  std::printf("  timing simulator: %llu cycles, %+.3f%%\n", static_cast<unsigned long long>(simulated),
              100.0 * (static_cast<double>(simulated) / cycles - 1));
  std::fflush(stdout);
  return same;
}

int run(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: rtl_token IMAGE [POSITION ...]\n");
    return 2;
  }
  const MappedImage image(argv[1]);
  const Board board = load_board("kv260");
  rtl_target::RtlExecutor rtl(image, board,
                              {.models = rtl_target::model_folder().parent_path().parent_path() / "rtl"});
  Interpreter cpu(image, make_kernels(available_kernels().front()), {.max_tokens_per_pass = 1});
  rtl.fill_cache();
  cpu.fill_cache();
  bool same = true;
  for (int i = 2; i < argc; ++i) {
    same &= measure(image, board, rtl, cpu, static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)));
  }
  if (argc == 2) same = measure(image, board, rtl, cpu, 0);
  return same ? 0 : 1;
}

}  // namespace
}  // namespace brim

int main(int argc, char** argv) {
  try {
    return brim::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rtl_token: %s\n", error.what());
    return 1;
  }
}
