#include "runtime/host_speculation.h"

#include <chrono>

#include "base/concat.h"
#include "base/error.h"
#include "rtl_target/executor.h"

namespace brim {

namespace {

class WallClock final : public PassClock {
 public:
  double seconds() override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
};

// Of the simulated board.
class RtlClock final : public PassClock {
 public:
  explicit RtlClock(const rtl_target::RtlExecutor& rtl) : rtl_(rtl) {}
  double seconds() override {
    for (; seen_ < rtl_.passes().size(); ++seen_) {
      cycles_ += static_cast<double>(rtl_.passes()[seen_].counters.cycles);
    }
    return cycles_ / rtl_.clock_hz();
  }

 private:
  const rtl_target::RtlExecutor& rtl_;
  size_t seen_ = 0;
  double cycles_ = 0;
};

template <typename C, typename... Arguments>
std::unique_ptr<PassClock, void (*)(PassClock*)> make_clock(const Arguments&... arguments) {
  return {new C(arguments...), [](PassClock* clock) { delete static_cast<C*>(clock); }};
}

const rtl_target::RtlExecutor* rtl_of(const Executor& executor) {
  return dynamic_cast<const rtl_target::RtlExecutor*>(&executor);
}

// What a token more adds to a pass, until it was measured: next to nothing to the accelerator, which the
// memory limits; to a processor, which arithmetic limits, most of a pass.
double marginal_cost(const Executor& executor) { return rtl_of(executor) != nullptr ? 0.02 : 0.8; }

}  // namespace

HostSpeculation::HostSpeculation(const Executor& executor, PassRunner* draft, const SpecOptions& options)
    : table_(1 << 16),
      lookup_(table_),
      clock_(rtl_of(executor) != nullptr ? make_clock<RtlClock>(*rtl_of(executor)) : make_clock<WallClock>()),
      speculation_(lookup_, *clock_,
                   {.max_drafts = options.max_drafts,
                    .min_drafts = options.min_drafts,
                    .marginal_cost = marginal_cost(executor)}) {
  if (draft != nullptr) speculation_.add(model_.emplace(*draft, executor.vocabulary()));
  set_type(options.type);
}

void HostSpeculation::set_type(SpecType type) {
  if (type == SpecType::kDraft && !model_)
    throw Error("the image holds no draft model; pack it with --draft MODEL");
  type_ = type;
  speculation_.enable(kNgramDrafter, uses_ngram(type));
  if (model_) speculation_.enable(kModelDrafter, uses_draft_model(type));
}

std::string describe_drafts(const HostSpeculation& speculation) {
  const auto part = [](const DraftCounts& counts) { return concat(counts.accepted, " of ", counts.drafted); };
  if (!speculation.has_model()) return part(speculation.counts()) + " drafted tokens accepted";
  return concat("accepted ", part(speculation.ngram_counts()), " tokens looked up, ",
                part(speculation.model_counts()), " of the draft model's");
}

}  // namespace brim
