#include "rtl_target/executor.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "engine/check_pass.h"
#include "engine/fill_cache.h"
#include "isa/damage.h"
#include "isa/kv_ranges.h"
#include "isa/pass_limits.h"
#include "rtl_target/does_not_fit.h"

namespace brim::rtl_target {
RtlExecutor::RtlExecutor(const MappedImage& image, const Board& board, const RtlOptions& options)
    : image_(image), board_(board), program_(image.runnable_program()), memory_(image) {
  const ProgramHeader& header = program_.header;
  try {
    require_in_rtl(image.path(), header);
  } catch (const Error& error) {
    throw DoesNotFit(error.what());
  }
  const ImageView view = image.view();
  if (view.embedding.on_card() &&
      (header.dim != image.header().model.dim || header.vocabulary > image.header().model.vocabulary)) {
    throw Error(image.path() + ": its program is of another model than its embedding; pack the model again");
  }
  program_address_ = view.program.address;
  const uint64_t logits_rows = view.logits.bytes / (uint64_t{header.logits_stride} * kBeatBytes);
  std::vector<uint32_t> candidates = built_models(options.models);
  if (options.tokens || candidates.empty()) candidates = {options.tokens.value_or(1)};
  for (const uint32_t tokens : candidates) {
    accelerator_.emplace(load_model(options.models, tokens), board_, memory_);
    facts_ = accelerator::read_facts(*accelerator_);
    max_tokens_ = std::min(options.max_tokens_per_pass, facts_.tokens_of_pass(header, logits_rows));
    if (max_tokens_ > 0) return;
  }
  try {
    require_taken(image.path(), header, facts_.limits(), "the accelerator of board " + board.name);
  } catch (const Error& error) {
    throw DoesNotFit(error.what());
  }
  throw DoesNotFit(image.path() + ": no pass of the accelerator fits; pack with a smaller --context");
}

std::vector<std::span<uint8_t>> RtlExecutor::cache_memory(uint32_t /*cache*/, uint32_t positions) {
  std::vector<std::span<uint8_t>> parts;
  for (const AddressRange& range : kv_ranges(program_, positions))
    parts.emplace_back(memory_.write(range.base, range.bytes), range.bytes);
  return parts;
}

void RtlExecutor::fill_cache() {
  for (const Instruction& in : program_.instructions) brim::fill_cache(program_.header, in, memory_);
}

// The pass as the accelerator takes it: where the embedding is on the card, the rows of its tokens are put
// into the slots, and the slots' numbers stand for the tokens.
Pass RtlExecutor::with_rows_in_slots(const Pass& pass) {
  const RegionEntry& embedding = image_.view().embedding;
  if (!embedding.on_card()) return pass;
  const uint64_t row = embedding_row_bytes(image_.header().model.embedding, program_.header.dim);
  slots_.clear();
  for (const uint32_t token : pass.tokens) {
    const auto slot = static_cast<uint32_t>(slots_.size());
    std::memcpy(memory_.write(embedding.address + slot * row, row), &image_.content(embedding)[token * row],
                row);
    slots_.push_back(slot);
  }
  Pass result = pass;
  result.tokens = slots_;
  return result;
}

PassLogits RtlExecutor::run(const Pass& pass) {
  check_pass(pass, *this);
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  accelerator::Request(program_address_, with_rows_in_slots(pass)).write(*accelerator_);
  accelerator_->run_pass();

  const accelerator::Outcome outcome = accelerator::read_outcome(*accelerator_);
  if (!outcome.done) {
    accelerator_->soft_reset();
    if (outcome.code == registers::ErrorCode::kDamaged) {
      throw DamageError(image_.path(), {outcome.region, outcome.byte_address()});
    }
    throw Error(concat(image_.path(), ": the accelerator ended the pass at position ", pass.position, ": ",
                       registers::describe(outcome.code), ", address 0x", std::hex, outcome.byte_address(),
                       "; pack the model again"));
  }
  passes_.push_back(
      {.position = pass.position, .tokens = tokens, .counters = accelerator::read_counters(*accelerator_)});

  logits_.resize(uint64_t{tokens - pass.first_logits} * vocabulary());
  const uint64_t row_bytes = uint64_t{vocabulary()} * sizeof(float);
  for (uint32_t t = pass.first_logits; t < tokens; ++t) {
    std::memcpy(&logits_[uint64_t{t - pass.first_logits} * vocabulary()],
                memory_.read(logits_address(program_, t), row_bytes), row_bytes);
  }
  return logits_;
}

}  // namespace brim::rtl_target
