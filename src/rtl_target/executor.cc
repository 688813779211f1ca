#include "rtl_target/executor.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "engine/check_pass.h"
#include "engine/fill_cache.h"
#include "isa/check.h"
#include "isa/pass_limits.h"
#include "isa/registers.h"
#include "rtl_target/does_not_fit.h"

namespace brim::rtl_target {
RtlExecutor::RtlExecutor(const MappedImage& image, const Board& board, const RtlOptions& options)
    : image_(image), board_(board), program_(image.program()), memory_(image) {
  check_program(image.path(), program_);
  const ProgramHeader& header = program_.header;
  const RegionEntry* logits = find_region(image.header(), RegionKind::kLogits);
  if (logits == nullptr) throw Error(image.path() + ": there is no room for logits; pack the model again");
  program_address_ = find_region(image.header(), RegionKind::kProgram)->address;
  const uint64_t logits_rows = logits->bytes / (uint64_t{header.logits_stride} * kBeatBytes);
  std::vector<uint32_t> candidates = built_models(options.models);
  if (options.tokens || candidates.empty()) candidates = {options.tokens.value_or(1)};
  AcceleratorLimits limits;
  for (const uint32_t tokens : candidates) {
    accelerator_.emplace(load_model(options.models, tokens), board_, memory_);
    limits.tokens = lanes_ = accelerator_->read(registers::kMaxTokens);
    limits.context = accelerator_->read(registers::kMaxContext);
    limits.score_buffer = accelerator_->read(registers::kScoreBytes);
    clock_hz_ = accelerator_->read(registers::kClockKhz) * 1e3;
    max_tokens_ = static_cast<uint32_t>(std::min(
        {uint64_t{options.max_tokens_per_pass}, logits_rows, uint64_t{most_tokens_of_pass(header, limits)}}));
    if (max_tokens_ > 0) break;
  }
  if (max_tokens_ > 0) return;
  try {
    require_taken(image.path(), header, limits, "the accelerator of board " + board.name);
  } catch (const Error& error) {
    throw DoesNotFit(error.what());
  }
  throw DoesNotFit(image.path() + ": no pass of the accelerator fits; pack with a smaller --context");
}

void RtlExecutor::fill_cache() {
  for (const Instruction& in : program_.instructions) brim::fill_cache(program_.header, in, memory_);
}

Counters RtlExecutor::counters() {
  Counters result;
  for (const CounterRegister& counter : kCounters) result.*counter.value = accelerator_->read(counter.offset);
  for (size_t i = 0; i < registers::kStalls.size(); ++i)
    result.stalls[i] = accelerator_->read(registers::kStalls[i].offset);
  return result;
}

std::span<const float> RtlExecutor::run(const Pass& pass) {
  check_pass(pass, *this);
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  const auto beat = [](uint64_t address) { return static_cast<uint32_t>(address / kBeatBytes); };
  accelerator_->write(registers::kProgram, beat(program_address_));
  accelerator_->write(registers::kPosition, pass.position);
  accelerator_->write(registers::kTokens, tokens);
  accelerator_->write(registers::kFirstLogits, pass.first_logits);
  for (uint32_t t = 0; t < tokens; ++t) accelerator_->write(registers::kTokenId + 4 * t, pass.tokens[t]);
  accelerator_->run_pass();

  if (accelerator_->read(registers::kStatus) != registers::kDone) {
    const auto code = static_cast<registers::ErrorCode>(accelerator_->read(registers::kErrorCode));
    const uint64_t address = uint64_t{accelerator_->read(registers::kErrorAddress)} * kBeatBytes;
    accelerator_->soft_reset();
    throw Error(concat(image_.path(), ": the accelerator ended the pass at position ", pass.position, ": ",
                       registers::describe(code), ", address 0x", std::hex, address,
                       "; pack the model again"));
  }
  passes_.push_back({.position = pass.position, .tokens = tokens, .counters = counters()});

  logits_.resize(uint64_t{tokens - pass.first_logits} * vocabulary());
  const uint64_t row_bytes = uint64_t{vocabulary()} * sizeof(float);
  for (uint32_t t = pass.first_logits; t < tokens; ++t) {
    std::memcpy(&logits_[uint64_t{t - pass.first_logits} * vocabulary()],
                memory_.read(logits_address(program_, t), row_bytes), row_bytes);
  }
  return logits_;
}

}  // namespace brim::rtl_target
