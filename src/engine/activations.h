// A16 vectors of the tokens of a pass.
#pragma once

#include <cstdint>
#include <vector>

#include "numerics/a16.h"

namespace brim {

// Elements in whole A16 blocks that n elements take.
constexpr uint32_t whole_a16_blocks(uint32_t n) {
  constexpr uint32_t kBlock = kA16Block;
  return (n + kBlock - 1) / kBlock * kBlock;
}

// One A16 block as int8 digits, m = 256 * high + low. Even and odd elements stand apart, as the low and high
// nibbles of packed weights do, so that a dot product takes both without shuffling.
struct alignas(64) A16Digits {
  int8_t high[2][kA16Block / 2];  // [element % 2][element / 2]
  int8_t low[2][kA16Block / 2];
  int32_t exponent = 0;
  int32_t sum = 0;  // of all mantissas: a zero-point z takes z * sum off a dot product

  int32_t mantissa(uint32_t i) const { return 256 * high[i % 2][i / 2] + low[i % 2][i / 2]; }

  void assign(const int16_t* mantissas, int32_t new_exponent) {
    exponent = new_exponent;
    sum = 0;
    for (uint32_t i = 0; i < kA16Block / 2; ++i) {
      for (uint32_t odd = 0; odd < 2; ++odd) {
        const int32_t m = mantissas[2 * i + odd];
        high[odd][i] = static_cast<int8_t>((m + 128) >> 8);
        low[odd][i] = static_cast<int8_t>(m);
        sum += m;
      }
    }
  }
};

// The A16 vectors of consecutive tokens: [tokens][blocks].
struct A16View {
  const A16Digits* digits = nullptr;
  uint32_t blocks = 0;  // per token
  uint32_t tokens = 0;

  const A16Digits* row(uint32_t token) const { return digits + uint64_t{token} * blocks; }
};

// Owns such vectors. Elements past a vector's end are zero.
class Activations {
 public:
  Activations() = default;
  Activations(uint32_t tokens, uint32_t elements)
      : blocks_((elements + kA16Block - 1) / kA16Block), digits_(uint64_t{tokens} * blocks_) {}

  A16Digits* row(uint32_t token) { return &digits_[uint64_t{token} * blocks_]; }
  A16View view(uint32_t first_token, uint32_t tokens) const {
    return {&digits_[uint64_t{first_token} * blocks_], blocks_, tokens};
  }

 private:
  uint32_t blocks_ = 0;
  std::vector<A16Digits> digits_;
};

}  // namespace brim
