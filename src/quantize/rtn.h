// Groups of 128 weights by rounding to nearest: w ~ (q - z) * s, four bits unless said otherwise.
#pragma once

#include <cstdint>
#include <span>

#include "model/tensor_source.h"

namespace brim {

// Scale (FP16 bits) and zero-point of one group; its q stand elsewhere.
struct GroupParameters {
  uint16_t scale;
  uint8_t zero;
};

// Quantises w[0..kGroup) to q[0..kGroup), each 0..15. Tries the range [min, max] (zero included) and shrunken
// versions of it, and the symmetric range that puts the largest magnitude at q = 0 or 15; keeps the one with
// the least squared error, as computed with the FP16 scale that is stored. Weights are finite.
GroupParameters quantise_group(std::span<const float, kGroup> w, std::span<uint8_t, kGroup> q);

// The same with squared errors weighted by importance[i] >= 0 (the mean square of the input that w[i] is
// multiplied with, so that the error is that of the product) and a finer choice of ranges.
GroupParameters quantise_group(std::span<const float, kGroup> w, std::span<const float, kGroup> importance,
                               std::span<uint8_t, kGroup> q);

// Eight bits: q and zero 0..255. The range is [min, max], zero included; the scale is at most kMaxPlaneScale,
// so that 16 times it is an FP16 number, too.
inline constexpr float kMaxPlaneScale = 4094.0f;
GroupParameters quantise_group_to_eight_bits(std::span<const float, kGroup> w, std::span<uint8_t, kGroup> q);

// Only the range, from the finest choice: also moved by a step to either side.
GroupParameters group_range(std::span<const float, kGroup> w, std::span<const float, kGroup> importance);

// Least sum of importance[i] * (w[i] - (q[i] - z) * s)^2 that quantise_group finds.
float group_error(std::span<const float, kGroup> w, std::span<const float, kGroup> importance);

}  // namespace brim
