// Plays the accelerator for a processor that shares memory with this process: the register block of
// docs/registers.md as words in that memory, passes run by an interpreter over the same memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "board/board.h"
#include "board_server/shared_ddr.h"
#include "engine/interpreter.h"
#include "isa/registers.h"
#include "rtl_target/accelerator.h"

namespace brim {

// What the accelerator does wrong, to see how software takes it.
enum class Fault : uint8_t {
  kNone,
  kSilent,    // it does not react
  kBusError,  // passes end with a bus error
  kWrongBit,  // one bit of the logits is wrong
};

struct AcceleratorServerOptions {
  uint64_t registers = 0;  // physical address of the block
  AcceleratorDescription accelerator;
  std::function<std::unique_ptr<Kernels>()> kernels;  // makes what computes
  // Or the accelerator's RTL, with the shared DDR as its memory. Must outlive the server. Null: the kernels
  // compute.
  rtl_target::Accelerator* rtl = nullptr;
  uint32_t threads = 1;
  Fault fault = Fault::kNone;
  uint64_t fault_after = 0;  // passes that go well before it
  // Told of every pass that is started, and of what a program does wrong. May be empty.
  std::function<void(uint32_t position, std::span<const uint32_t> tokens)> on_pass = {};
  std::function<void(const std::string& problem)> on_problem = {};
};

class AcceleratorServer {
 public:
  // Fills the block, so that a processor that starts later finds it. The DDR must outlive the server.
  AcceleratorServer(SharedDdr& ddr, AcceleratorServerOptions options);

  // Serves until it is told to stop.
  void run(const std::stop_token& stop);

  // Serves what CONTROL asks for; false if that is nothing.
  bool serve_once();

 private:
  uint32_t get(uint32_t offset) const;
  void set(uint32_t offset, uint32_t value);
  bool has(Fault fault) const { return options_.fault == fault && passes_ >= options_.fault_after; }
  void clear_results();
  void run_pass();
  void run_pass_in_rtl();
  void finish(registers::ErrorCode code, uint32_t address_in_beats);
  void use_program(uint64_t address);
  void write_logits(std::span<const float> logits, uint32_t first_logits);

  SharedDdr& ddr_;
  const AcceleratorServerOptions options_;
  uint32_t* block_;
  uint64_t passes_ = 0;

  // The program in use, as it stood in memory when it was resolved.
  std::vector<uint8_t> program_bytes_;
  Program program_;
  std::unique_ptr<Interpreter> interpreter_;
};

}  // namespace brim
