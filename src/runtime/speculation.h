// How many tokens to draft: from how often drafts of each kind and depth were right, and what passes of each
// width take. Freestanding. docs/speculation.md.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "runtime/drafter.h"

namespace brim {

// Time, by the clock of whatever runs the passes.
class PassClock {
 public:
  virtual double seconds() = 0;

 protected:
  ~PassClock() = default;
};

struct SpeculationOptions {
  // Most tokens of a draft.
  uint32_t max_drafts = 15;
  // What one more token adds to a pass, as a share of a pass of one token, until it was measured: little
  // where memory is the limit, nearly 1 where arithmetic is.
  double marginal_cost = 0.02;
};

struct SpeculationCounts {
  uint64_t passes = 0;    // that tokens were chosen from
  uint64_t chosen = 0;    // tokens
  uint64_t drafted = 0;   // tokens that were verified
  uint64_t accepted = 0;  // of these
};

class Speculation {
 public:
  static constexpr uint32_t kMostDrafts = 15;

  Speculation(Drafter& drafter, PassClock& clock, const SpeculationOptions& options)
      : drafter_(drafter), clock_(clock), options_(options) {
    options_.max_drafts = std::min(options_.max_drafts, kMostDrafts);
    for (uint32_t kind = 0; kind < Drafter::kMostKinds; ++kind)
      acceptance_[kind].fill(static_cast<float>(drafter.first_acceptance(kind)));
  }

  // The drafts to run behind the last token of `text`, at most `most`; valid until the next call. The pass
  // begins now.
  std::span<const uint32_t> draft(std::span<const uint32_t> text, uint32_t most);

  // After that pass, unless it failed: `chosen` are the tokens that it gave, the last of which may differ
  // from the draft.
  void settle(std::span<const uint32_t> chosen);

  void rewind(uint32_t count) { drafter_.rewind(count); }

  void set_max_drafts(uint32_t drafts) { options_.max_drafts = std::min(drafts, kMostDrafts); }

  const SpeculationCounts& counts() const { return counts_; }
  void clear_counts() { counts_ = {}; }

 private:
  // Seconds of a pass of this many tokens, relative to what is known of others if it was never run.
  double cost(uint32_t tokens) const;
  uint32_t best_count(uint32_t kind, uint32_t most) const;
  void learn_cost(uint32_t tokens, double seconds);
  void learn_acceptance(std::span<const uint32_t> chosen);

  Drafter& drafter_;
  PassClock& clock_;
  SpeculationOptions options_;
  SpeculationCounts counts_;

  // What was proposed for the pass under way, more than what it verifies.
  std::array<uint32_t, kMostDrafts> drafts_{};
  uint32_t proposed_ = 0;
  uint32_t run_ = 0;
  uint32_t kind_ = 0;
  double start_ = 0;

  // Moving averages: of kind and depth, the share of proposals that were right where those before were; of a
  // pass of i + 1 tokens, the seconds, 0: never run.
  std::array<std::array<float, kMostDrafts>, Drafter::kMostKinds> acceptance_{};
  std::array<double, kMostDrafts + 1> seconds_{};

  // Time of all passes, and what drafting has cost more than one pass per token would have. Where that passes
  // a hundredth, nothing is drafted for a while.
  double total_ = 0;
  double loss_ = 0;
};

}  // namespace brim
