// Plays the accelerator for a processor that shares memory with this process: the protocol of the register
// block of docs/registers.md, in that memory. What computes the passes is a PassServer.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>

#include "board_server/pass_server.h"
#include "board_server/register_block.h"
#include "board_server/shared_ddr.h"

namespace brim {

// What the accelerator does wrong, to see how software takes it.
enum class Fault : uint8_t {
  kNone,
  kSilent,    // it does not react
  kBusError,  // passes end with a bus error
  kWrongBit,  // one bit of the logits is wrong
  // What the board's memory does wrong: a bit of the weights is wrong once, or whenever a pass begins.
  kFlippedBit,
  kStuckBit,
  kFlippedLogits,  // of the logits, once, behind a pass
};

struct AcceleratorServerOptions {
  uint64_t registers = 0;  // physical address of the block
  Fault fault = Fault::kNone;
  uint64_t fault_after = 0;  // passes that go well before it
  // Told of every pass that is started, and of what a program does wrong. May be empty.
  std::function<void(uint32_t position, std::span<const uint32_t> tokens)> on_pass = {};
  std::function<void(const std::string& problem)> on_problem = {};
};

class AcceleratorServer {
 public:
  // Fills the block, so that a processor that starts later finds it. DDR and passes must outlive the server.
  AcceleratorServer(SharedDdr& ddr, PassServer& passes, AcceleratorServerOptions options);

  // Serves until it is told to stop.
  void run(const std::stop_token& stop);

  // Serves what CONTROL asks for; false if that is nothing.
  bool serve_once();

 private:
  bool has(Fault fault) const { return options_.fault == fault && count_ >= options_.fault_after; }
  void clear_results();
  PassOutcome run_pass();
  uint8_t* some_logits();
  void compute_wrong_logits();
  void spoil_weights();
  void finish(const PassOutcome& outcome);

  SharedDdr& ddr_;
  PassServer& passes_;
  const AcceleratorServerOptions options_;
  RegisterBlock block_;
  uint64_t count_ = 0;    // of passes
  int spoilt_byte_ = -1;  // of weights, as it is wrong; -1: it is not yet
  bool flipped_logits_ = false;
};

}  // namespace brim
