// The exception level this program runs at: registers that configure it have one name for each.
#pragma once

#include <cstdint>

namespace brim {

// 1, 2 or 3. Uses no floating-point registers: exceptions have not saved them.
__attribute__((target("general-regs-only"))) inline uint64_t exception_level() {
  uint64_t value;
  asm("mrs %0, CurrentEL" : "=r"(value));
  return value >> 2;
}

}  // namespace brim
