// Access to ports of Verilated modules: a port of up to 64 bits is an integer, a wider one an array of 32-bit
// words.
#pragma once

#include <cstdint>
#include <type_traits>

namespace brim::rtl {

template <typename Port>
void set_word(Port& port, uint32_t index, uint32_t value) {
  if constexpr (std::is_integral_v<Port>) {
    const uint32_t shift = 32 * index;
    port = static_cast<Port>((port & ~(uint64_t{0xFFFFFFFF} << shift)) | (uint64_t{value} << shift));
  } else {
    port[index] = value;
  }
}
template <typename Port>
uint32_t get_word(const Port& port, uint32_t index) {
  if constexpr (std::is_integral_v<Port>) {
    return static_cast<uint32_t>(uint64_t{port} >> (32 * index));
  } else {
    return port[index];
  }
}
template <typename Port>
void set_byte(Port& port, uint32_t index, uint8_t value) {
  const uint32_t shift = index % 4 * 8;
  set_word(port, index / 4, (get_word(port, index / 4) & ~(0xFFu << shift)) | (uint32_t{value} << shift));
}
template <typename Port>
uint8_t get_byte(const Port& port, uint32_t index) {
  return static_cast<uint8_t>(get_word(port, index / 4) >> (index % 4 * 8));
}

}  // namespace brim::rtl
