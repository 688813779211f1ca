// A16 vectors of the tokens of a pass.
#pragma once

#include <cstdint>
#include <vector>

#include "numerics/a16.h"

namespace brim {

// [tokens][blocks] blocks of 128 mantissas and one exponent. Elements past a vector's end are zero.
class Activations {
 public:
  Activations() = default;
  Activations(uint32_t tokens, uint32_t elements)
      : blocks_((elements + kA16Block - 1) / kA16Block),
        mantissas_(uint64_t{tokens} * blocks_ * kA16Block),
        exponents_(uint64_t{tokens} * blocks_) {}

  uint32_t blocks() const { return blocks_; }
  int16_t* mantissas(uint32_t token, uint32_t block = 0) {
    return &mantissas_[(uint64_t{token} * blocks_ + block) * kA16Block];
  }
  const int16_t* mantissas(uint32_t token, uint32_t block = 0) const {
    return &mantissas_[(uint64_t{token} * blocks_ + block) * kA16Block];
  }
  int32_t& exponent(uint32_t token, uint32_t block) { return exponents_[uint64_t{token} * blocks_ + block]; }
  int32_t exponent(uint32_t token, uint32_t block) const { return exponents_[uint64_t{token} * blocks_ + block]; }

 private:
  uint32_t blocks_ = 0;
  std::vector<int16_t> mantissas_;
  std::vector<int32_t> exponents_;
};

}  // namespace brim
