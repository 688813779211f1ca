// What each idea of the accelerator is worth: decoding and prompt speed with one of them turned off at a
// time.
//   ablation [MODEL [BOARD [KEY=VALUE...]]]
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "model/tensor_source.h"
#include "sim/subject.h"

namespace brim::sim {
namespace {

constexpr uint32_t kPosition = 352;

struct Variant {
  const char* name;
  Design design;
  uint32_t fifo_beats;
};

void print_decoding(const Board& board, const Subject& subject) {
  const Variant variants[] = {
      {"as designed", {}, 4096},
      {"weights row after row, pages gathered from 32 rows", {.weight_order = WeightOrder::kRowMajor}, 4096},
      {"a region of its own for each port", {.weight_order = WeightOrder::kPortRegions}, 4096},
      {"prefetch FIFO of 512 beats", {}, 512},
      {"prefetch FIFO of 64 beats", {}, 64},
      {"matrices wait for the norm", {.deferred_norm = false}, 4096},
      {"matrices wait for the norm, FIFO of 512 beats", {.deferred_norm = false}, 512},
      {"KV records written at once", {.drain_beats = 1}, 4096},
  };
  std::printf("A token at position %u\n%-52s %9s %8s %12s %12s\n", kPosition, "", "token/s", "change",
              "FIFO full", "memory idle");
  double designed = 0;
  for (const Variant& variant : variants) {
    Board changed = board;
    changed.accelerator.prefetch_fifo_beats = variant.fifo_beats;
    const PassResult pass = simulate_pass(changed, subject.program, {kPosition, 1, true}, variant.design);
    const double rate = board.accelerator.clock_mhz * 1e6 / static_cast<double>(pass.cycles);
    if (designed == 0) designed = rate;
    std::printf("%-52s %9.3f %7.2f%% %12llu %12llu\n", variant.name, rate, 100 * (rate / designed - 1),
                static_cast<unsigned long long>(pass.fifo_full_cycles),
                static_cast<unsigned long long>(pass.memory_idle_cycles));
    std::fflush(stdout);
  }
}

void print_prompts(const Board& board, const Subject& subject) {
  std::printf("\nPrompt passes at position %u\n%-52s %9s %8s\n", kPosition, "", "token/s", "change");
  double one = 0;
  const uint32_t largest = max_tokens_per_pass(board, subject.program.program.header);
  for (uint32_t tokens = 1; tokens <= largest; tokens *= 2) {
    const PassResult pass = simulate_pass(board, subject.program, {kPosition, tokens, false});
    const double rate = tokens * board.accelerator.clock_mhz * 1e6 / static_cast<double>(pass.cycles);
    if (one == 0) one = rate;
    std::printf("T = %-48u %9.3f %7.0f%%\n", tokens, rate, 100 * (rate / one - 1));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace brim::sim

int main(int argc, char** argv) {
  try {
    const std::string model = argc > 1 ? argv[1] : "synthetic:llama2-7b";
    const std::vector<std::string> settings(argv + std::min(argc, 3), argv + argc);
    const brim::Board board = brim::load_board(argc > 2 ? argv[2] : "kv260", settings);
    const brim::sim::Subject subject =
        brim::sim::subject_of(brim::open_model(model)->description(), board, {});
    std::printf("%s on %s, simulated\n\n", subject.name.c_str(), board.name.c_str());
    brim::sim::print_decoding(board, subject);
    brim::sim::print_prompts(board, subject);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ablation: %s\n", error.what());
    return 1;
  }
}
