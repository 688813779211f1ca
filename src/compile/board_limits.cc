#include "compile/board_limits.h"

#include <string_view>

#include "base/concat.h"
#include "base/error.h"

namespace brim {

AcceleratorLimits limits_of(const Board& board) {
  const LargestModelDescription& model = board.accelerator.largest_model;
  return {.tokens = board.accelerator.tokens_per_pass,
          .context = board.accelerator.max_context,
          .score_buffer = board.accelerator.score_buffer_bytes,
          .model = {.dim = model.dim,
                    .hidden = model.hidden,
                    .heads = model.heads,
                    .kv_heads = model.kv_heads,
                    .heads_per_kv = model.heads_per_kv,
                    .head_size = model.head_size}};
}

void refuse_excess(const std::string& name, const Excess& excess, const std::string& accelerator) {
  if (excess.size == nullptr) return;
  const bool context = std::string_view(excess.size) == "context";
  std::string advice = context ? "ask for --context max, or a shorter one" : "choose a smaller model";
  if (excess.member != nullptr) {
    advice += concat(", or pack it for this machine alone with --set accelerator.largest_model.",
                     excess.member, "=", excess.value);
  }
  throw Error(concat(name, ": ", excess.size, " ", excess.value, " is more than ", accelerator, " takes (",
                     excess.most, context ? ", its score buffer included" : "", "); ", advice));
}

void require_taken(const std::string& name, const ProgramHeader& program, const AcceleratorLimits& limits,
                   const std::string& accelerator) {
  refuse_excess(name, excess_of(program, limits), accelerator);
}

void require_taken(const std::string& name, const ProgramHeader& program, const Board& board) {
  require_taken(name, program, limits_of(board), "the accelerator of board " + board.name);
}

}  // namespace brim
