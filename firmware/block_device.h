// Something that is read in sectors.
#pragma once

#include <cstdint>

namespace brim {

inline constexpr uint32_t kSectorBytes = 512;

class BlockDevice {
 public:
  // Reads `count` sectors from `sector` on. False on any error.
  virtual bool read(uint64_t sector, uint32_t count, uint8_t* to) = 0;

 protected:
  ~BlockDevice() = default;
};

}  // namespace brim
