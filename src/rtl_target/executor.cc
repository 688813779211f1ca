#include "rtl_target/executor.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "engine/check_pass.h"
#include "engine/fill_cache.h"
#include "isa/damage.h"
#include "isa/kv_ranges.h"
#include "isa/pass_limits.h"
#include "rtl_target/does_not_fit.h"

namespace brim::rtl_target {

RtlExecutor::LoadedModel::LoadedModel(const MappedImage& image, uint16_t number)
    : index(number),
      program(image.runnable_program(number)),
      reach(reach_of(program.instructions)),
      address(image.view(number).program.address) {
  logits_rows = image.view(index).logits.bytes / (uint64_t{program.header.logits_stride} * kBeatBytes);
}

void RtlExecutor::require_windows(const LoadedModel& model) const {
  if (!model.reach.has_windows() || facts_.has_windows()) return;
  throw DoesNotFit(
      concat(image_.name_of(model.index), ": tokens attend to a window of the last ", model.reach.window,
             " positions, which the accelerator does not do; pack with --context ",
             model.reach.window / kAttentionBlock * kAttentionBlock, " or less, or choose another --target"));
}

bool RtlExecutor::takes(LoadedModel& model, uint32_t most_tokens) const {
  model.max_tokens = std::min(most_tokens, facts_.tokens_of_pass(model.program.header, model.logits_rows));
  return model.max_tokens > 0;
}

RtlExecutor::RtlExecutor(const MappedImage& image, const Board& board, const RtlOptions& options)
    : image_(image), board_(board), main_(image, kMainModel), memory_(image) {
  const ProgramHeader& header = main_.program.header;
  if (image.view().embedding.on_card() &&
      (header.dim != image.header().model.dim || header.vocabulary > image.header().model.vocabulary)) {
    throw Error(image.path() + ": its program is of another model than its embedding; pack the model again");
  }
  if (image.header().has_draft()) draft_.emplace(*this);
  std::vector<uint32_t> candidates = built_models(options.models);
  if (options.tokens || candidates.empty()) candidates = {options.tokens.value_or(1)};
  for (const uint32_t tokens : candidates) {
    accelerator_.emplace(load_model(options.models, tokens), board_, memory_);
    facts_ = accelerator::read_facts(*accelerator_);
    require_windows(main_);
    if (draft_) require_windows(draft_->model());
    const bool draft_fits = !draft_ || takes(draft_->model(), options.max_tokens_per_pass);
    if (takes(main_, options.max_tokens_per_pass) && draft_fits) return;
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
  for (const AddressRange& range : kv_ranges(main_.program, positions))
    parts.emplace_back(memory_.write(range.base, range.bytes), range.bytes);
  return parts;
}

void RtlExecutor::fill_cache() {
  for (const Instruction& in : main_.program.instructions)
    brim::fill_cache(main_.program.header, in, memory_);
}

// The pass as the accelerator takes it: where the embedding is on the card, the rows of its tokens are put
// into the slots, and the slots' numbers stand for the tokens.
Pass RtlExecutor::with_rows_in_slots(const Pass& pass) {
  const RegionEntry& embedding = image_.view().embedding;
  if (!embedding.on_card()) return pass;
  const uint64_t row = embedding_row_bytes(image_.header().model.embedding, main_.program.header.dim);
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
  return run(main_, with_rows_in_slots(pass));
}

PassLogits RtlExecutor::Draft::run(const Pass& pass) {
  check_pass(pass, *this);
  return rtl_.run(model_, pass);
}

PassLogits RtlExecutor::run(LoadedModel& model, const Pass& pass) {
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  accelerator::Request(model.address, pass).write(*accelerator_);
  accelerator_->run_pass();

  const accelerator::Outcome outcome = accelerator::read_outcome(*accelerator_);
  if (!outcome.done) {
    accelerator_->soft_reset();
    if (outcome.code == registers::ErrorCode::kDamaged) {
      throw DamageError(image_.path(), {outcome.region, outcome.byte_address()});
    }
    throw Error(concat(image_.name_of(model.index), ": the accelerator ended the pass at position ",
                       pass.position, ": ", registers::describe(outcome.code), ", address 0x", std::hex,
                       outcome.byte_address(), "; pack the model again"));
  }
  passes_.push_back({.position = pass.position,
                     .tokens = tokens,
                     .counters = accelerator::read_counters(*accelerator_),
                     .model = model.index});

  const uint32_t vocabulary = model.program.header.vocabulary;
  model.logits.resize(uint64_t{tokens - pass.first_logits} * vocabulary);
  const uint64_t row_bytes = uint64_t{vocabulary} * sizeof(float);
  for (uint32_t t = pass.first_logits; t < tokens; ++t) {
    const uint8_t* const row = memory_.read(logits_address(model.program, t), row_bytes);
    if (crc32c(row, row_bytes) != accelerator::read_logits_crc(*accelerator_, t))
      throw DamageError(image_.path(), {RegionKind::kLogits, logits_address(model.program, t)});
    std::memcpy(&model.logits[uint64_t{t - pass.first_logits} * vocabulary], row, row_bytes);
  }
  return model.logits;
}

}  // namespace brim::rtl_target
