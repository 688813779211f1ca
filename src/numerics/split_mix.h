// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Freestanding.
#pragma once

#include <cstdint>

namespace brim {

// What its counter advances by.
inline constexpr uint64_t kSplitMixStep = 0x9E3779B97F4A7C15;

// Its output function: a bijection that scatters counters.
constexpr uint64_t split_mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace brim
