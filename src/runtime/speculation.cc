#include "runtime/speculation.h"

namespace brim {

namespace {

constexpr double kMostLoss = 0.01;            // of the time of all passes
constexpr double kAcceptanceRate = 1.0 / 16;  // of the moving averages
constexpr double kSecondsRate = 1.0 / 8;
constexpr double kFadeRate = 1.0 / 512;

}  // namespace

double Speculation::cost(uint32_t tokens) const {
  const double one = seconds_[0] > 0 ? seconds_[0] : 1;
  // From the widest pass that was run and is not wider.
  for (uint32_t width = tokens; width > 0; --width) {
    if (seconds_[width - 1] > 0) return seconds_[width - 1] + one * options_.marginal_cost * (tokens - width);
  }
  return one * (1 + options_.marginal_cost * (tokens - 1));
}

uint32_t Speculation::best_count(uint32_t kind, uint32_t most) const {
  const double draft_cost = drafter_.cost_of_draft() * cost(1);
  double tokens = 1, reach = 1;  // expected tokens of the pass; probability that the draft is right so far
  double best_rate = 1 / cost(1);
  uint32_t best = 0;
  for (uint32_t count = 1; count <= most; ++count) {
    reach *= static_cast<double>(acceptance_[kind][count - 1]);
    tokens += reach;
    const double rate = tokens / (cost(count + 1) + draft_cost * count);
    if (rate > best_rate) {
      best_rate = rate;
      best = count;
    }
  }
  return best;
}

std::span<const uint32_t> Speculation::draft(std::span<const uint32_t> text, uint32_t most) {
  start_ = clock_.seconds();
  most = std::min(most, options_.max_drafts);
  const Draft draft = drafter_.propose(text, std::span(drafts_).first(most));
  proposed_ = draft.count;
  kind_ = draft.kind;
  const bool allowed = loss_ <= kMostLoss * total_ + cost(1) / 2;
  run_ = allowed ? best_count(kind_, proposed_) : 0;
  return {drafts_.data(), run_};
}

void Speculation::settle(std::span<const uint32_t> chosen) {
  const double seconds = clock_.seconds() - start_;
  if (run_ > 0) loss_ = std::max(loss_ + seconds - static_cast<double>(chosen.size()) * cost(1), 0.0);
  total_ += seconds;
  learn_cost(run_ + 1, seconds);
  learn_acceptance(chosen);
  ++counts_.passes;
  counts_.chosen += chosen.size();
  counts_.drafted += run_;
  for (uint32_t i = 0; i < run_ && i < chosen.size() && chosen[i] == drafts_[i]; ++i) ++counts_.accepted;
  proposed_ = run_ = 0;
}

void Speculation::learn_cost(uint32_t tokens, double seconds) {
  double& average = seconds_[tokens - 1];
  // What is far beyond the average is another program's doing.
  average = average > 0 ? average + kSecondsRate * (std::min(seconds, 2 * average) - average) : seconds;
  // A width that looked dear is not avoided for ever: what was measured long ago fades.
  for (uint32_t width = 2; width <= seconds_.size(); ++width) {
    if (width == tokens || seconds_[width - 1] == 0) continue;
    const double guess = cost(1) * (1 + options_.marginal_cost * (width - 1));
    seconds_[width - 1] += kFadeRate * (guess - seconds_[width - 1]);
  }
}

// Also from what was proposed and not run: then the pass tells of the first proposal only.
void Speculation::learn_acceptance(std::span<const uint32_t> chosen) {
  for (uint32_t i = 0; i < proposed_ && i < chosen.size(); ++i) {
    const bool right = chosen[i] == drafts_[i];
    // Depths that were not reached yet are taken to be like this one.
    float& average = acceptance_[kind_][i];
    average += static_cast<float>(kAcceptanceRate) * ((right ? 1.0f : 0.0f) - average);
    if (i >= run_) {
      for (uint32_t deeper = i + 1; deeper < kMostDrafts; ++deeper)
        acceptance_[kind_][deeper] +=
            static_cast<float>(kAcceptanceRate) * (average - acceptance_[kind_][deeper]);
    }
    if (!right) break;
  }
}

}  // namespace brim
