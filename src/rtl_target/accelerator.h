// The accelerator's RTL with a board's memory, as a processor sees it: registers that it reads and writes,
// and an interrupt.
#pragma once

#include <cstdint>
#include <memory>

#include "board/board.h"
#include "image/physical_memory.h"
#include "rtl_target/axi_memory.h"
#include "rtl_target/model.h"

namespace brim::rtl_target {

class Accelerator {
 public:
  // Resets it. The memory must outlive it. Throws Error if what answers is no accelerator of this
  // version, or as AxiMemory does.
  Accelerator(std::unique_ptr<Model> model, const Board& board, PhysicalMemory& memory);

  // A register by its offset (isa/registers.h), over AXI4-Lite.
  uint32_t read(uint32_t offset);
  void write(uint32_t offset, uint32_t value);

  // Starts a pass as the registers describe it, with the interrupt enabled, and runs the clock until the
  // interrupt. STATUS and the counters then tell. Throws Error if it hangs.
  void run_pass();

  // Resets it by CONTROL. Throws Error if it hangs.
  void soft_reset();

 private:
  void clock();
  // Runs the clock until `done()`; `what` is named where it never comes.
  template <typename Done>
  void clock_until(const char* what, const Done& done);

  std::unique_ptr<Model> model_;
  AxiMemory memory_;
  Pins pins_;
};

}  // namespace brim::rtl_target
