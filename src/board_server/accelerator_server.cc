#include "board_server/accelerator_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "board_server/pass_traffic.h"

namespace brim {

using registers::ErrorCode;

AcceleratorServer::AcceleratorServer(SharedDdr& ddr, AcceleratorServerOptions options)
    : ddr_(ddr),
      options_(std::move(options)),
      block_(reinterpret_cast<uint32_t*>(ddr.at(options_.registers, registers::kBlockBytes))) {
  set(registers::kId, registers::kIdValue);
  set(registers::kVersion, registers::kVersionValue);
  set(registers::kCapabilities, 0);  // this executor has no FIFO that could run empty
  set(registers::kMaxTokens, std::min(options_.accelerator.tokens_per_pass, registers::kTokenIds));
  set(registers::kMaxContext, kMaxContext);
  set(registers::kScoreBytes, options_.accelerator.score_buffer_bytes);
  set(registers::kClockKhz, static_cast<uint32_t>(options_.accelerator.clock_mhz * 1000));
  if (options_.rtl != nullptr) {
    for (uint32_t offset = registers::kCapabilities; offset <= registers::kClockKhz; offset += 4) {
      set(offset, options_.rtl->read(offset));
    }
  }
}

uint32_t AcceleratorServer::get(uint32_t offset) const {
  return std::atomic_ref<uint32_t>(block_[offset / 4]).load(std::memory_order_acquire);
}

void AcceleratorServer::set(uint32_t offset, uint32_t value) {
  std::atomic_ref<uint32_t>(block_[offset / 4]).store(value, std::memory_order_release);
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
  const uint32_t control = get(registers::kControl);
  if (control == 0) return false;
  if (has(Fault::kSilent)) return false;
  if (control & registers::kSoftReset) {
    interpreter_.reset();
    if (options_.rtl != nullptr) options_.rtl->soft_reset();
    clear_results();
    set(registers::kStatus, 0);
    set(registers::kControl, 0);
    return true;
  }
  clear_results();
  set(registers::kStatus, registers::kBusy);
  if (has(Fault::kBusError)) {
    finish(ErrorCode::kReadError, get(registers::kProgram));
  } else if (options_.rtl != nullptr) {
    run_pass_in_rtl();
  } else {
    run_pass();
  }
  ++passes_;
  return true;
}

void AcceleratorServer::clear_results() {
  set(registers::kErrorCode, 0);
  set(registers::kErrorAddress, 0);
  for (uint32_t offset = registers::kCycles; offset <= registers::kStallLocal; offset += 4) set(offset, 0);
}

void AcceleratorServer::finish(ErrorCode code, uint32_t address_in_beats) {
  const uint32_t status = code == ErrorCode::kNone ? registers::kDone : registers::kError;
  set(registers::kErrorCode, static_cast<uint32_t>(code));
  set(registers::kErrorAddress, address_in_beats);
  set(registers::kStatus, status);
  set(registers::kInterruptStatus, get(registers::kInterruptStatus) | status);
  set(registers::kControl, 0);  // last: it says that the rest is true
}

// Reads and resolves the program unless it is the one in use.
void AcceleratorServer::use_program(uint64_t address) {
  ProgramHeader header;
  std::memcpy(&header, ddr_.at(address, sizeof(header)), sizeof(header));
  if (header.magic != kProgramMagic) throw Error("there is no program where PROGRAM points");
  const uint64_t bytes = sizeof(header) + uint64_t{header.instructions} * sizeof(Instruction);
  const std::span<const uint8_t> in_memory(ddr_.at(address, bytes), bytes);
  if (interpreter_ && std::ranges::equal(in_memory, program_bytes_)) return;
  interpreter_.reset();
  program_bytes_.assign(in_memory.begin(), in_memory.end());
  program_ = read_program(program_bytes_);
  interpreter_ = std::make_unique<Interpreter>(
      "the board's program", program_, std::make_unique<DdrView>(ddr_), options_.kernels(),
      InterpreterOptions{.max_tokens_per_pass = get(registers::kMaxTokens), .threads = options_.threads});
}

void AcceleratorServer::run_pass() {
  const uint32_t program = get(registers::kProgram);
  const auto problem = [&](ErrorCode code, const Error& error) {
    if (options_.on_problem) options_.on_problem(error.what());
    finish(code, program);
  };
  try {
    use_program(uint64_t{program} * kBeatBytes);
  } catch (const Error& error) {
    return problem(ErrorCode::kBadProgram, error);
  }

  const uint32_t tokens = get(registers::kTokens);
  const uint32_t position = get(registers::kPosition);
  const uint32_t first_logits = get(registers::kFirstLogits);
  if (tokens == 0 || tokens > get(registers::kMaxTokens) || first_logits > tokens ||
      uint64_t{position} + tokens > program_.header.context) {
    return finish(ErrorCode::kBadPass, program);
  }
  std::vector<uint32_t> ids(tokens);
  for (uint32_t t = 0; t < tokens; ++t) ids[t] = get(registers::kTokenId + 4 * t);
  if (std::ranges::any_of(ids, [&](uint32_t id) { return id >= program_.header.vocabulary; })) {
    return finish(ErrorCode::kBadPass, program);
  }
  if (options_.on_pass) options_.on_pass(position, ids);

  const auto start = std::chrono::steady_clock::now();
  try {
    write_logits(interpreter_->run({.tokens = ids, .position = position, .first_logits = first_logits}),
                 first_logits);
  } catch (const Error& error) {
    return problem(ErrorCode::kOverflow, error);  // all else has been checked
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const auto counter = [&](uint32_t offset, double value) {
    set(offset, static_cast<uint32_t>(std::min(value, 4294967295.0)));
  };
  const PassTraffic traffic = pass_traffic(program_, position, tokens, first_logits);
  // Cycles of the board's clock that went by while this machine computed.
  counter(registers::kCycles, seconds.count() * options_.accelerator.clock_mhz * 1e6);
  counter(registers::kBeatsRead, static_cast<double>(traffic.beats_read));
  counter(registers::kBeatsWritten, static_cast<double>(traffic.beats_written));
  finish(ErrorCode::kNone, 0);
}

// The same registers there as here; the processor is told last.
void AcceleratorServer::run_pass_in_rtl() {
  rtl_target::Accelerator& rtl = *options_.rtl;
  for (const uint32_t offset :
       {registers::kProgram, registers::kPosition, registers::kTokens, registers::kFirstLogits}) {
    rtl.write(offset, get(offset));
  }
  std::vector<uint32_t> ids(std::min(get(registers::kTokens), registers::kTokenIds));
  for (uint32_t t = 0; t < ids.size(); ++t) {
    ids[t] = get(registers::kTokenId + 4 * t);
    rtl.write(registers::kTokenId + 4 * t, ids[t]);
  }
  if (options_.on_pass) options_.on_pass(get(registers::kPosition), ids);
  try {
    rtl.run_pass();
  } catch (const Error& error) {
    if (options_.on_problem) options_.on_problem(error.what());
    return finish(ErrorCode::kNoProgress, get(registers::kProgram));
  }
  for (uint32_t offset = registers::kCycles; offset <= registers::kStallLocal; offset += 4) {
    set(offset, rtl.read(offset));
  }
  finish(static_cast<ErrorCode>(rtl.read(registers::kErrorCode)), rtl.read(registers::kErrorAddress));
}

void AcceleratorServer::write_logits(std::span<const float> logits, uint32_t first_logits) {
  const auto writer = std::ranges::find(program_.instructions, Opcode::kLogits, &Instruction::opcode);
  if (logits.empty() || writer == program_.instructions.end()) return;
  const uint64_t row_bytes = uint64_t{program_.header.vocabulary} * sizeof(float);
  for (uint64_t i = 0; i < logits.size() / program_.header.vocabulary; ++i) {
    const uint64_t beat = writer->address + (first_logits + i) * program_.header.logits_stride;
    uint8_t* row = ddr_.at(beat * kBeatBytes, row_bytes);
    std::memcpy(row, logits.data() + i * program_.header.vocabulary, row_bytes);
    if (has(Fault::kWrongBit)) row[0] ^= 1;
  }
}

}  // namespace brim
