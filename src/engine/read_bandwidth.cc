#include "engine/read_bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace brim {

namespace {

// A cache line, which every target's compiler turns into its widest loads.
typedef uint64_t Line __attribute__((vector_size(64)));
constexpr uint64_t kLineWords = sizeof(Line) / sizeof(uint64_t);

// As the kernels prefetch (simd_dot.h): every line, and further ahead the first line of each page of the
// system's.
constexpr uint64_t kPrefetchLines = 8192 / sizeof(Line);
constexpr uint64_t kStartLines = 16384 / sizeof(Line);
constexpr uint64_t kSystemPageLines = 4096 / sizeof(Line);

// The exclusive or of all lines, in four independent chains; `lines` is a multiple of 4.
template <bool prefetch>
[[gnu::always_inline]] inline uint64_t read_lines(const Line* from, uint64_t lines) {
  Line sum[4] = {};
  for (uint64_t i = 0; i < lines; i += 4) {
    if (prefetch && i % kSystemPageLines == 0) __builtin_prefetch(from + i + kStartLines);
    for (uint64_t j = 0; j < 4; ++j) {
      if (prefetch) __builtin_prefetch(from + i + j + kPrefetchLines);
      sum[j] ^= from[i + j];
    }
  }
  sum[0] ^= sum[1] ^ sum[2] ^ sum[3];
  uint64_t result = 0;
  for (uint64_t i = 0; i < kLineWords; ++i) result ^= sum[0][i];
  return result;
}

#if defined(__x86_64__)
#define BRIM_READ_CLONES [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define BRIM_READ_CLONES
#endif
BRIM_READ_CLONES uint64_t read_plain(const void* from, uint64_t lines) {
  return read_lines<false>(static_cast<const Line*>(from), lines);
}
BRIM_READ_CLONES uint64_t read_prefetching(const void* from, uint64_t lines) {
  return read_lines<true>(static_cast<const Line*>(from), lines);
}
#undef BRIM_READ_CLONES

}  // namespace

ReadBandwidth::ReadBandwidth(uint32_t threads, bool pin, uint64_t bytes)
    : pool_(threads, pin), memory_(bytes) {
  std::ranges::fill(memory_.bytes(), uint8_t{1});  // untouched, all of it would be the same zero page
}

double ReadBandwidth::measure() {
  const std::span<const uint8_t> bytes = memory_.bytes();
  constexpr uint64_t kChunk = 4 << 20;
  const auto chunks = static_cast<uint32_t>(bytes.size() / kChunk);
  std::atomic<uint64_t> sink = 0;  // so that nothing is optimised away
  const auto bytes_per_second = [&](uint64_t (*read)(const void*, uint64_t)) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    pool_.run(chunks, 1, [&](uint32_t first, uint32_t last, uint32_t) {
      sink ^= read(bytes.data() + first * kChunk, (last - first) * (kChunk / sizeof(Line)));
    });
    return static_cast<double>(chunks * kChunk) / std::chrono::duration<double>(Clock::now() - start).count();
  };
  const double plain = bytes_per_second(read_plain);
  return std::max(plain, bytes_per_second(read_prefetching));
}

}  // namespace brim
