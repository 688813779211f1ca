#include "runtime/sampler.h"

#include <algorithm>
#include <array>
#include <bit>

#include "numerics/split_mix.h"

namespace brim {

namespace {

template <typename... Stages>
std::tuple<Stages...> make_stages(const SamplerOptions& options, const std::tuple<Stages...>*) {
  return {Stages(options)...};
}

// visit(stage) for each of them.
template <typename Stages, typename Visit>
void for_each_stage(const Stages& stages, const Visit& visit) {
  std::apply([&](const auto&... stage) { (visit(stage), ...); }, stages);
}

// Far below every logit, and finite: where all tokens are banned, one of them is chosen all the same.
constexpr float kBanned = std::numeric_limits<float>::lowest();

constexpr size_t kBlock = 64;  // tokens of a word of a TokenSet

// In lanes, so that compilers use vectors.
float largest(std::span<const float, kBlock> values) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> lanes;
  std::copy_n(values.begin(), kLanes, lanes.begin());
  for (size_t i = kLanes; i < kBlock; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] = lanes[lane] < values[i + lane] ? values[i + lane] : lanes[lane];
  }
  return *std::max_element(lanes.begin(), lanes.end());
}

}  // namespace

// Most blocks hold nothing better than what was found, which is seen from their largest value; of few tokens
// each is looked at.
uint32_t argmax(std::span<const float> values, TokenSet allowed) {
  constexpr int kFew = 8;
  uint32_t best = 0;
  bool any = false;
  for (uint32_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::span<const float> block = values.subspan(begin, std::min(kBlock, values.size() - begin));
    const bool whole = block.size() == kBlock;
    uint64_t left = allowed.empty() ? ~uint64_t{0} : allowed.word(begin / kBlock);
    if (!whole) left &= (uint64_t{1} << block.size()) - 1;
    if (any && whole && std::popcount(left) > kFew && largest(block.first<kBlock>()) <= values[best])
      continue;
    for (; left != 0; left &= left - 1) {
      const auto i = static_cast<uint32_t>(std::countr_zero(left));
      if (any && !(block[i] > values[best])) continue;
      best = begin + i;
      any = true;
    }
  }
  return best;
}

Sampler::Sampler(const SamplerOptions& options, const Tokenizer* tokenizer)
    : options_(options),
      tokenizer_(tokenizer),
      stages_(make_stages(options, static_cast<const SamplerStages*>(nullptr))),
      state_(options.seed) {}

bool Sampler::needs_scratch() const {
  if (options_.temperature > 0 || options_.ignore_eos || !options_.logit_bias.empty()) return true;
  bool needs = false;
  for (const SamplerStageName name : options_.samplers) {
    for_each_stage(stages_, [&](const auto& stage) { needs |= stage.kName == name && stage.active(); });
  }
  return needs;
}

void Sampler::add_biases(Candidates& candidates) const {
  const auto add = [&](uint32_t token, float bias) {
    Candidate* const candidate = candidates.find(token);
    if (candidate == nullptr) return;
    candidate->value = bias < kBanned ? kBanned : candidate->value + bias;
  };
  for (const LogitBias& bias : options_.logit_bias) add(bias.token, bias.bias);
  if (!options_.ignore_eos || tokenizer_ == nullptr) return;
  const U32View ends = tokenizer_->tables().ends();
  for (uint32_t i = 0; i < ends.size(); ++i) add(ends[i], -std::numeric_limits<float>::infinity());
}

// 53 bits of SplitMix64.
double Sampler::uniform() {
  state_ += kSplitMixStep;
  return static_cast<double>(split_mix(state_) >> 11) * 0x1p-53;
}

uint32_t Sampler::sample(const SamplerInput& input, std::span<Candidate> scratch) {
  if (!needs_scratch()) return argmax(input.logits, input.allowed);
  Candidates candidates(input.logits, input.allowed, scratch);
  add_biases(candidates);
  for (const SamplerStageName name : options_.samplers) {
    for_each_stage(stages_, [&](const auto& stage) {
      if (stage.kName == name && stage.active()) stage.apply(candidates, input.text);
    });
  }
  const Candidate best = candidates.best();
  if (options_.temperature <= 0) return best.token;
  double target = uniform() * candidates.turn_into_weights(best.value);
  for (const Candidate& candidate : candidates.all()) {
    target -= static_cast<double>(candidate.value);
    if (target < 0) return candidate.token;
  }
  return best.token;  // rounding has led beyond the last weight
}

}  // namespace brim
