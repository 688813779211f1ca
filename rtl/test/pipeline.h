// Drives a Verilated pipeline that takes new inputs in every cycle.
#pragma once

#include <verilated.h>

#include <cstdint>
#include <memory>

#include "coverage.h"

namespace brim::rtl {

// A Verilated module with clock clk_i.
template <typename Module>
class Clocked {
 public:
  Clocked() : context_(std::make_unique<VerilatedContext>()) {
    context_->randReset(kRandReset);
    module_ = std::make_unique<Module>(context_.get());
    module_->clk_i = 0;
    module_->eval();
  }
  ~Clocked() {
    module_->final();
    write_coverage(*context_);
  }

  Module* operator->() { return module_.get(); }
  Module& operator*() { return *module_; }

  // One rising edge. Inputs set before count for this edge; outputs read after it are those behind the edge.
  void tick() {
    module_->clk_i = 1;
    module_->eval();
    module_->clk_i = 0;
    module_->eval();
    ++cycles_;
  }
  uint64_t cycles() const { return cycles_; }

 private:
  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Module> module_;
  uint64_t cycles_ = 0;
};

// Feeds `count` inputs, one per cycle, and hands each input with the output that came `latency` cycles later
// to `check(input, output)`, which returns false to stop. `drive(module, input)`, `output(module)`.
template <typename Module, typename Next, typename Drive, typename Output, typename Check>
void run_pipeline(uint32_t latency, uint64_t count, Next next, Drive drive, Output output, Check check) {
  Clocked<Module> module;
  using Input = decltype(next());
  std::vector<Input> in_flight(latency);
  for (uint64_t i = 0; i < count + latency; ++i) {
    const Input input = next();
    drive(*module, input);
    in_flight[i % latency] = input;
    module.tick();
    // The inputs of the edge just past stand in slot i; the oldest in flight is one slot on.
    if (i + 1 >= latency && !check(in_flight[(i + 1) % latency], output(*module))) return;
  }
}

}  // namespace brim::rtl
