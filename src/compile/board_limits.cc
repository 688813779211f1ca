#include "compile/board_limits.h"

#include <string_view>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

AcceleratorLimits limits_of(const Board& board) {
  return {.tokens = board.accelerator.tokens_per_pass,
          .context = board.accelerator.max_context,
          .score_buffer = board.accelerator.score_buffer_bytes};
}

void require_taken(const std::string& name, const ProgramHeader& program, const AcceleratorLimits& limits,
                   const std::string& accelerator) {
  const Excess excess = excess_of(program, limits);
  if (excess.size == nullptr) return;
  const bool context = std::string_view(excess.size) == "context";
  throw Error(concat(name, ": ", excess.size, " ", excess.value, " is more than ", accelerator, " takes (",
                     excess.most, context ? ", its score buffer included" : "", "); ",
                     context ? "ask for --context max, or a shorter one" : "choose a smaller model"));
}

void require_taken(const std::string& name, const ProgramHeader& program, const Board& board) {
  require_taken(name, program, limits_of(board), "the accelerator of board " + board.name);
}

}  // namespace brim
