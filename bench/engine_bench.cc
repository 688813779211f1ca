// Microbenchmarks of the CPU executor: kernels in bytes per second, and what handing work to threads costs.
#include <benchmark/benchmark.h>

#include <random>

#include "engine/flush_to_zero.h"
#include "engine/kernels.h"
#include "engine/read_bandwidth.h"
#include "engine/thread_pool.h"

namespace brim {
namespace {

std::vector<uint8_t> random_bytes(uint64_t count) {
  std::vector<uint8_t> bytes(count);
  std::mt19937 random(1);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
  return bytes;
}

Activations activations(uint32_t tokens, uint32_t groups) {
  Activations x(tokens, groups * kA16Block);
  int16_t mantissas[kA16Block];
  for (int32_t i = 0; i < kA16Block; ++i) mantissas[i] = static_cast<int16_t>(i * 509 - 32000);
  for (uint32_t t = 0; t < tokens; ++t) {
    for (uint32_t g = 0; g < groups; ++g) x.row(t)[g].assign(mantissas, -14);
  }
  return x;
}

// Args: column groups, row blocks, tokens. 4, 2 and 1 columns a page; within the caches, and far beyond them.
void matvec(benchmark::State& state, const std::string& name) {
  const auto kernels = make_kernels(name);
  const auto groups = static_cast<uint32_t>(state.range(0));
  const auto blocks = static_cast<uint32_t>(state.range(1));
  const auto tokens = static_cast<uint32_t>(state.range(2));
  const PageShape shape = page_shape(groups);
  MatrixView matrix{nullptr, 0, shape, blocks * shape.rows, groups / shape.columns};
  const uint64_t pages = uint64_t{blocks} * matrix.pages_per_block;
  const std::vector<uint8_t> stream = random_bytes(stream_bytes(pages));
  matrix.stream = stream.data();
  const Activations x = activations(tokens, groups);
  std::vector<float> out(uint64_t{tokens} * matrix.rows);
  const FlushToZero flush;
  for (auto _ : state) {
    kernels->matvec(matrix, x.view(0, tokens), 0, blocks, out.data(), matrix.rows);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * pages * (kPageBytes + kMetadataRecordBytes)));
  state.counters["MAC/s"] = benchmark::Counter(
      static_cast<double>(pages * kPageBytes * 2 * tokens * state.iterations()), benchmark::Counter::kIsRate);
}

// Args: head size, positions, bits of K and V.
void attention(benchmark::State& state, const std::string& name) {
  const auto kernels = make_kernels(name);
  const KvFormat format =
      kv_format(static_cast<uint32_t>(state.range(0)), static_cast<uint32_t>(state.range(2)));
  const auto positions = static_cast<uint32_t>(state.range(1));
  const std::vector<uint8_t> keys = random_bytes(uint64_t{positions} * format.record_bytes);
  const std::vector<uint8_t> values = random_bytes(uint64_t{positions} * format.record_bytes);
  const std::vector<uint8_t> scales(format.scale_bytes * positions, 0x11);
  const KvView v{values.data(), scales.data(), format};
  int16_t q[kA16Block] = {100, -200, 300};
  std::vector<float> scores(positions);
  std::vector<int16_t> mantissas(positions);
  std::vector<int32_t> exponents(positions / kAttentionBlock);
  float out[kA16Block];
  const FlushToZero flush;
  for (auto _ : state) {
    bool overflow = false;
    kernels->scores({keys.data(), scales.data(), format}, q, -16, 0.1f, 0, positions, scores.data());
    kernels->softmax(scores.data(), positions);
    kernels->attention_weights(scores.data(), v, positions, mantissas.data(), exponents.data(), &overflow);
    kernels->values(v, mantissas.data(), exponents.data(), positions, out);
    benchmark::DoNotOptimize(out);
  }
  state.SetBytesProcessed(
      static_cast<int64_t>(state.iterations() * positions * 2 * (format.record_bytes + format.scale_bytes)));
}

void swiglu(benchmark::State& state, const std::string& name) {
  const auto kernels = make_kernels(name);
  constexpr uint32_t kHidden = 11008;
  const std::vector<float> gate_up(2 * kHidden, 0.3f);
  std::vector<A16Digits> out(kHidden / kA16Block);
  const FlushToZero flush;
  for (auto _ : state) {
    bool overflow = false;
    kernels->swiglu(Gate::kSilu, gate_up.data(), 0.5f, kHidden, out.data(), &overflow);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * gate_up.size() * sizeof(float)));
}

// Arg: threads. An operation of one unit for each of them.
void hand_over(benchmark::State& state) {
  const auto threads = static_cast<uint32_t>(state.range(0));
  ThreadPool pool(threads);
  for (auto _ : state) {
    pool.run(threads, 1, [](uint32_t first, uint32_t, uint32_t) { benchmark::DoNotOptimize(first); });
  }
}

// Arg: threads.
void read_bandwidth(benchmark::State& state) {
  constexpr uint64_t kBytes = uint64_t{1} << 30;
  ReadBandwidth bandwidth(static_cast<uint32_t>(state.range(0)), false, kBytes);
  for (auto _ : state) state.SetIterationTime(static_cast<double>(kBytes) / bandwidth.measure());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kBytes));
}

void register_all() {
  for (const std::string_view kernels : available_kernels()) {
    const std::string name(kernels);
    const auto add = [&](const char* what, void (*run)(benchmark::State&, const std::string&)) {
      return benchmark::RegisterBenchmark((what + ("/" + name)).c_str(), run, name);
    };
    auto* one = add("matvec", matvec)->ArgNames({"groups", "blocks", "tokens"});
    for (const int64_t groups : {32, 86, 43}) one->Args({groups, 2, 1});
    if (name == "reference") continue;
    one->Args({32, 4096, 1});
    for (const int64_t groups : {32, 86, 43}) one->Args({groups, 2, 64});
    auto* heads = add("attention", attention)->ArgNames({"head_size", "positions", "bits"});
    for (const int64_t bits : {8, 4}) heads->Args({64, 1024, bits})->Args({128, 1024, bits});
    add("swiglu", swiglu);
  }
  benchmark::RegisterBenchmark("hand_over", hand_over)->ArgName("threads")->Arg(2)->UseRealTime();
  benchmark::RegisterBenchmark("read_bandwidth", read_bandwidth)
      ->ArgName("threads")
      ->Arg(1)
      ->Arg(2)
      ->UseManualTime();
}

}  // namespace
}  // namespace brim

int main(int argc, char** argv) {
  brim::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
