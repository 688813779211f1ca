#include "firmware/console.h"

#include <array>

#include "firmware/board.h"
#include "firmware/io.h"
#include "firmware/timer.h"

namespace brim {

namespace {

constexpr uint64_t kControl = board::kUart + 0x00;
constexpr uint64_t kMode = board::kUart + 0x04;
constexpr uint64_t kBaudGenerator = board::kUart + 0x18;
constexpr uint64_t kStatus = board::kUart + 0x2C;
constexpr uint64_t kFifo = board::kUart + 0x30;
constexpr uint64_t kBaudDivider = board::kUart + 0x34;

constexpr uint32_t kReset = 0x03;
constexpr uint32_t kReceiveEnable = 0x04;
constexpr uint32_t kTransmitEnable = 0x10;
constexpr uint32_t kReceiveEmpty = 0x02;
constexpr uint32_t kTransmitFull = 0x10;

constexpr char kControlC = 3;

constexpr uint32_t kRingBytes = 16384;
std::array<char, kRingBytes> ring;
uint32_t ring_begin = 0, ring_end = 0;  // modulo 2^32
bool interrupted = false;

void put_byte(char c) {
  // 64 bytes at 115,200 baud take 6 ms. A line that stands still must not stop the program.
  const Timeout timeout(0.1);
  while ((io_read<uint32_t>(kStatus) & kTransmitFull) && !timeout.expired()) console::poll();
  io_write<uint32_t>(kFifo, static_cast<uint8_t>(c));
}

}  // namespace

namespace console {

void start() {
  if (io_read<uint32_t>(kControl) & kTransmitEnable) return;
  io_write<uint32_t>(kControl, kReset);
  io_write<uint32_t>(kMode, 0x20);  // 8 bits, no parity, 1 stop bit
  // 100 MHz / 124 / (6 + 1) = 115,207 baud.
  io_write<uint32_t>(kBaudGenerator, 124);
  io_write<uint32_t>(kBaudDivider, 6);
  io_write<uint32_t>(kControl, kTransmitEnable | kReceiveEnable);
}

void put(std::string_view text) {
  for (const char c : text) {
    if (c == '\n') put_byte('\r');
    put_byte(c);
  }
}

void poll() {
  while (!(io_read<uint32_t>(kStatus) & kReceiveEmpty)) {
    // A full ring leaves the rest in the UART: where the line has flow control, nothing is lost.
    if (ring_end - ring_begin == kRingBytes) return;
    const auto c = static_cast<char>(io_read<uint32_t>(kFifo));
    if (c == kControlC) {
      interrupted = true;
      ring_begin = ring_end;
    } else {
      ring[ring_end++ % kRingBytes] = c;
    }
  }
}

int take() {
  poll();
  if (ring_begin == ring_end) return -1;
  return static_cast<uint8_t>(ring[ring_begin++ % kRingBytes]);
}

bool take_interrupt() {
  poll();
  const bool result = interrupted;
  interrupted = false;
  return result;
}

}  // namespace console

void print_one(std::string_view text) { console::put(text); }

void print_one(uint64_t value) {
  char digits[20];
  uint32_t first = sizeof(digits);
  do {
    digits[--first] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  console::put({digits + first, sizeof(digits) - first});
}

void print_one(Hex hex) {
  char digits[16];
  uint32_t first = sizeof(digits);
  do {
    digits[--first] = "0123456789ABCDEF"[hex.value % 16];
    hex.value /= 16;
  } while (hex.value != 0);
  console::put("0x");
  console::put({digits + first, sizeof(digits) - first});
}

void print_one(Fixed fixed) {
  uint64_t scale = 1;
  for (uint32_t i = 0; i < fixed.decimals; ++i) scale *= 10;
  if (!(fixed.value >= 0 && fixed.value < 1e15)) {
    console::put("?");
    return;
  }
  const auto scaled = static_cast<uint64_t>(fixed.value * static_cast<double>(scale) + 0.5);
  print_one(scaled / scale);
  if (fixed.decimals == 0) return;
  console::put(".");
  for (uint64_t digit = scale / 10, rest = scaled % scale; digit > 0; digit /= 10) {
    print_one(rest / digit);
    rest %= digit;
  }
}

void halt(bool failed) {
  print(failed ? "Halted: there is nothing to go on with. Reset the board to try again.\n" : "Halted.\n");
  if constexpr (board::kSemihosting) {
    // Arm semihosting: SYS_EXIT with ADP_Stopped_ApplicationExit and the exit code.
    const uint64_t block[2] = {0x20026, failed ? 1u : 0u};
    register uint64_t operation asm("x0") = 0x18;
    register const uint64_t* arguments asm("x1") = block;
    asm volatile("hlt #0xF000" : "+r"(operation) : "r"(arguments) : "memory");
  }
  while (true) asm volatile("wfe");
}

}  // namespace brim
