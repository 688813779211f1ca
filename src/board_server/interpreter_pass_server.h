// Passes run by an interpreter on this machine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "board/board.h"
#include "board_server/pass_server.h"
#include "engine/interpreter.h"

namespace brim {

class InterpreterPassServer final : public PassServer {
 public:
  // `kernels` makes what computes; the registers describe `accelerator`. The DDR must outlive it.
  InterpreterPassServer(SharedDdr& ddr, const AcceleratorDescription& accelerator,
                        std::function<std::unique_ptr<Kernels>()> kernels, uint32_t threads);

  void describe(RegisterBlock& block) override;
  PassOutcome run(RegisterBlock& block) override;
  bool reset() override;

 private:
  // A program, as it stood in memory when it was resolved.
  struct Linked {
    std::vector<uint8_t> bytes;
    Program program;
    std::unique_ptr<Interpreter> interpreter;
  };

  PassOutcome use_program(uint64_t address, uint32_t max_tokens);
  void write_logits(RegisterBlock& block, const Program& program, std::span<const float> logits,
                    uint32_t first_logits);

  SharedDdr& ddr_;
  const AcceleratorDescription accelerator_;
  const std::function<std::unique_ptr<Kernels>()> kernels_;
  const uint32_t threads_;

  std::map<uint64_t, Linked> programs_;  // those of the image's models, by address
};

}  // namespace brim
