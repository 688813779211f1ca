// Speculation on the host: its memory, and the clock of whatever runs the passes.
#pragma once

#include <memory>
#include <vector>

#include "engine/executor.h"
#include "runtime/ngram_drafter.h"
#include "runtime/spec_type.h"
#include "runtime/speculation.h"

namespace brim {

struct SpecOptions {
  SpecType type = SpecType::kAuto;
  uint32_t max_drafts = Speculation::kMostDrafts;  // --spec-draft-n-max
};

class HostSpeculation {
 public:
  // For passes of `executor`, which must outlive it.
  HostSpeculation(const Executor& executor, const SpecOptions& options);

  // What a Session speculates with; null: nothing is drafted.
  Speculation* get() { return type_ == SpecType::kNone ? nullptr : &speculation_; }
  void set_type(SpecType type) { type_ = type; }
  const SpeculationCounts& counts() const { return speculation_.counts(); }
  void clear_counts() { speculation_.clear_counts(); }

 private:
  std::vector<uint32_t> table_;
  NgramDrafter lookup_;
  std::unique_ptr<PassClock, void (*)(PassClock*)> clock_;
  Speculation speculation_;
  SpecType type_;
};

}  // namespace brim
