#include "board_server/accelerator_server.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "accelerator/driver.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "isa/program.h"

namespace brim {

using registers::ErrorCode;

AcceleratorServer::AcceleratorServer(SharedDdr& ddr, PassServer& passes, AcceleratorServerOptions options)
    : ddr_(ddr), passes_(passes), options_(std::move(options)), block_(ddr, options_.registers) {
  block_.write(registers::kId, registers::kIdValue);
  block_.write(registers::kVersion, registers::kVersionValue);
  passes_.describe(block_);
}

void AcceleratorServer::run(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  // A processor that decodes asks again within a millisecond; one that waits for a person does not.
  constexpr auto kBusy = std::chrono::milliseconds(2);
  constexpr auto kNap = std::chrono::microseconds(100);
  auto last = Clock::now();
  while (!stop.stop_requested()) {
    if (serve_once()) {
      last = Clock::now();
    } else if (Clock::now() - last < kBusy) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kNap);
    }
  }
}

bool AcceleratorServer::serve_once() {
  const uint32_t control = block_.read(registers::kControl);
  if (control == 0 || has(Fault::kSilent)) return false;
  clear_results();
  if (control & registers::kSoftReset) {
    if (!passes_.reset()) return false;  // as hardware whose reset never ends
    block_.write(registers::kStatus, 0);
    block_.write(registers::kControl, 0);
    return true;
  }
  block_.write(registers::kStatus, registers::kBusy);
  finish(has(Fault::kBusError) ? PassOutcome{ErrorCode::kReadError, block_.read(registers::kProgram)}
                               : run_pass());
  ++count_;
  return true;
}

void AcceleratorServer::clear_results() {
  block_.write(registers::kErrorCode, 0);
  block_.write(registers::kErrorAddress, 0);
  block_.write(registers::kErrorRegion, 0);
  for (uint32_t offset = registers::kCycles; offset <= registers::kLastCounter; offset += 4) {
    block_.write(offset, 0);
  }
}

PassOutcome AcceleratorServer::run_pass() {
  if (options_.on_pass) {
    const auto request = accelerator::Request::read(block_);
    options_.on_pass(request.pass().position, request.ids());
  }
  if (has(Fault::kStuckBit) || (has(Fault::kFlippedBit) && spoilt_byte_ < 0)) {
    try {
      spoil_weights();
    } catch (const Error&) {
      // There is no program to find weights by; the pass says what is wrong with it.
    }
  }
  PassOutcome outcome = passes_.run(block_);
  if (!outcome.problem.empty() && options_.on_problem) options_.on_problem(outcome.problem);
  if (outcome.code == ErrorCode::kNone && has(Fault::kWrongBit)) compute_wrong_logits();
  if (outcome.code == ErrorCode::kNone && has(Fault::kFlippedLogits) && !flipped_logits_) {
    if (uint8_t* const logits = some_logits()) {
      *logits ^= 1;
      flipped_logits_ = true;
    }
  }
  return outcome;
}

// Of the first token whose logits are wanted; null if none are.
uint8_t* AcceleratorServer::some_logits() {
  const auto request = accelerator::Request::read(block_);
  const uint32_t first = request.pass().first_logits;
  if (first == request.tokens()) return nullptr;
  const Program program = read_program(program_in(ddr_, request.program_address()));
  return ddr_.at(logits_address(program, first), uint64_t{program.header.vocabulary} * sizeof(float));
}

// Their CRC is that of what was computed.
void AcceleratorServer::compute_wrong_logits() {
  uint8_t* const logits = some_logits();
  if (logits == nullptr) return;
  *logits ^= 1;
  const auto request = accelerator::Request::read(block_);
  const Program program = read_program(program_in(ddr_, request.program_address()));
  block_.write(registers::kLogitsCrc + 4 * request.pass().first_logits,
               crc32c(logits, uint64_t{program.header.vocabulary} * sizeof(float)));
}

// A bit in the middle of the first weight page.
void AcceleratorServer::spoil_weights() {
  const auto request = accelerator::Request::read(block_);
  const Program program = read_program(program_in(ddr_, request.program_address()));
  const auto stream = std::ranges::find(program.instructions, Opcode::kStream, &Instruction::opcode);
  if (stream == program.instructions.end()) return;
  uint8_t* const byte = ddr_.at(uint64_t{stream->address} * kBeatBytes + kPageBytes + kPageBytes / 2, 1);
  if (spoilt_byte_ < 0) spoilt_byte_ = *byte ^ 0x10;
  *byte = static_cast<uint8_t>(spoilt_byte_);
}

void AcceleratorServer::finish(const PassOutcome& outcome) {
  const uint32_t status = outcome.code == ErrorCode::kNone ? registers::kDone : registers::kError;
  block_.write(registers::kErrorCode, static_cast<uint32_t>(outcome.code));
  block_.write(registers::kErrorAddress, outcome.address);
  block_.write(registers::kErrorRegion, static_cast<uint32_t>(outcome.region));
  block_.write(registers::kStatus, status);
  block_.write(registers::kInterruptStatus, block_.read(registers::kInterruptStatus) | status);
  block_.write(registers::kControl, 0);  // last: it says that the rest is true
}

}  // namespace brim
