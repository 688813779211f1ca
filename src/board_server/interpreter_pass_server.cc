#include "board_server/interpreter_pass_server.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "accelerator/driver.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "board_server/pass_traffic.h"
#include "isa/check.h"
#include "isa/damage.h"

namespace brim {

using registers::ErrorCode;

namespace {

PassOutcome outcome_of(const DamageError& error) {
  return {ErrorCode::kDamaged, static_cast<uint32_t>(error.damage().address / kBeatBytes), error.what(),
          error.damage().region};
}

}  // namespace

InterpreterPassServer::InterpreterPassServer(SharedDdr& ddr, const AcceleratorDescription& accelerator,
                                             std::function<std::unique_ptr<Kernels>()> kernels,
                                             uint32_t threads)
    : ddr_(ddr), accelerator_(accelerator), kernels_(std::move(kernels)), threads_(threads) {}

void InterpreterPassServer::describe(RegisterBlock& block) {
  // It counts no stalls: this executor has no FIFO that could run empty.
  accelerator::write_facts(block, {.capabilities = registers::kHasLogitsCrc | registers::kHasWindows,
                                   .max_tokens = std::min(accelerator_.tokens_per_pass, registers::kTokenIds),
                                   .max_context = kMaxContext,
                                   .score_bytes = accelerator_.score_buffer_bytes,
                                   .clock_khz = static_cast<uint32_t>(accelerator_.clock_mhz * 1000)});
}

bool InterpreterPassServer::reset() {
  programs_.clear();
  return true;
}

// Reads and links the program unless it is one in use.
PassOutcome InterpreterPassServer::use_program(uint64_t address, uint32_t max_tokens) {
  const std::span<const uint8_t> in_memory = program_in(ddr_, address);
  const auto known = programs_.find(address);
  if (known != programs_.end() && std::ranges::equal(in_memory, known->second.bytes)) return {};
  programs_.erase(address);
  Linked linked;
  linked.bytes.assign(in_memory.begin(), in_memory.end());
  linked.program = read_program(linked.bytes, address);
  if (const auto fault = find_fault(linked.program); fault && fault->instruction) {
    const uint64_t at = address + sizeof(ProgramHeader) + *fault->instruction * sizeof(Instruction);
    return {ErrorCode::kBadInstruction, static_cast<uint32_t>(at / kBeatBytes), fault->what};
  }
  linked.interpreter = std::make_unique<Interpreter>(
      "the board's program", linked.program, std::make_unique<DdrView>(ddr_), kernels_(),
      InterpreterOptions{.max_tokens_per_pass = max_tokens, .threads = threads_, .check_stream = true});
  programs_.emplace(address, std::move(linked));
  return {};
}

PassOutcome InterpreterPassServer::run(RegisterBlock& block) {
  const auto request = accelerator::Request::read(block);
  const uint32_t program = request.program_beat();
  const uint32_t max_tokens = accelerator::read_facts(block).max_tokens;
  try {
    PassOutcome outcome = use_program(request.program_address(), max_tokens);
    if (outcome.code != ErrorCode::kNone) return outcome;
  } catch (const DamageError& error) {
    return outcome_of(error);
  } catch (const Error& error) {
    return {ErrorCode::kBadProgram, program, error.what()};
  }
  const Linked& linked = programs_.at(request.program_address());
  const ProgramHeader& header = linked.program.header;
  if (!request.in_range(max_tokens, header.context, header.vocabulary)) return {ErrorCode::kBadPass, program};
  const Pass pass = request.pass();

  const auto start = std::chrono::steady_clock::now();
  try {
    write_logits(block, linked.program, linked.interpreter->run(pass), pass.first_logits);
  } catch (const DamageError& error) {
    return outcome_of(error);
  } catch (const Error& error) {
    return {ErrorCode::kOverflow, program, error.what()};  // all else has been checked
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const auto counter = [&](uint32_t offset, double value) {
    block.write(offset, static_cast<uint32_t>(std::min(value, 4294967295.0)));
  };
  const PassTraffic traffic = pass_traffic(linked.program, pass.position, request.tokens(), pass.first_logits,
                                           linked.interpreter->experts_of_last_pass());
  // Cycles of the board's clock that went by while this machine computed.
  counter(registers::kCycles, seconds.count() * accelerator_.clock_mhz * 1e6);
  counter(registers::kBeatsRead, static_cast<double>(traffic.beats_read));
  counter(registers::kBeatsWritten, static_cast<double>(traffic.beats_written));
  return {};
}

void InterpreterPassServer::write_logits(RegisterBlock& block, const Program& program,
                                         std::span<const float> logits, uint32_t first_logits) {
  const uint64_t vocabulary = program.header.vocabulary;
  const uint64_t row_bytes = vocabulary * sizeof(float);
  for (uint64_t i = 0; i * vocabulary < logits.size(); ++i) {
    const float* const row = logits.data() + i * vocabulary;
    const uint32_t token = first_logits + static_cast<uint32_t>(i);
    std::memcpy(ddr_.at(logits_address(program, token), row_bytes), row, row_bytes);
    block.write(registers::kLogitsCrc + 4 * token, crc32c(row, row_bytes));
  }
}

}  // namespace brim
