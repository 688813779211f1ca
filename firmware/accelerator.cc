#include "firmware/accelerator.h"

#include <algorithm>

#include "base/crc32c.h"
#include "firmware/board.h"
#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/image_loader.h"
#include "firmware/io.h"
#include "firmware/timer.h"
#include "isa/registers.h"

namespace brim {

namespace {

// The registers.
struct Block {
  uint32_t read(uint32_t offset) const { return io_read<uint32_t>(board::kAccelerator + offset); }
  void write(uint32_t offset, uint32_t value) const {
    io_write<uint32_t>(board::kAccelerator + offset, value);
  }
} block;

// Writes before it are seen before writes after it, in memory and in registers.
void barrier() { asm volatile("dsb sy" ::: "memory"); }

constexpr double kResetSeconds = 1.0;

// Of one pass; more is no accident.
constexpr uint32_t kMostRepairs = 32;

}  // namespace

bool Accelerator::attach(const ImageHeader& image, EmbeddingRows& rows) {
  rows_ = &rows;
  switch (accelerator::look_for_accelerator(block)) {
    case accelerator::Presence::kPresent:
      break;
    case accelerator::Presence::kAbsent:
      print("Error: no accelerator at ", Hex{board::kAccelerator}, " (its ID reads ",
            Hex{block.read(registers::kId)}, "). Load the bitstream first.\n");
      return false;
    case accelerator::Presence::kOtherVersion:
      print("Error: the accelerator has registers of version ", block.read(registers::kVersion),
            ", this firmware knows ", registers::kVersionValue, ". Build both from the same sources.\n");
      return false;
  }
  facts_ = accelerator::read_facts(block);
  block.write(registers::kWatchdog, accelerator::kWatchdogCycles);
  repairs_.attach(image);
  if (!attach(ImageView(image), main_)) return false;
  if (image.has_draft() && !attach(ImageView(image, kDraftModel), draft_.model)) return false;
  if (rows.used()) main_.max_tokens = std::min(main_.max_tokens, rows.tokens_of_half());
  return true;
}

// Takes a model's program into use.
bool Accelerator::attach(const ImageView& view, Model& model) {
  const auto* program = reinterpret_cast<const ProgramHeader*>(view.program.address);
  const uint64_t row_bytes =
      view.program.bytes < sizeof(ProgramHeader) ? 0 : uint64_t{program->logits_stride} * kBeatBytes;
  if (row_bytes == 0 || program->magic != kProgramMagic || program->version != kProgramVersion ||
      program->kv_heads == 0 || program->heads < program->kv_heads || program->context == 0 ||
      program->vocabulary == 0 ||
      (view.program.bytes - sizeof(ProgramHeader)) / sizeof(Instruction) < program->instructions ||
      row_bytes < uint64_t{program->vocabulary} * sizeof(float) || row_bytes > view.logits.bytes) {
    print("Error: the header of the image's program is wrong. Pack the model again.\n");
    return false;
  }
  model = {program, view.program.address, view.logits.address, view.logits.bytes};
  model.reach = reach_of({reinterpret_cast<const Instruction*>(program + 1), program->instructions});
  if (model.reach.has_windows() && !facts_.has_windows()) {
    print("Error: the image's tokens attend to a window of the last ", model.reach.window,
          " positions, which the accelerator does not do. Pack with a --context up to the window.\n");
    return false;
  }
  model.max_tokens = facts_.tokens_of_pass(*program, model.logits_rows());
  if (model.max_tokens > 0) return true;
  const AcceleratorLimits limits = facts_.limits();
  const Excess excess = limits.tokens == 0 ? Excess{} : excess_of(*program, limits);
  print("Error: the image's ", excess.size == nullptr ? "program" : excess.size, " of ", excess.value,
        " is more than the accelerator takes (", excess.most, "). Pack with a smaller --context or model.\n");
  return false;
}

std::span<float> Accelerator::Model::logits_row(uint32_t token) const {
  auto* row = reinterpret_cast<float*>(logits + uint64_t{token} * program->logits_stride * kBeatBytes);
  return {row, program->vocabulary};
}

std::span<Candidate> Accelerator::sampling_scratch() {
  static_assert(sizeof(Candidate) == 2 * sizeof(float));
  scratch_used_ = true;
  const bool behind = last_row_ + 2 < main_.logits_rows();
  auto* rows = reinterpret_cast<Candidate*>(logits_row(behind ? last_row_ + 1 : 0).data());
  return {rows, vocabulary()};
}

bool Accelerator::wait_for_end(double seconds) {
  const Timeout timeout(seconds);
  while (block.read(registers::kControl) != 0) {
    if (timeout.expired()) return false;
    console::poll();
  }
  barrier();
  return true;
}

PassLogits Accelerator::run(const Pass& pass) {
  // Rows that the accelerator will write must have no dirty lines in the cache, which would overwrite its
  // logits whenever they are evicted: the sampler's scratch has left some.
  if (scratch_used_) flush_cache(reinterpret_cast<const void*>(main_.logits), main_.logits_bytes);
  scratch_used_ = false;

  Pass as_slots = pass;
  if (rows_->used()) {
    as_slots.tokens = rows_->fetch(pass.tokens);
    if (as_slots.tokens.empty()) return PassLogits::failure();
  }
  const PassLogits logits = run(main_, pass, as_slots);
  if (!logits.empty()) last_row_ = static_cast<uint32_t>(pass.tokens.size()) - 1;
  return logits;
}

PassLogits Accelerator::run(const Model& model, const Pass& pass, const Pass& as_slots) {
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  const bool rows_used = rows_->used() && &model == &main_;
  uint64_t repaired[kMostRepairs];
  uint32_t repairs = 0;
  double seconds;
  while (true) {
    accelerator::Request(model.address, as_slots).write(block);
    barrier();
    const double start = seconds_now();
    block.write(registers::kControl, registers::kStart);
    if (rows_used && repairs == 0) rows_->prepare(pass.next);
    if (!wait_for_end(board::kPassSeconds)) return fail(pass, nullptr);
    seconds = seconds_now() - start;
    accelerator::Outcome outcome = accelerator::read_outcome(block);
    if (outcome.done) {
      const uint32_t damaged = damaged_logits(model, pass);
      if (damaged == tokens) break;
      outcome = {.code = registers::ErrorCode::kDamaged,
                 .address = static_cast<uint32_t>(
                     reinterpret_cast<uint64_t>(model.logits_row(damaged).data()) / kBeatBytes),
                 .region = RegionKind::kLogits};
    }
    if (outcome.code != registers::ErrorCode::kDamaged || repairs == kMostRepairs)
      return fail(pass, &outcome);
    const uint64_t address = outcome.byte_address();
    if (std::find(repaired, repaired + repairs, address) != repaired + repairs) {
      report_stuck(address);
      return fail(pass, &outcome);
    }
    if (outcome.region == RegionKind::kLogits) {
      repairs_.logits_are_computed_again(address);
    } else if (!reset() || !repairs_.repair(outcome.region, address)) {
      return fail(pass, &outcome);
    }
    repaired[repairs++] = address;
  }
  const EmbeddingRows::Counts read = rows_->take_counts();
  work_.rows.rows += read.rows;
  work_.rows.seconds += read.seconds;
  ++work_.passes;
  work_.tokens += tokens;
  work_.seconds += seconds;
  work_.counters += accelerator::read_counters(block);

  if (pass.first_logits == tokens) return {};
  const auto first = model.logits_row(pass.first_logits);
  const float* const end = model.logits_row(tokens - 1).data() + model.program->vocabulary;
  const auto bytes = reinterpret_cast<uint64_t>(end) - reinterpret_cast<uint64_t>(first.data());
  constexpr uint64_t kFloatsPerBeat = kBeatBytes / sizeof(float);
  return {{first.data(), bytes / sizeof(float)}, model.program->logits_stride * kFloatsPerBeat};
}

// The first token whose logits are not those that the accelerator has computed; the pass's tokens if there is
// none.
uint32_t Accelerator::damaged_logits(const Model& model, const Pass& pass) {
  const auto tokens = static_cast<uint32_t>(pass.tokens.size());
  for (uint32_t t = pass.first_logits; t < tokens; ++t) {
    const std::span<const float> row = model.logits_row(t);
    // The processor may have read these rows ahead on its own account while the accelerator wrote them.
    flush_cache(row.data(), row.size_bytes());
    if (facts_.checks_logits() &&
        crc32c(row.data(), row.size_bytes()) != accelerator::read_logits_crc(block, t))
      return t;
  }
  return tokens;
}

bool Accelerator::reset() {
  block.write(registers::kControl, registers::kSoftReset);
  return wait_for_end(kResetSeconds);
}

PassLogits Accelerator::fail(const Pass& pass, const accelerator::Outcome* outcome) {
  if (outcome != nullptr) {
    print("\nError: accelerator: ", registers::describe(outcome->code), " (code ",
          static_cast<uint32_t>(outcome->code), ") at address ", Hex{outcome->byte_address()}, ", position ",
          pass.position, ", after ", block.read(registers::kCycles), " cycles.");
  } else {
    print("\nError: the accelerator did not finish a pass of ", pass.tokens.size(), " tokens at position ",
          pass.position, " within ", board::kPassSeconds, " s.");
  }
  print(reset() ? " It has been reset.\n" : " It does not react to a reset either: reset the board.\n");
  return PassLogits::failure();
}

}  // namespace brim
