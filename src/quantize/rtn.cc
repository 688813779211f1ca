#include "quantize/rtn.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "numerics/fp16.h"
#include "quantize/multiversion.h"

namespace brim {

namespace {

constexpr uint32_t kLanes = 16;
constexpr float kMagic = 0x1.8p23f;  // adding it rounds a small float to the nearest integer

struct Candidate {
  uint16_t scale;
  uint8_t zero;
  float error;
};

// Sums run per lane in a fixed order.
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

MULTIVERSION float squared_error(const float* w, const float* importance, float scale, float inverse,
                                 float zero) {
  float sums[kLanes] = {};
  for (uint32_t i = 0; i < kGroup; i += kLanes) {
    for (uint32_t l = 0; l < kLanes; ++l) {
      float level = (w[i + l] * inverse + kMagic) - kMagic;
      level = level < -zero ? -zero : level;
      level = level > 15.0f - zero ? 15.0f - zero : level;
      const float difference = w[i + l] - level * scale;
      sums[l] += difference * difference * importance[i + l];
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

// The best of the ranges tried so far for one group.
class Search {
 public:
  Search(const float* w, const float* importance) : w_(w), importance_(importance) {
    range_of(w, &low_, &high_);
  }

  // [min, max] with zero included, shrunk; also moved by up to `moves` steps either way.
  void try_range(float shrink, int32_t moves = 0) {
    const float scale = (high_ - low_) * shrink / 15.0f;
    if (scale == 0) return;
    const float zero = std::nearbyint(-low_ * shrink / scale);
    for (int32_t move = -moves; move <= moves; ++move) {
      consider(scale, std::clamp(zero + static_cast<float>(move), 0.0f, 15.0f));
    }
  }

  // The largest magnitude at q = 0 or q = 15 of a range that is symmetric about q = 8 or 7.
  void try_symmetric() {
    const bool negative = -low_ >= high_;
    consider((negative ? -low_ : high_) / 8.0f, negative ? 8.0f : 7.0f);
  }

  const Candidate& best() const { return best_; }

 private:
  void consider(float scale, float zero) {
    const uint16_t bits = stored_scale(scale);
    if (bits == 0) return;
    const float stored = fp16_to_float(bits);
    const float error = squared_error(w_, importance_, stored, 1.0f / stored, zero);
    if (error < best_.error) best_ = {bits, static_cast<uint8_t>(zero), error};
  }

  const float* w_;
  const float* importance_;
  float low_ = 0;
  float high_ = 0;
  // All weights at q = z is always possible, and exact for a group of zeros.
  Candidate best_{0, 8, INFINITY};
};

Candidate search(const float* w, const float* importance, float smallest_shrink, float step) {
  Search search(w, importance);
  for (float shrink = 1.0f; shrink >= smallest_shrink; shrink -= step) search.try_range(shrink);
  search.try_symmetric();
  return search.best();
}

GroupParameters apply(const Candidate& best, const float* w, std::span<uint8_t, kGroup> q) {
  if (best.scale == 0) {
    std::fill(q.begin(), q.end(), best.zero);
  } else {
    round_levels(w, 1.0f / fp16_to_float(best.scale), best.zero, q.data());
  }
  return {best.scale, best.zero};
}

constexpr std::array<float, kGroup> kOnes = [] {
  std::array<float, kGroup> ones{};
  ones.fill(1.0f);
  return ones;
}();

Candidate weighted_search(const float* w, const float* importance) {
  return search(w, importance, 0.6f, 0.04f);
}

}  // namespace

GroupParameters quantise_group(std::span<const float, kGroup> w, std::span<uint8_t, kGroup> q) {
  return apply(search(w.data(), kOnes.data(), 0.75f, 0.08f), w.data(), q);
}

GroupParameters quantise_group(std::span<const float, kGroup> w, std::span<const float, kGroup> importance,
                               std::span<uint8_t, kGroup> q) {
  return apply(weighted_search(w.data(), importance.data()), w.data(), q);
}

GroupParameters group_range(std::span<const float, kGroup> w, std::span<const float, kGroup> importance) {
  Search search(w.data(), importance.data());
  for (int32_t percent = 100; percent >= 56; percent -= 4) {
    search.try_range(static_cast<float>(percent) / 100.0f, 1);
  }
  search.try_symmetric();
  return {search.best().scale, search.best().zero};
}

float group_error(std::span<const float, kGroup> w, std::span<const float, kGroup> importance) {
  const Candidate best = weighted_search(w.data(), importance.data());
  // With all weights at the zero-point the error was not measured.
  return best.scale == 0 ? 0.0f : best.error;
}

}  // namespace brim
