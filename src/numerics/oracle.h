// What the tests of this folder measure with: distances in ulp, checksums of results, and the processor's
// own flush-to-zero mode. Not part of the library.
#pragma once

#include <cmath>
#include <cstdint>

#include "numerics/fp32.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace brim {

// |y - exact| in units of the last place of the binade that holds `exact` (normal, not 0).
inline double ulps_from(float y, double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);  // |exact| in [2^(exponent - 1), 2^exponent)
  return std::abs(static_cast<double>(y) - exact) * std::ldexp(1.0, 24 - exponent);
}

// FNV-1a over 32-bit words: hash = (hash xor bits) * 0x100000001B3, from 0xCBF29CE484222325. A
// checksum that another implementation can compare its results with (docs/numerics.md lists them).
struct ResultHash {
  uint64_t value = 0xCBF29CE484222325u;
  void add(float x) { value = (value ^ float_bits(x)) * 0x100000001B3u; }
};

#if defined(__SSE2__)
// Sets FTZ and DAZ, as the x86 executors do, and restores the mode at the end of the scope.
class FlushToZeroScope {
 public:
  FlushToZeroScope() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushToZeroScope() { _mm_setcsr(saved_); }
  FlushToZeroScope(const FlushToZeroScope&) = delete;
  FlushToZeroScope& operator=(const FlushToZeroScope&) = delete;

 private:
  uint32_t saved_;
};

// Of f over floats of both signs. Not inlined, so that the processor computes it in the mode of the moment.
template <typename Function>
[[gnu::noinline]] uint64_t hash_of_results(const Function& f) {
  ResultHash hash;
  for (uint32_t bits = 0; bits <= float_bits(kInfinity); bits += 4093) {
    const float x = flush(float_from_bits(bits));
    hash.add(f(x));
    hash.add(f(negate(x)));
  }
  return hash.value;
}

template <typename Function>
bool gives_the_same_with_flush_to_zero(const Function& f) {
  const uint64_t expected = hash_of_results(f);
  const FlushToZeroScope scope;
  return hash_of_results(f) == expected;
}
#endif

}  // namespace brim
