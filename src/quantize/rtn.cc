#include "quantize/rtn.h"

#include <algorithm>
#include <cmath>

#include "numerics/fp16.h"

namespace brim {

namespace {

constexpr uint32_t kLanes = 16;
constexpr float kMagic = 0x1.8p23f;  // adding it rounds a small float to the nearest integer

struct Candidate {
  uint16_t scale;
  uint8_t zero;
  float error;
};

// Sums run per lane in a fixed order: the result does not depend on the instruction set of the clone.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MULTIVERSION
#endif

MULTIVERSION void range_of(const float* w, float* low, float* high) {
  float lows[kLanes] = {};
  float highs[kLanes] = {};
  for (uint32_t i = 0; i < kGroup; i += kLanes) {
    for (uint32_t l = 0; l < kLanes; ++l) {
      lows[l] = w[i + l] < lows[l] ? w[i + l] : lows[l];
      highs[l] = w[i + l] > highs[l] ? w[i + l] : highs[l];
    }
  }
  *low = *std::min_element(lows, lows + kLanes);
  *high = *std::max_element(highs, highs + kLanes);
}

MULTIVERSION float squared_error(const float* w, float scale, float inverse, float zero) {
  float sums[kLanes] = {};
  for (uint32_t i = 0; i < kGroup; i += kLanes) {
    for (uint32_t l = 0; l < kLanes; ++l) {
      float level = (w[i + l] * inverse + kMagic) - kMagic;
      level = level < -zero ? -zero : level;
      level = level > 15.0f - zero ? 15.0f - zero : level;
      const float difference = w[i + l] - level * scale;
      sums[l] += difference * difference;
    }
  }
  float total = 0;
  for (float sum : sums) total += sum;
  return total;
}

MULTIVERSION void round_levels(const float* w, float inverse, float zero, uint8_t* q) {
  for (uint32_t i = 0; i < kGroup; ++i) {
    float level = (w[i] * inverse + kMagic) - kMagic + zero;
    level = level < 0.0f ? 0.0f : level;
    level = level > 15.0f ? 15.0f : level;
    q[i] = static_cast<uint8_t>(static_cast<int32_t>(level));
  }
}

// The rounded FP16 scale decides everything else, since it is the one that decoding uses.
uint16_t stored_scale(float scale) { return std::min(float_to_fp16(scale), uint16_t{0x7BFF}); }

void consider(const float* w, float scale, float zero, Candidate* best) {
  const uint16_t bits = stored_scale(scale);
  if (bits == 0) return;
  const float stored = fp16_to_float(bits);
  const float error = squared_error(w, stored, 1.0f / stored, zero);
  if (error < best->error) *best = {bits, static_cast<uint8_t>(zero), error};
}

}  // namespace

GroupParameters quantise_group(std::span<const float, kGroup> w, std::span<uint8_t, kGroup> q) {
  float low = 0;
  float high = 0;
  range_of(w.data(), &low, &high);

  // All weights at q = z is always possible, and exact for a group of zeros.
  Candidate best{0, 8, INFINITY};
  for (const float shrink : {1.0f, 0.92f, 0.84f, 0.76f}) {
    const float scale = (high - low) * shrink / 15.0f;
    if (scale > 0)
      consider(w.data(), scale, std::clamp(std::nearbyint(-low * shrink / scale), 0.0f, 15.0f), &best);
  }
  if (-low >= high) {
    consider(w.data(), -low / 8.0f, 8.0f, &best);
  } else {
    consider(w.data(), high / 8.0f, 7.0f, &best);
  }

  if (best.scale == 0) {
    std::fill(q.begin(), q.end(), best.zero);
  } else {
    round_levels(w.data(), 1.0f / fp16_to_float(best.scale), best.zero, q.data());
  }
  return {best.scale, best.zero};
}

}  // namespace brim
