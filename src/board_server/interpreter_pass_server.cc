#include "board_server/interpreter_pass_server.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "board_server/pass_traffic.h"
#include "isa/check.h"

namespace brim {

using registers::ErrorCode;

InterpreterPassServer::InterpreterPassServer(SharedDdr& ddr, const AcceleratorDescription& accelerator,
                                             std::function<std::unique_ptr<Kernels>()> kernels,
                                             uint32_t threads)
    : ddr_(ddr), accelerator_(accelerator), kernels_(std::move(kernels)), threads_(threads) {}

void InterpreterPassServer::describe(RegisterBlock& block) {
  block.set(registers::kCapabilities, 0);  // this executor has no FIFO that could run empty
  block.set(registers::kMaxTokens, std::min(accelerator_.tokens_per_pass, registers::kTokenIds));
  block.set(registers::kMaxContext, kMaxContext);
  block.set(registers::kScoreBytes, accelerator_.score_buffer_bytes);
  block.set(registers::kClockKhz, static_cast<uint32_t>(accelerator_.clock_mhz * 1000));
}

bool InterpreterPassServer::reset() {
  interpreter_.reset();
  return true;
}

// Reads and links the program unless it is the one in use.
PassOutcome InterpreterPassServer::use_program(uint64_t address, uint32_t max_tokens) {
  const std::span<const uint8_t> in_memory = program_in(ddr_, address);
  if (interpreter_ && std::ranges::equal(in_memory, program_bytes_)) return {};
  interpreter_.reset();
  program_bytes_.assign(in_memory.begin(), in_memory.end());
  program_ = read_program(program_bytes_);
  if (const auto fault = find_fault(program_); fault && fault->instruction) {
    const uint64_t at = address + sizeof(ProgramHeader) + *fault->instruction * sizeof(Instruction);
    return {ErrorCode::kBadInstruction, static_cast<uint32_t>(at / kBeatBytes), fault->what};
  }
  interpreter_ = std::make_unique<Interpreter>(
      "the board's program", program_, std::make_unique<DdrView>(ddr_), kernels_(),
      InterpreterOptions{.max_tokens_per_pass = max_tokens, .threads = threads_});
  return {};
}

PassOutcome InterpreterPassServer::run(RegisterBlock& block) {
  const uint32_t program = block.get(registers::kProgram);
  try {
    const PassOutcome outcome = use_program(uint64_t{program} * kBeatBytes, block.get(registers::kMaxTokens));
    if (outcome.code != ErrorCode::kNone) return outcome;
  } catch (const Error& error) {
    return {ErrorCode::kBadProgram, program, error.what()};
  }

  const uint32_t tokens = block.get(registers::kTokens);
  const uint32_t position = block.get(registers::kPosition);
  const uint32_t first_logits = block.get(registers::kFirstLogits);
  if (tokens == 0 || tokens > block.get(registers::kMaxTokens) || first_logits > tokens ||
      uint64_t{position} + tokens > program_.header.context) {
    return {ErrorCode::kBadPass, program};
  }
  std::vector<uint32_t> ids(tokens);
  for (uint32_t t = 0; t < tokens; ++t) ids[t] = block.get(registers::kTokenId + 4 * t);
  if (std::ranges::any_of(ids, [&](uint32_t id) { return id >= program_.header.vocabulary; })) {
    return {ErrorCode::kBadPass, program};
  }

  const auto start = std::chrono::steady_clock::now();
  try {
    write_logits(interpreter_->run({.tokens = ids, .position = position, .first_logits = first_logits}),
                 first_logits);
  } catch (const Error& error) {
    return {ErrorCode::kOverflow, program, error.what()};  // all else has been checked
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const auto counter = [&](uint32_t offset, double value) {
    block.set(offset, static_cast<uint32_t>(std::min(value, 4294967295.0)));
  };
  const PassTraffic traffic = pass_traffic(program_, position, tokens, first_logits);
  // Cycles of the board's clock that went by while this machine computed.
  counter(registers::kCycles, seconds.count() * accelerator_.clock_mhz * 1e6);
  counter(registers::kBeatsRead, static_cast<double>(traffic.beats_read));
  counter(registers::kBeatsWritten, static_cast<double>(traffic.beats_written));
  return {};
}

void InterpreterPassServer::write_logits(std::span<const float> logits, uint32_t first_logits) {
  const uint64_t row_bytes = uint64_t{program_.header.vocabulary} * sizeof(float);
  for (uint64_t i = 0; i * program_.header.vocabulary < logits.size(); ++i) {
    const uint64_t address = logits_address(program_, first_logits + static_cast<uint32_t>(i));
    std::memcpy(ddr_.at(address, row_bytes), logits.data() + i * program_.header.vocabulary, row_bytes);
  }
}

}  // namespace brim
