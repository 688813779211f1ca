#include "runtime/sampler.h"

#include "numerics/split_mix.h"

namespace brim {

namespace {

template <typename... Stages>
std::tuple<Stages...> make_stages(const SamplerOptions& options, const std::tuple<Stages...>*) {
  return {Stages(options)...};
}

// visit(stage) for each of them in order.
template <typename Stages, typename Visit>
void for_each_stage(Stages& stages, const Visit& visit) {
  std::apply([&](auto&... stage) { (visit(stage), ...); }, stages);
}

}  // namespace

uint32_t argmax(std::span<const float> values) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

Sampler::Sampler(const SamplerOptions& options)
    : greedy_(options.temperature <= 0),
      stages_(make_stages(options, static_cast<const SamplerStages*>(nullptr))),
      state_(options.seed) {}

bool Sampler::needs_scratch() const {
  bool needs = false;
  for_each_stage(stages_, [&](const auto& stage) { needs |= stage.active(); });
  return needs;
}

void Sampler::forget() {
  for_each_stage(stages_, [](auto& stage) { stage.forget(); });
}

void Sampler::accept(uint32_t token) {
  for_each_stage(stages_, [&](auto& stage) { stage.accept(token); });
}

// 53 bits of SplitMix64.
double Sampler::uniform() {
  state_ += kSplitMixStep;
  return static_cast<double>(split_mix(state_) >> 11) * 0x1p-53;
}

uint32_t Sampler::sample(std::span<const float> logits, std::span<Candidate> scratch) {
  if (!needs_scratch()) return argmax(logits);
  Candidates candidates(logits, scratch);
  for_each_stage(stages_, [&](auto& stage) {
    if (stage.active()) stage.apply(candidates);
  });
  if (greedy_) return candidates.best().token;
  double target = uniform() * candidates.total;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates.at(i);
    target -= static_cast<double>(candidate.value);
    if (target < 0) return candidate.token;
  }
  return candidates.fallback;
}

}  // namespace brim
