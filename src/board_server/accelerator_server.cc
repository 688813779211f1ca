#include "board_server/accelerator_server.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "isa/program.h"

namespace brim {

using registers::ErrorCode;

AcceleratorServer::AcceleratorServer(SharedDdr& ddr, PassServer& passes, AcceleratorServerOptions options)
    : ddr_(ddr), passes_(passes), options_(std::move(options)), block_(ddr, options_.registers) {
  block_.set(registers::kId, registers::kIdValue);
  block_.set(registers::kVersion, registers::kVersionValue);
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
  const uint32_t control = block_.get(registers::kControl);
  if (control == 0 || has(Fault::kSilent)) return false;
  clear_results();
  if (control & registers::kSoftReset) {
    if (!passes_.reset()) return false;  // as hardware whose reset never ends
    block_.set(registers::kStatus, 0);
    block_.set(registers::kControl, 0);
    return true;
  }
  block_.set(registers::kStatus, registers::kBusy);
  finish(has(Fault::kBusError) ? PassOutcome{ErrorCode::kReadError, block_.get(registers::kProgram)}
                               : run_pass());
  ++count_;
  return true;
}

void AcceleratorServer::clear_results() {
  block_.set(registers::kErrorCode, 0);
  block_.set(registers::kErrorAddress, 0);
  for (uint32_t offset = registers::kCycles; offset <= registers::kLastCounter; offset += 4) {
    block_.set(offset, 0);
  }
}

PassOutcome AcceleratorServer::run_pass() {
  if (options_.on_pass) {
    std::vector<uint32_t> ids(std::min(block_.get(registers::kTokens), registers::kTokenIds));
    for (uint32_t t = 0; t < ids.size(); ++t) ids[t] = block_.get(registers::kTokenId + 4 * t);
    options_.on_pass(block_.get(registers::kPosition), ids);
  }
  PassOutcome outcome = passes_.run(block_);
  if (!outcome.problem.empty() && options_.on_problem) options_.on_problem(outcome.problem);
  if (outcome.code == ErrorCode::kNone && has(Fault::kWrongBit)) spoil_logits();
  return outcome;
}

void AcceleratorServer::spoil_logits() {
  const uint32_t first = block_.get(registers::kFirstLogits);
  if (first == block_.get(registers::kTokens)) return;  // none are wanted
  const Program program =
      read_program(program_in(ddr_, uint64_t{block_.get(registers::kProgram)} * kBeatBytes));
  *ddr_.at(logits_address(program, first), 1) ^= 1;
}

void AcceleratorServer::finish(const PassOutcome& outcome) {
  const uint32_t status = outcome.code == ErrorCode::kNone ? registers::kDone : registers::kError;
  block_.set(registers::kErrorCode, static_cast<uint32_t>(outcome.code));
  block_.set(registers::kErrorAddress, outcome.address);
  block_.set(registers::kStatus, status);
  block_.set(registers::kInterruptStatus, block_.get(registers::kInterruptStatus) | status);
  block_.set(registers::kControl, 0);  // last: it says that the rest is true
}

}  // namespace brim
