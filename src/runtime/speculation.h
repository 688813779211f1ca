// Which drafter to ask, and for how many tokens: from how often drafts of each kind and depth were right, and
// what drafts and passes of each width take. Freestanding. docs/speculation.md.
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
  // Most tokens of a draft, and how many there have to be at least, whatever they cost.
  uint32_t max_drafts = 15;
  uint32_t min_drafts = 0;
  // What one more token adds to a pass, as a share of a pass of one token, until it was measured: little
  // where memory is the limit, nearly 1 where arithmetic is.
  double marginal_cost = 0.02;
};

struct DraftCounts {
  uint64_t drafted = 0;   // tokens that were verified
  uint64_t accepted = 0;  // of these
};

struct SpeculationCounts : DraftCounts {  // of all drafters
  uint64_t passes = 0;                    // that tokens were chosen from
  uint64_t chosen = 0;                    // tokens
};

class Speculation {
 public:
  static constexpr uint32_t kMostDrafts = 15;
  static constexpr uint32_t kMostDrafters = 2;

  Speculation(Drafter& drafter, PassClock& clock, const SpeculationOptions& options)
      : clock_(clock), options_(options) {
    options_.max_drafts = std::min(options_.max_drafts, kMostDrafts);
    add(drafter);
  }

  // One more, before anything was drafted. Of two that promise as much the one that was added first is asked.
  void add(Drafter& drafter);

  // The n-th drafter is asked from now on, or no more. All are at first.
  void enable(uint32_t n, bool enabled) { sources_[n].enabled = enabled; }

  // The drafts to run behind the last token of `text`, at most `most`; valid until the next call. The pass
  // begins now.
  std::span<const uint32_t> draft(std::span<const uint32_t> text, uint32_t most);

  // After that pass, unless it failed: `chosen` are the tokens that it gave, the last of which may differ
  // from the draft.
  void settle(std::span<const uint32_t> chosen);

  void rewind(uint32_t count) {
    for (Source& source : sources()) source.drafter->rewind(count);
  }

  void set_max_drafts(uint32_t drafts) { options_.max_drafts = std::min(drafts, kMostDrafts); }

  const SpeculationCounts& counts() const { return counts_; }
  const DraftCounts& counts_of(uint32_t n) const { return sources_[n].counts; }
  void clear_counts() {
    counts_ = {};
    for (Source& source : sources_) source.counts = {};
  }

 private:
  // A drafter, and what is known of it.
  struct Source {
    Drafter* drafter = nullptr;
    bool enabled = true;
    DraftCounts counts;
    double seconds = 0;   // of a proposed token, moving average; 0: never measured
    uint32_t unread = 0;  // of the text, before it can propose
    // What was proposed for the pass under way, more than what it verifies where that costs nothing.
    std::array<uint32_t, kMostDrafts> drafts{};
    uint32_t proposed = 0;
    uint32_t kind = 0;
    // Moving averages: of kind and depth, the share of proposals that were right where those before were.
    std::array<std::array<float, kMostDrafts>, Drafter::kMostKinds> acceptance{};
  };

  // How many to run, and the tokens per second that they are expected to give.
  struct Plan {
    uint32_t count = 0;
    double rate = 0;
  };

  std::span<Source> sources() { return std::span(sources_).first(count_); }
  static bool is_free(const Source& source) { return source.drafter->cost_of_draft() == 0; }
  // Seconds of a pass of this many tokens, relative to what is known of others if it was never run.
  double cost(uint32_t tokens) const;
  double seconds_of_draft(const Source& source) const;
  Plan best_plan(const Source& source, uint32_t kind, uint32_t most, double before) const;
  double seconds_of_reading(const Source& source, uint32_t tokens) const;
  uint32_t ask(Source& source, std::span<const uint32_t> text, uint32_t count);
  void learn_cost(uint32_t tokens, double seconds);
  void learn_acceptance(Source& source, uint32_t run, std::span<const uint32_t> chosen);

  PassClock& clock_;
  SpeculationOptions options_;
  SpeculationCounts counts_;
  std::array<Source, kMostDrafters> sources_{};
  uint32_t count_ = 0;  // of sources

  // The pass under way.
  Source* from_ = nullptr;  // whose drafts are run; null: none
  uint32_t run_ = 0;
  double drafting_ = 0;  // seconds, but for the reading of a prompt
  double start_ = 0;
  size_t text_ = 0;     // tokens of the text
  size_t settled_ = 0;  // tokens of the text after the last pass
  size_t prompt_ = 0;   // of them, up to the end of the last prompt
  bool plain_ = false;  // a pass without drafts has been run

  // Of a pass of i + 1 tokens, the seconds, 0: never run. A moving average.
  std::array<double, kMostDrafts + 1> seconds_{};

  // Time of all passes, and what drafting has cost more than one pass per token would have. Where that passes
  // a hundredth, nothing is drafted for a while.
  double total_ = 0;
  double loss_ = 0;
};

}  // namespace brim
