// A range of addresses, and whether something lies in it. Freestanding; part of the image's header.
#pragma once

#include <cstdint>

namespace brim {

struct AddressRange {
  uint64_t base;
  uint64_t bytes;
};

}  // namespace brim
