// The accelerator's registers (docs/registers.md) as words in memory that another process reads and writes.
#pragma once

#include <atomic>
#include <cstdint>

#include "board_server/shared_ddr.h"
#include "isa/registers.h"

namespace brim {

class RegisterBlock {
 public:
  // At a physical address of the DDR, which must outlive it.
  RegisterBlock(const SharedDdr& ddr, uint64_t address)
      : words_(reinterpret_cast<uint32_t*>(ddr.at(address, registers::kBlockBytes))) {}

  uint32_t read(uint32_t offset) const {
    return std::atomic_ref<uint32_t>(words_[offset / 4]).load(std::memory_order_acquire);
  }
  void write(uint32_t offset, uint32_t value) {
    std::atomic_ref<uint32_t>(words_[offset / 4]).store(value, std::memory_order_release);
  }

 private:
  uint32_t* words_;
};

}  // namespace brim
