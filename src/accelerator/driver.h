// The accelerator's registers (docs/registers.md) as a driver uses them: the one statement of what is written
// before a pass and read after it. Freestanding: the firmware drives hardware through it, the RTL target a
// simulated accelerator, and the board server reads by it what a firmware asks for.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <span>

#include "engine/pass.h"
#include "isa/instruction.h"
#include "isa/layout.h"
#include "isa/pass_limits.h"
#include "isa/regions.h"
#include "isa/registers.h"

namespace brim::accelerator {

template <typename R>
concept Registers = requires(R& block, uint32_t offset, uint32_t value) {
  { block.read(offset) } -> std::same_as<uint32_t>;
  block.write(offset, value);
};

enum class Presence : uint8_t { kPresent, kAbsent, kOtherVersion };

template <Registers R>
Presence look_for_accelerator(R& block) {
  if (block.read(registers::kId) != registers::kIdValue) return Presence::kAbsent;
  return block.read(registers::kVersion) == registers::kVersionValue ? Presence::kPresent
                                                                     : Presence::kOtherVersion;
}

// For register WATCHDOG: cycles without a beat before the accelerator gives a pass up. The longest that a
// sound pass computes without one is a hundredth of it.
inline constexpr uint32_t kWatchdogCycles = 10'000'000;

// What an accelerator can take.
struct Facts {
  uint32_t capabilities = 0;
  uint32_t max_tokens = 0;
  uint32_t max_context = 0;
  uint32_t score_bytes = 0;
  uint32_t clock_khz = 0;

  bool counts_stalls() const { return (capabilities & registers::kHasStallCounters) != 0; }
  bool checks_logits() const { return (capabilities & registers::kHasLogitsCrc) != 0; }
  bool has_windows() const { return (capabilities & registers::kHasWindows) != 0; }

  AcceleratorLimits limits() const {
    return {.tokens = max_tokens, .context = max_context, .score_buffer = score_bytes};
  }

  // The most tokens of a pass of this program whose logits have `logits_rows` rows of memory; 0: the
  // accelerator does not take the program, see excess_of.
  uint32_t tokens_of_pass(const ProgramHeader& program, uint64_t logits_rows) const {
    return static_cast<uint32_t>(std::min<uint64_t>(most_tokens_of_pass(program, limits()), logits_rows));
  }
};

template <Registers R>
Facts read_facts(R& block) {
  return {.capabilities = block.read(registers::kCapabilities),
          .max_tokens = block.read(registers::kMaxTokens),
          .max_context = block.read(registers::kMaxContext),
          .score_bytes = block.read(registers::kScoreBytes),
          .clock_khz = block.read(registers::kClockKhz)};
}

template <Registers R>
void write_facts(R& block, const Facts& facts) {
  block.write(registers::kCapabilities, facts.capabilities);
  block.write(registers::kMaxTokens, facts.max_tokens);
  block.write(registers::kMaxContext, facts.max_context);
  block.write(registers::kScoreBytes, facts.score_bytes);
  block.write(registers::kClockKhz, facts.clock_khz);
}

// A pass as the registers describe it.
class Request {
 public:
  // `program`: address of the program's header. The pass has at most registers::kTokenIds tokens.
  Request(uint64_t program, const Pass& pass)
      : program_(static_cast<uint32_t>(program / kBeatBytes)),
        position_(pass.position),
        count_(static_cast<uint32_t>(pass.tokens.size())),
        first_logits_(pass.first_logits) {
    std::copy_n(pass.tokens.begin(), ids().size(), ids_.begin());
  }

  template <Registers R>
  static Request read(R& block) {
    Request request;
    request.program_ = block.read(registers::kProgram);
    request.position_ = block.read(registers::kPosition);
    request.count_ = block.read(registers::kTokens);
    request.first_logits_ = block.read(registers::kFirstLogits);
    for (uint32_t t = 0; t < request.ids().size(); ++t)
      request.ids_[t] = block.read(registers::kTokenId + 4 * t);
    return request;
  }

  template <Registers R>
  void write(R& block) const {
    block.write(registers::kProgram, program_);
    block.write(registers::kPosition, position_);
    block.write(registers::kTokens, count_);
    block.write(registers::kFirstLogits, first_logits_);
    for (uint32_t t = 0; t < ids().size(); ++t) block.write(registers::kTokenId + 4 * t, ids_[t]);
  }

  uint32_t program_beat() const { return program_; }
  uint64_t program_address() const { return uint64_t{program_} * kBeatBytes; }
  // As it was asked for; more than the ids if TOKENS is out of range.
  uint32_t tokens() const { return count_; }
  std::span<const uint32_t> ids() const { return {ids_.data(), std::min(count_, registers::kTokenIds)}; }
  Pass pass() const { return {.tokens = ids(), .position = position_, .first_logits = first_logits_}; }

  // Whether a program of this context and vocabulary can run it in passes of `max_tokens`.
  bool in_range(uint32_t max_tokens, uint32_t context, uint32_t vocabulary) const {
    return count_ > 0 && count_ <= std::min(max_tokens, registers::kTokenIds) && first_logits_ <= count_ &&
           uint64_t{position_} + count_ <= context &&
           std::all_of(ids().begin(), ids().end(), [&](uint32_t id) { return id < vocabulary; });
  }

 private:
  Request() = default;

  uint32_t program_ = 0;  // in beats
  uint32_t position_ = 0;
  uint32_t count_ = 0;
  uint32_t first_logits_ = 0;
  std::array<uint32_t, registers::kTokenIds> ids_{};
};

// How a pass ended.
struct Outcome {
  bool done = false;  // without an error
  registers::ErrorCode code = registers::ErrorCode::kNone;
  uint32_t address = 0;                     // as ERROR_ADDRESS, in beats
  RegionKind region = RegionKind::kHeader;  // kDamaged: of what

  uint64_t byte_address() const { return uint64_t{address} * kBeatBytes; }
};

template <Registers R>
Outcome read_outcome(R& block) {
  return {.done = (block.read(registers::kStatus) & registers::kDone) != 0,
          .code = static_cast<registers::ErrorCode>(block.read(registers::kErrorCode)),
          .address = block.read(registers::kErrorAddress),
          .region = static_cast<RegionKind>(block.read(registers::kErrorRegion))};
}

// The CRC of the logits of token `token` of the last pass, as the accelerator computed them.
template <Registers R>
uint32_t read_logits_crc(R& block, uint32_t token) {
  return block.read(registers::kLogitsCrc + 4 * token);
}

}  // namespace brim::accelerator
