// Where the stream waits for the compute side: one layer of a published model's shape on the Verilated RTL,
// with a stream that always has the next beat. For every pass it prints the cycles by cause and the longest
// pauses.
//
//   rtl_bubbles [SHAPE [LANES [TOKENS [POSITION...]]]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "Vsim_compute1.h"
#include "Vsim_compute4.h"
#include "Vsim_compute8.h"
#include "base/error.h"
#include "compute_bench.h"
#include "isa/disassemble.h"
#include "model/synthetic.h"
#include "tests/support/small_models.h"

namespace brim::rtl {
namespace {

constexpr uint32_t kContext = 1088;
constexpr size_t kLongest = 3;

// One layer and next to no logits: what is asked is what a layer costs.
ModelDescription layer_of(const std::string& name) {
  ModelDescription model = open_synthetic(name)->description();
  model.layers = 1;
  model.vocabulary = 128;
  return model;
}

struct Pause {
  uint64_t cycles = 0;
  std::string at;  // instructions of VPU and SPU when it ended
};

template <typename Compute>
void measure(const MappedImage& image, uint32_t tokens, uint32_t position) {
  ComputeBench<Compute> bench(image, 1);
  uint64_t beats = 0, run = 0;
  uint64_t activation = 0, result = 0, softmax = 0, scores = 0;
  std::vector<Pause> pauses;
  bench.every_cycle = [&](const Compute& c, bool taken) {
    activation += c.stall_activation_o;
    result += c.stall_result_o;
    softmax += c.stall_softmax_o;
    scores += c.stall_scores_o;
    if (!taken) {
      ++run;
      return;
    }
    if (run > 0 && beats > 0) {
      pauses.push_back(
          {run, disassemble(bench.vpu_instruction()) + " / " + disassemble(bench.spu_instruction())});
    }
    run = 0;
    ++beats;
  };
  const std::vector<uint32_t> ids(tokens, 1);
  const uint64_t before = bench.cycles();
  if (!bench.run(ids, position, tokens - 1, 100'000'000)) throw Error("rtl_bubbles: the pass does not end");
  const uint64_t cycles = bench.cycles() - before;
  uint64_t waited = 0;
  for (const Pause& pause : pauses) waited += pause.cycles;
  std::printf(
      "T=%u position=%u: %llu cycles, %llu beats, %llu pauses of %llu cycles in sum (%.2f%%), %llu at the "
      "end\n",
      tokens, position, static_cast<unsigned long long>(cycles), static_cast<unsigned long long>(beats),
      static_cast<unsigned long long>(pauses.size()), static_cast<unsigned long long>(waited),
      100.0 * static_cast<double>(waited) / static_cast<double>(beats), static_cast<unsigned long long>(run));
  std::printf("  stalls: activation %llu, result %llu, softmax %llu, scores %llu\n",
              static_cast<unsigned long long>(activation), static_cast<unsigned long long>(result),
              static_cast<unsigned long long>(softmax), static_cast<unsigned long long>(scores));
  const size_t shown = std::min(kLongest, pauses.size());
  std::partial_sort(pauses.begin(), pauses.begin() + static_cast<std::ptrdiff_t>(shown), pauses.end(),
                    [](const Pause& a, const Pause& b) { return a.cycles > b.cycles; });
  for (size_t i = 0; i < shown; ++i) {
    std::printf("  %6llu cycles at %s\n", static_cast<unsigned long long>(pauses[i].cycles),
                pauses[i].at.c_str());
  }
  std::fflush(stdout);
}

int run(std::span<char* const> arguments) {
  const auto argument = [&](size_t i, const char* otherwise) {
    return std::string(arguments.size() > i ? arguments[i] : otherwise);
  };
  const std::string shape = argument(1, "llama2-7b");
  const std::string lanes = argument(2, "1");
  const auto tokens = static_cast<uint32_t>(std::stoul(argument(3, lanes.c_str())));
  std::vector<uint32_t> positions;
  for (size_t i = 4; i < arguments.size(); ++i)
    positions.push_back(static_cast<uint32_t>(std::stoul(arguments[i])));
  if (positions.empty()) positions = {0, 1, 63, 500, 1023};

  const test::PackedModel file(*make_synthetic(layer_of(shape), kSyntheticSeed), EmbeddingFormat::kQ8,
                               kContext);
  std::printf("%s, one layer, %s lanes\n", shape.c_str(), lanes.c_str());
  for (const uint32_t position : positions) {
    if (lanes == "1")
      measure<Vsim_compute1>(file.image(), tokens, position);
    else if (lanes == "4")
      measure<Vsim_compute4>(file.image(), tokens, position);
    else if (lanes == "8")
      measure<Vsim_compute8>(file.image(), tokens, position);
    else
      throw Error("rtl_bubbles: " + lanes + " lanes are not built; use 1, 4 or 8");
  }
  return 0;
}

}  // namespace
}  // namespace brim::rtl

int main(int argc, char** argv) {
  try {
    return brim::rtl::run(std::span(argv, static_cast<size_t>(argc)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
