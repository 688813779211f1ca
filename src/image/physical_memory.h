// A board's memory as an executor on this machine sees it.
#pragma once

#include <cstdint>

namespace brim {

class PhysicalMemory {
 public:
  virtual ~PhysicalMemory() = default;

  // Host pointer of physical bytes [address, address + bytes), to be read, resp. written. Throws Error where
  // there is no such memory.
  virtual const uint8_t* read(uint64_t address, uint64_t bytes) const = 0;
  virtual uint8_t* write(uint64_t address, uint64_t bytes) = 0;
};

}  // namespace brim
