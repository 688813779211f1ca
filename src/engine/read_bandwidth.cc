#include "engine/read_bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace brim {

namespace {

// The exclusive or of all words; `words` is a multiple of 32. With the widest loads that the processor has.
#if defined(__x86_64__)
[[gnu::target_clones("avx512f", "avx2", "default")]]
#endif
uint64_t
read_all(const uint64_t* from, uint64_t words) {
  constexpr uint64_t kStep = 32;  // four cache lines, four independent chains
  uint64_t lanes[kStep] = {};
  for (uint64_t i = 0; i < words; i += kStep) {
    for (uint64_t j = 0; j < kStep; ++j) lanes[j] ^= from[i + j];
  }
  uint64_t result = 0;
  for (const uint64_t lane : lanes) result ^= lane;
  return result;
}

}  // namespace

ReadBandwidth::ReadBandwidth(uint32_t threads, bool pin, uint64_t bytes) : pool_(threads, pin), memory_(bytes) {
  std::ranges::fill(memory_.bytes(), uint8_t{1});  // untouched, all of it would be the same zero page
}

double ReadBandwidth::measure() {
  const auto* words = reinterpret_cast<const uint64_t*>(memory_.bytes().data());
  constexpr uint64_t kChunkWords = (4 << 20) / sizeof(uint64_t);
  const auto chunks = static_cast<uint32_t>(memory_.bytes().size() / sizeof(uint64_t) / kChunkWords);
  std::atomic<uint64_t> sink = 0;
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  pool_.run(chunks, 1, [&](uint32_t first, uint32_t last, uint32_t) {
    sink ^= read_all(words + first * kChunkWords, (last - first) * kChunkWords);
  });
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return static_cast<double>(uint64_t{chunks} * kChunkWords * sizeof(uint64_t)) / seconds;
}

}  // namespace brim
