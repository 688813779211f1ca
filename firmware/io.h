// Device registers.
#pragma once

#include <cstdint>

namespace brim {

template <typename Word>
Word io_read(uint64_t address) {
  return *reinterpret_cast<volatile Word*>(address);
}
template <typename Word>
void io_write(uint64_t address, Word value) {
  *reinterpret_cast<volatile Word*>(address) = value;
}

}  // namespace brim
