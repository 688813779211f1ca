// Passes run by the accelerator's RTL, with the shared DDR as its memory.
#pragma once

#include <memory>

#include "board/board.h"
#include "board_server/pass_server.h"
#include "board_server/shared_ddr.h"
#include "rtl_target/accelerator.h"

namespace brim {

class RtlPassServer final : public PassServer {
 public:
  // The DDR must outlive it. Throws Error as rtl_target::Accelerator does.
  RtlPassServer(SharedDdr& ddr, const Board& board, std::unique_ptr<rtl_target::Model> model)
      : memory_(ddr), rtl_(std::move(model), board, memory_) {}

  void describe(RegisterBlock& block) override;
  PassOutcome run(RegisterBlock& block) override;
  bool reset() override;

 private:
  DdrView memory_;
  rtl_target::Accelerator rtl_;
};

}  // namespace brim
