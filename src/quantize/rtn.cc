#include "quantize/rtn.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/multiversion.h"
#include "numerics/fp16.h"

// GCC inlines these into each clone of a MULTIVERSION function, so that they run on its instruction set.
#define IN_CLONES [[gnu::always_inline]] inline

namespace brim {

namespace {

constexpr uint32_t kLanes = 16;
constexpr float kMagic = 0x1.8p23f;  // adding it rounds a small float to the nearest integer

struct Candidate {
  uint16_t scale;
  uint8_t zero;
  float error;
};

// Sixteen sums or bounds side by side, and their halves.
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef float Half __attribute__((vector_size(sizeof(Lanes) / 2)));
typedef float Quarter __attribute__((vector_size(sizeof(Lanes) / 4)));

IN_CLONES void load(const float* from, Lanes* to) { std::memcpy(to, from, sizeof *to); }

// One of all lanes: `take(a, b)` makes a what is kept of both, first of those half a vector apart, then of
// those a quarter apart, and so on.
template <typename Take>
IN_CLONES float reduce(const Lanes& v, const Take& take) {
  Half halves[2];
  std::memcpy(halves, &v, sizeof v);
  take(halves[0], halves[1]);
  Quarter quarters[2];
  std::memcpy(quarters, halves, sizeof quarters);
  take(quarters[0], quarters[1]);
  float four[4];
  std::memcpy(four, quarters, sizeof four);
  take(four[0], four[2]);
  take(four[1], four[3]);
  take(four[0], four[1]);
  return four[0];
}

IN_CLONES void range_of(const float* w, float* low, float* high) {
  Lanes lows = {};
  Lanes highs = {};
  for (uint32_t i = 0; i < kGroup; i += kLanes) {
    Lanes x;
    load(w + i, &x);
    lows = x < lows ? x : lows;
    highs = x > highs ? x : highs;
  }
  *low = reduce(lows, [](auto& a, const auto& b) { a = b < a ? b : a; });
  *high = reduce(highs, [](auto& a, const auto& b) { a = b > a ? b : a; });
}

// importance: null for all alike.
IN_CLONES float squared_error(const float* w, const float* importance, float scale, float zero) {
  const float inverse = 1.0f / scale;
  const Lanes least = Lanes{} - zero;
  const Lanes most = Lanes{} + (15.0f - zero);
  Lanes sums = {};
  for (uint32_t i = 0; i < kGroup; i += kLanes) {
    Lanes x;
    load(w + i, &x);
    Lanes level = (x * inverse + kMagic) - kMagic;
    level = level < least ? least : level;
    level = level > most ? most : level;
    const Lanes difference = x - level * scale;
    Lanes square = difference * difference;
    if (importance != nullptr) {
      Lanes weight;
      load(importance + i, &weight);
      square *= weight;
    }
    sums += square;
  }
  return reduce(sums, [](auto& a, const auto& b) { a += b; });
}

// To the nearest integer, within [0, 15].
IN_CLONES float nearest_zero(float x) {
  x = x < 0.0f ? 0.0f : x;
  x = x > 15.0f ? 15.0f : x;
  return (x + kMagic) - kMagic;
}

// The ranges that are tried for a group: [min, max] with zero included, shrunk in steps and each moved by up
// to `moves` steps of its scale either way; and a symmetric one.
struct Ranges {
  uint32_t shrinks;  // 1, 1 - shrink_step, 1 - 2 shrink_step, ...
  float shrink_step;
  int32_t moves;
};
constexpr Ranges kNearest = {4, 0.08f, 0};
constexpr Ranges kWeighted = {11, 0.04f, 0};
constexpr Ranges kFinest = {12, 0.04f, 1};

// The one of least error; where two are alike, the first.
IN_CLONES Candidate search(const float* w, const float* importance, const Ranges& ranges) {
  // All weights at q = z is always possible, and exact for a group of zeros.
  Candidate best{0, 8, INFINITY};
  const auto consider = [&](float scale, float zero) __attribute__((always_inline)) {
    // The rounded FP16 scale decides everything else, since it is the one that decoding uses.
    const uint16_t bits = std::min(float_to_fp16(scale), uint16_t{0x7BFF});
    if (bits == 0) return;
    const float error = squared_error(w, importance, fp16_to_float(bits), zero);
    if (error < best.error) best = {bits, static_cast<uint8_t>(zero), error};
  };
  float low;
  float high;
  range_of(w, &low, &high);
  if (high > low) {
    for (uint32_t i = 0; i < ranges.shrinks; ++i) {
      const float shrink = 1.0f - static_cast<float>(i) * ranges.shrink_step;
      const float scale = (high - low) * shrink / 15.0f;
      if (scale == 0) continue;
      const float zero = nearest_zero(-low * shrink / scale);
      for (int32_t move = -ranges.moves; move <= ranges.moves; ++move) {
        consider(scale, nearest_zero(zero + static_cast<float>(move)));
      }
    }
    // The largest magnitude at q = 0 or q = 15 of a range that is symmetric about q = 8 or 7.
    const bool negative = -low >= high;
    consider((negative ? -low : high) / 8.0f, negative ? 8.0f : 7.0f);
  }
  return best;
}

IN_CLONES void round_levels(const float* w, const Candidate& range, uint8_t* q) {
  const float scale = fp16_to_float(range.scale);
  const float inverse = range.scale == 0 ? 0.0f : 1.0f / scale;
  const float zero = range.zero;
  for (uint32_t i = 0; i < kGroup; ++i) {
    float level = (w[i] * inverse + kMagic) - kMagic + zero;
    level = level < 0.0f ? 0.0f : level;
    level = level > 15.0f ? 15.0f : level;
    q[i] = static_cast<uint8_t>(static_cast<int32_t>(level));
  }
}

MULTIVERSION Candidate quantise_nearest(const float* w, uint8_t* q) {
  const Candidate best = search(w, nullptr, kNearest);
  round_levels(w, best, q);
  return best;
}

MULTIVERSION Candidate quantise_weighted(const float* w, const float* importance, uint8_t* q) {
  const Candidate best = search(w, importance, kWeighted);
  round_levels(w, best, q);
  return best;
}

MULTIVERSION Candidate search_weighted(const float* w, const float* importance) {
  return search(w, importance, kWeighted);
}

MULTIVERSION Candidate search_finest(const float* w, const float* importance) {
  return search(w, importance, kFinest);
}

}  // namespace

GroupParameters quantise_group(std::span<const float, kGroup> w, std::span<uint8_t, kGroup> q) {
  const Candidate best = quantise_nearest(w.data(), q.data());
  return {best.scale, best.zero};
}

GroupParameters quantise_group(std::span<const float, kGroup> w, std::span<const float, kGroup> importance,
                               std::span<uint8_t, kGroup> q) {
  const Candidate best = quantise_weighted(w.data(), importance.data(), q.data());
  return {best.scale, best.zero};
}

GroupParameters quantise_group_to_eight_bits(std::span<const float, kGroup> w, std::span<uint8_t, kGroup> q) {
  float low;
  float high;
  range_of(w.data(), &low, &high);
  constexpr float kSteps = 255.0f;
  const uint16_t bits = float_to_fp16(std::min((high - low) / kSteps, kMaxPlaneScale));
  const float scale = fp16_to_float(bits);
  const float inverse = bits == 0 ? 0.0f : 1.0f / scale;
  const auto level = [&](float x) { return std::clamp((x + kMagic) - kMagic, 0.0f, kSteps); };
  const float zero = bits == 0 ? kSteps / 2 + 0.5f : level(-low * inverse);
  for (uint32_t i = 0; i < kGroup; ++i) {
    q[i] = static_cast<uint8_t>(level(w[i] * inverse + zero));
  }
  return {bits, static_cast<uint8_t>(zero)};
}

GroupParameters group_range(std::span<const float, kGroup> w, std::span<const float, kGroup> importance) {
  const Candidate best = search_finest(w.data(), importance.data());
  return {best.scale, best.zero};
}

float group_error(std::span<const float, kGroup> w, std::span<const float, kGroup> importance) {
  const Candidate best = search_weighted(w.data(), importance.data());
  // With all weights at the zero-point the error was not measured.
  return best.scale == 0 ? 0.0f : best.error;
}

}  // namespace brim
