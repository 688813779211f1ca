// The steps between logits and a choice. Freestanding. Each is made from the options, says whether they ask
// for it, and changes the candidates, of which it leaves at least one. Meanings are llama.cpp's; where two
// ways of rounding are possible, ours are the ones below, the same on every machine.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <tuple>

#include "runtime/candidates.h"
#include "runtime/sampler_options.h"

namespace brim {

// `text`: the tokens that stand in the text, of which drafts are no part before they were chosen.
template <typename S>
concept SamplerStage = std::constructible_from<S, const SamplerOptions&> &&
    requires(const S stage, Candidates& candidates, std::span<const uint32_t> text) {
  { S::kName } -> std::convertible_to<SamplerStageName>;  // which decides its place
  { stage.active() } -> std::same_as<bool>;               // else apply() would change nothing
  stage.apply(candidates, text);
};

// Makes tokens that stand in the last text less probable: divides their logits, or multiplies negative ones
// (Keskar et al., "CTRL", arXiv:1909.05858), and takes a constant from them, and another one for each time.
class Penalties {
 public:
  static constexpr SamplerStageName kName = SamplerStageName::kPenalties;
  explicit Penalties(const SamplerOptions& options)
      : last_n_(options.repeat_last_n),
        repeat_(options.repeat_penalty),
        presence_(options.presence_penalty),
        frequency_(options.frequency_penalty) {}
  bool active() const { return last_n_ != 0 && (repeat_ != 1 || presence_ != 0 || frequency_ != 0); }
  void apply(Candidates& candidates, std::span<const uint32_t> text) const {
    if (last_n_ > 0 && static_cast<size_t>(last_n_) < text.size())
      text = text.last(static_cast<size_t>(last_n_));
    const std::span<Candidate> all = candidates.by_id();
    // What was seen is marked in its id, which has bits to spare (kMaxVocabulary).
    constexpr uint32_t kSeen = 1u << 31;
    const auto find = [&](uint32_t token) {
      return std::lower_bound(all.begin(), all.end(), token, [](const Candidate& c, uint32_t wanted) {
        return (c.token & ~kSeen) < wanted;
      });
    };
    for (const uint32_t token : text) {
      const auto at = find(token);
      if (at == all.end() || (at->token & ~kSeen) != token) continue;
      if (at->token == token) {
        at->value = (at->value <= 0 ? at->value * repeat_ : at->value / repeat_) - presence_;
        at->token |= kSeen;
      }
      at->value -= frequency_;
    }
    for (const uint32_t token : text) {
      const auto at = find(token);
      if (at != all.end()) at->token &= ~kSeen;
    }
  }

 private:
  int32_t last_n_;
  float repeat_, presence_, frequency_;
};

// Keeps the k most probable tokens.
class TopK {
 public:
  static constexpr SamplerStageName kName = SamplerStageName::kTopK;
  explicit TopK(const SamplerOptions& options)
      : k_(options.top_k), active_(options.top_k > 0 && options.temperature > 0) {}
  bool active() const { return active_; }
  void apply(Candidates& candidates, std::span<const uint32_t>) const {
    if (k_ < candidates.size()) candidates.keep_top(k_);
  }

 private:
  uint32_t k_;
  bool active_;
};

// Keeps the fewest tokens that hold more than the share p, those first whose information is nearest to what
// is expected of a token (Meister et al., "Locally Typical Sampling", arXiv:2202.00666).
class Typical {
 public:
  static constexpr SamplerStageName kName = SamplerStageName::kTypical;
  explicit Typical(const SamplerOptions& options) : p_(options.typical) {}
  bool active() const { return p_ < 1; }
  void apply(Candidates& candidates, std::span<const uint32_t>) const {
    // A token's information is log(total) - (logit - highest), its expectation log(total) - mean: how far
    // they are apart needs no logarithm.
    const float highest = candidates.best().value;
    double total = 0, mean = 0;
    for (const Candidate& c : candidates.all()) {
      const double weight = Candidates::weight(c, highest);
      total += weight;
      if (weight > 0) mean += weight * static_cast<double>(c.value - highest);
    }
    mean /= total;
    const auto distance = [&](const Candidate& c) {
      const double off = static_cast<double>(c.value - highest) - mean;
      return off < 0 ? -off : off;
    };
    const double enough = static_cast<double>(p_) * total;
    double kept = 0;
    candidates.keep_first(
        [&](const Candidate& a, const Candidate& b) {
          const double x = distance(a), y = distance(b);
          return x != y ? x < y : a.token < b.token;
        },
        [&](const Candidate& c) { return (kept += Candidates::weight(c, highest)) > enough; });
  }

 private:
  float p_;
};

// Keeps the fewest tokens that hold the share p of the probability (Holtzman et al., arXiv:1904.09751).
class TopP {
 public:
  static constexpr SamplerStageName kName = SamplerStageName::kTopP;
  explicit TopP(const SamplerOptions& options)
      : p_(options.top_p), active_(options.top_p < 1 && options.temperature > 0) {}
  bool active() const { return active_; }
  void apply(Candidates& candidates, std::span<const uint32_t>) const { candidates.keep_share(p_); }

 private:
  float p_;
  bool active_;
};

// Keeps the tokens whose probability is at least min_p times the largest (Minh et al., "Turning Up the Heat",
// arXiv:2407.01082).
class MinP {
 public:
  static constexpr SamplerStageName kName = SamplerStageName::kMinP;
  explicit MinP(const SamplerOptions& options)
      : min_p_(options.min_p), active_(options.min_p > 0 && options.temperature > 0) {}
  bool active() const { return active_; }
  void apply(Candidates& candidates, std::span<const uint32_t>) const {
    const float highest = candidates.best().value;
    candidates.keep_if([&](const Candidate& c) { return exp_fp32(c.value - highest) >= min_p_; });
  }

 private:
  float min_p_;
  bool active_;
};

// Divides logits, as distances from the largest, by the temperature.
class Temperature {
 public:
  static constexpr SamplerStageName kName = SamplerStageName::kTemperature;
  explicit Temperature(const SamplerOptions& options)
      : inverse_(options.temperature > 0
                     ? std::min(1.0f / options.temperature, std::numeric_limits<float>::max())
                     : 1.0f) {}
  bool active() const { return inverse_ != 1; }
  void apply(Candidates& candidates, std::span<const uint32_t>) const {
    const float highest = candidates.best().value;
    for (Candidate& c : candidates.all()) c.value = (c.value - highest) * inverse_;
  }

 private:
  float inverse_;
};

// All of them.
using SamplerStages = std::tuple<Penalties, TopK, Typical, TopP, MinP, Temperature>;

template <typename Stages>
inline constexpr bool kAllSamplerStages = false;
template <SamplerStage... Stages>
inline constexpr bool kAllSamplerStages<std::tuple<Stages...>> =
    sizeof...(Stages) == kSamplerStageNames.size();
static_assert(kAllSamplerStages<SamplerStages>);

}  // namespace brim
