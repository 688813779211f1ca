// Speculation on the host: its memory, and the clock of whatever runs the passes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/executor.h"
#include "runtime/model_drafter.h"
#include "runtime/ngram_drafter.h"
#include "runtime/spec_type.h"
#include "runtime/speculation.h"

namespace brim {

struct SpecOptions {
  SpecType type = SpecType::kAuto;
  uint32_t max_drafts = Speculation::kMostDrafts;  // --spec-draft-n-max
  uint32_t min_drafts = 0;                         // --spec-draft-n-min
};

class HostSpeculation {
 public:
  // For passes of `executor`; `draft` runs the draft model, null: there is none. They outlive it. Throws
  // Error if the options want what there is not.
  HostSpeculation(const Executor& executor, PassRunner* draft, const SpecOptions& options);

  // The draft model's cache holds K and V of `tokens`, which outlive this, from position 0 on.
  void know(std::span<const uint32_t> tokens) {
    if (model_) model_->know(tokens);
  }

  // What a Session speculates with; null: nothing is drafted.
  Speculation* get() { return type_ == SpecType::kNone ? nullptr : &speculation_; }
  // Throws Error as the constructor.
  void set_type(SpecType type);
  SpecType type() const { return type_; }
  const SpeculationCounts& counts() const { return speculation_.counts(); }
  const DraftCounts& ngram_counts() const { return speculation_.counts_of(kNgramDrafter); }
  const DraftCounts& model_counts() const { return speculation_.counts_of(kModelDrafter); }
  bool has_model() const { return model_.has_value(); }
  void clear_counts() { speculation_.clear_counts(); }

 private:
  std::vector<uint32_t> table_;
  NgramDrafter lookup_;
  std::optional<ModelDrafter> model_;
  std::unique_ptr<PassClock, void (*)(PassClock*)> clock_;
  Speculation speculation_;
  SpecType type_ = SpecType::kNone;
};

// "12 of 20 drafted tokens accepted", of each drafter where there are two.
std::string describe_drafts(const HostSpeculation& speculation);

}  // namespace brim
