// `brim sim` for several tokens per reading of the weights: passes that were run (--replay), or that a
// decoder would run whose drafts are right so often (--accept).
#pragma once

#include <optional>
#include <string>

#include "runtime/speculation.h"
#include "sim/run.h"
#include "sim/subject.h"

namespace brim {

struct SimulatedSpeculation {
  std::string replay;            // file of brim run --passes; empty: none
  std::optional<double> accept;  // probability; none: no drafts
  uint32_t drafts = 3;           // for each pass
  std::string draft_model;       // shape of the model that drafts; empty: drafts cost nothing
};

// Prints the report on `subject` on `board`; `draft` is the subject of speculation.draft_model.
void replay(const Board& board, const sim::Subject& subject, const SimulatedSpeculation& speculation,
            uint32_t threads, bool json);
void simulate_speculation(const Board& board, const sim::Subject& subject,
                          const std::optional<sim::Subject>& draft, const SimulatedSpeculation& speculation,
                          const sim::RunRequest& request, bool json);

}  // namespace brim
