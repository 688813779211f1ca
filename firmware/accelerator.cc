#include "firmware/accelerator.h"

#include <algorithm>

#include "firmware/board.h"
#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/image_loader.h"
#include "firmware/io.h"
#include "firmware/timer.h"
#include "isa/pass_limits.h"
#include "isa/registers.h"

namespace brim {

namespace {

uint32_t get(uint32_t offset) { return io_read<uint32_t>(board::kAccelerator + offset); }
void set(uint32_t offset, uint32_t value) { io_write<uint32_t>(board::kAccelerator + offset, value); }

// Writes before it are seen before writes after it, in memory and in registers.
void barrier() { asm volatile("dsb sy" ::: "memory"); }

constexpr double kResetSeconds = 1.0;

}  // namespace

bool Accelerator::attach(const ImageHeader& image) {
  if (get(registers::kId) != registers::kIdValue) {
    print("Error: no accelerator at ", Hex{board::kAccelerator}, " (its ID reads ", Hex{get(registers::kId)},
          "). Load the bitstream first.\n");
    return false;
  }
  if (get(registers::kVersion) != registers::kVersionValue) {
    print("Error: the accelerator has registers of version ", get(registers::kVersion),
          ", this firmware knows ", registers::kVersionValue, ". Build both from the same sources.\n");
    return false;
  }
  const RegionEntry* program = find_region(image, RegionKind::kProgram);
  const RegionEntry* logits = find_region(image, RegionKind::kLogits);
  if (program == nullptr || logits == nullptr || program->bytes < sizeof(ProgramHeader)) {
    print("Error: the image has no program or no room for logits. Pack the model again.\n");
    return false;
  }
  program_address_ = program->address;
  program_ = reinterpret_cast<const ProgramHeader*>(program_address_);
  logits_address_ = logits->address;
  logits_bytes_ = logits->bytes;
  const uint64_t row_bytes = uint64_t{program_->logits_stride} * kBeatBytes;
  if (program_->magic != kProgramMagic || program_->version != kProgramVersion || program_->kv_heads == 0 ||
      program_->heads < program_->kv_heads || program_->context == 0 || program_->vocabulary == 0 ||
      row_bytes < uint64_t{program_->vocabulary} * sizeof(float) || row_bytes > logits_bytes_) {
    print("Error: the header of the image's program is wrong. Pack the model again.\n");
    return false;
  }
  const AcceleratorLimits limits{.tokens = get(registers::kMaxTokens),
                                 .context = get(registers::kMaxContext),
                                 .score_buffer = get(registers::kScoreBytes)};
  const uint64_t most = std::min<uint64_t>(most_tokens_of_pass(*program_, limits), logits_bytes_ / row_bytes);
  if (most == 0) {
    const Excess excess = limits.tokens == 0 ? Excess{} : excess_of(*program_, limits);
    print("Error: the image's ", excess.size == nullptr ? "program" : excess.size, " of ", excess.value,
          " is more than the accelerator takes (", excess.most,
          "). Pack with a smaller --context or model.\n");
    return false;
  }
  max_tokens_ = static_cast<uint32_t>(most);
  return true;
}

bool Accelerator::counts_stalls() const {
  return (get(registers::kCapabilities) & registers::kHasStallCounters) != 0;
}

std::span<float> Accelerator::logits_row(uint32_t token) {
  auto* row =
      reinterpret_cast<float*>(logits_address_ + uint64_t{token} * program_->logits_stride * kBeatBytes);
  return {row, program_->vocabulary};
}

bool Accelerator::can_sample() const {
  constexpr uint32_t kRows = 4;  // whichever row the logits are in, two neighbours are free
  return logits_bytes_ >= kRows * uint64_t{program_->logits_stride} * kBeatBytes;
}

std::span<Candidate> Accelerator::sampling_scratch() {
  static_assert(sizeof(Candidate) == 2 * sizeof(float));
  scratch_used_ = true;
  auto* rows = reinterpret_cast<Candidate*>(logits_row(last_row_ >= 2 ? 0 : last_row_ + 1).data());
  return {rows, program_->vocabulary};
}

bool Accelerator::wait_for_end(double seconds) {
  const Timeout timeout(seconds);
  while (get(registers::kControl) != 0) {
    if (timeout.expired()) return false;
    console::poll();
  }
  barrier();
  return true;
}

bool Accelerator::run_pass(const Pass& pass, std::span<const float>& logits) {
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  // Rows that the accelerator will write must have no dirty lines in the cache, which would overwrite its
  // logits whenever they are evicted: the sampler's scratch has left some.
  if (scratch_used_) flush_cache(reinterpret_cast<const void*>(logits_address_), logits_bytes_);
  scratch_used_ = false;

  set(registers::kProgram, static_cast<uint32_t>(program_address_ / kBeatBytes));
  set(registers::kPosition, pass.position);
  set(registers::kTokens, tokens);
  set(registers::kFirstLogits, pass.first_logits);
  for (uint32_t t = 0; t < tokens; ++t) set(registers::kTokenId + 4 * t, pass.tokens[t]);
  barrier();
  const double start = seconds_now();
  set(registers::kControl, registers::kStart);
  if (!wait_for_end(board::kPassSeconds)) return fail(pass, false);
  if ((get(registers::kStatus) & registers::kDone) == 0) return fail(pass, true);
  count(pass, seconds_now() - start);

  if (pass.first_logits < tokens) {
    const auto first = logits_row(pass.first_logits);
    last_row_ = tokens - 1;
    const auto end = reinterpret_cast<uint64_t>(logits_row(last_row_).data() + program_->vocabulary);
    // The processor may have read these rows ahead on its own account while the accelerator wrote them.
    flush_cache(first.data(), end - reinterpret_cast<uint64_t>(first.data()));
    // One token's logits are all that anybody asks for; rows are apart by logits_stride.
    logits = logits_row(last_row_);
  }
  return true;
}

bool Accelerator::fail(const Pass& pass, bool answered) {
  if (answered) {
    const auto code = static_cast<registers::ErrorCode>(get(registers::kErrorCode));
    print("\nError: accelerator: ", registers::describe(code), " (code ", static_cast<uint32_t>(code),
          ") at address ", Hex{uint64_t{get(registers::kErrorAddress)} * kBeatBytes}, ", position ",
          pass.position, ", after ", get(registers::kCycles), " cycles.");
  } else {
    print("\nError: the accelerator did not finish a pass of ", pass.tokens.size(), " tokens at position ",
          pass.position, " within ", board::kPassSeconds, " s.");
  }
  set(registers::kControl, registers::kSoftReset);
  print(wait_for_end(kResetSeconds) ? " It has been reset.\n"
                                    : " It does not react to a reset either: reset the board.\n");
  return false;
}

void Accelerator::count(const Pass& pass, double seconds) {
  work_.tokens += pass.tokens.size();
  work_.cycles += get(registers::kCycles);
  work_.beats += uint64_t{get(registers::kBeatsRead)} + get(registers::kBeatsWritten);
  work_.seconds += seconds;
  for (size_t i = 0; i < work_.stalls.size(); ++i) work_.stalls[i] += get(registers::kStalls[i].offset);
}

}  // namespace brim
