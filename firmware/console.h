// The serial console: Cadence UART (UG1087, module UART), output as text, input through a ring so that
// nothing typed during a generation is lost, and Ctrl-C noticed at once.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

namespace brim {

namespace console {

// Keeps the line rate of a boot loader that uses the UART already; else 115,200 baud, 8N1.
void start();

void put(std::string_view text);  // '\n' becomes "\r\n"

// Moves what has arrived into the ring. To be called in every loop that waits.
void poll();

// The next byte typed; -1: none yet.
int take();

// Whether Ctrl-C arrived since the last call. It also drops what was typed before it.
bool take_interrupt();

}  // namespace console

struct Hex {
  uint64_t value;
};

// With `decimals` digits after the point.
struct Fixed {
  double value;
  uint32_t decimals;
};

void print_one(std::string_view text);
void print_one(uint64_t value);
void print_one(Hex value);
void print_one(Fixed value);

// Prints the pieces one after the other.
template <typename... Pieces>
void print(const Pieces&... pieces) {
  const auto one = [](const auto& piece) {
    if constexpr (std::unsigned_integral<std::remove_cvref_t<decltype(piece)>>) {
      print_one(uint64_t{piece});
    } else {
      print_one(piece);
    }
  };
  (one(pieces), ...);
}

// Says that there is nothing to go on with, and stops.
[[noreturn]] void halt(bool failed);

}  // namespace brim
