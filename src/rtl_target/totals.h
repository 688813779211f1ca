// Passes of the accelerator as a run of the timing simulator, so that both have one definition of each share.
#pragma once

#include <span>

#include "rtl_target/executor.h"
#include "sim/shares.h"

namespace brim::rtl_target {

// Passes that begin below `prompt_tokens` are the prompt's, all others generate; those of a draft model take
// time and give no tokens. What only the simulator knows (a memory that is never waited for) is 0.
inline sim::RunResult run_of(std::span<const RtlExecutor::Record> passes, uint32_t prompt_tokens) {
  sim::RunResult run;
  for (const RtlExecutor::Record& pass : passes) {
    const bool of_draft = pass.model == kDraftModel;
    (pass.position < prompt_tokens && !of_draft ? run.prompt : run.decode) += sim::Totals{
        .passes = 1,
        .tokens = of_draft ? 0.0 : static_cast<double>(pass.tokens),
        .cycles = static_cast<double>(pass.counters.cycles),
        .bytes = static_cast<double>(pass.counters.beats_read + pass.counters.beats_written) * kBeatBytes};
  }
  return run;
}

}  // namespace brim::rtl_target
