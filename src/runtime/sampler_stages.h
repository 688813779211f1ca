// The steps between logits and a choice, in their order. Freestanding. Each is made from the options, says
// whether they ask for it, changes the candidates, and is told which tokens stand in the text.
#pragma once

#include <concepts>
#include <cstdint>
#include <tuple>

#include "numerics/exp.h"
#include "runtime/candidates.h"
#include "runtime/sampler_options.h"

namespace brim {

template <typename S>
concept SamplerStage = std::constructible_from<S, const SamplerOptions&> &&
    requires(S stage, const S const_stage, Candidates& candidates, uint32_t token) {
  { const_stage.active() } -> std::same_as<bool>;  // else apply() would change nothing
  stage.apply(candidates);
  stage.forget();       // the text begins anew
  stage.accept(token);  // the text goes on with this token
};

// A stage that does not look at the text.
struct TextBlindStage {
  void forget() {}
  void accept(uint32_t) {}
};

// Keeps the tokens whose probability, before temperature, is at least min_p times the largest (Minh et al.,
// "Turning Up the Heat", arXiv:2407.01082; llama.cpp applies temperature last, with the same effect).
class MinP : public TextBlindStage {
 public:
  explicit MinP(const SamplerOptions& options)
      : min_p_(options.min_p), active_(options.min_p > 0 && options.temperature > 0) {}
  bool active() const { return active_; }
  void apply(Candidates& candidates) const {
    const float best = candidates.best().value;
    candidates.keep_if([&](const Candidate& c) { return exp_fp32(c.value - best) >= min_p_; });
  }

 private:
  float min_p_;
  bool active_;
};

// Turns logits into weights: exp(logit / temperature), as a share of the largest.
class Temperature : public TextBlindStage {
 public:
  explicit Temperature(const SamplerOptions& options) : temperature_(options.temperature) {}
  bool active() const { return temperature_ > 0; }
  void apply(Candidates& candidates) const {
    const float best = candidates.best().value;
    candidates.fallback = candidates.best().token;
    const float inverse = 1.0f / temperature_;
    double total = 0;
    for (Candidate& c : candidates.by_id()) {
      c.value = exp_fp32((c.value - best) * inverse);
      total += static_cast<double>(c.value);
    }
    candidates.total = total;
  }

 private:
  float temperature_;
};

// Keeps the k most probable tokens.
class TopK : public TextBlindStage {
 public:
  explicit TopK(const SamplerOptions& options)
      : k_(options.top_k), active_(options.top_k > 0 && options.temperature > 0) {}
  bool active() const { return active_; }
  void apply(Candidates& candidates) const {
    if (k_ >= candidates.size()) return;
    double total = 0;
    for (size_t i = 0; i < k_; ++i) total += static_cast<double>(candidates.nth(i).value);
    candidates.keep_first(k_);
    candidates.total = total;
  }

 private:
  uint32_t k_;
  bool active_;
};

// Keeps the fewest tokens that hold the share p of the probability, at least one.
class TopP : public TextBlindStage {
 public:
  explicit TopP(const SamplerOptions& options)
      : p_(options.top_p), active_(options.top_p < 1 && options.temperature > 0) {}
  bool active() const { return active_; }
  void apply(Candidates& candidates) const {
    const double enough = static_cast<double>(p_) * candidates.total;
    size_t kept = 0;
    double total = 0;
    do {
      total += static_cast<double>(candidates.nth(kept++).value);
    } while (kept < candidates.size() && total < enough);
    candidates.keep_first(kept);
    candidates.total = total;
  }

 private:
  float p_;
  bool active_;
};

// All of them, in the order in which they are applied. What changes logits comes before Temperature.
using SamplerStages = std::tuple<MinP, Temperature, TopK, TopP>;

template <typename Stages>
inline constexpr bool kAllSamplerStages = false;
template <SamplerStage... Stages>
inline constexpr bool kAllSamplerStages<std::tuple<Stages...>> = true;
static_assert(kAllSamplerStages<SamplerStages>);

}  // namespace brim
