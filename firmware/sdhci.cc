#include "firmware/sdhci.h"

#include <algorithm>
#include <cstring>

#include "firmware/board.h"
#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/io.h"
#include "firmware/timer.h"

namespace brim {

namespace {

constexpr uint64_t kBlockSize = board::kSdhci + 0x04;  // 16 bit
constexpr uint64_t kBlockCount = board::kSdhci + 0x06;
constexpr uint64_t kArgument = board::kSdhci + 0x08;
constexpr uint64_t kTransferMode = board::kSdhci + 0x0C;
constexpr uint64_t kCommand = board::kSdhci + 0x0E;
constexpr uint64_t kResponse = board::kSdhci + 0x10;
constexpr uint64_t kPresent = board::kSdhci + 0x24;
constexpr uint64_t kHostControl = board::kSdhci + 0x28;  // 8 bit
constexpr uint64_t kPower = board::kSdhci + 0x29;
constexpr uint64_t kClock = board::kSdhci + 0x2C;
constexpr uint64_t kTimeoutControl = board::kSdhci + 0x2E;
constexpr uint64_t kReset = board::kSdhci + 0x2F;
constexpr uint64_t kInterrupts = board::kSdhci + 0x30;  // normal, and errors in the upper half
constexpr uint64_t kInterruptsShown = board::kSdhci + 0x34;
constexpr uint64_t kInterruptsSignalled = board::kSdhci + 0x38;
constexpr uint64_t kCapabilities = board::kSdhci + 0x40;
constexpr uint64_t kAdmaAddress = board::kSdhci + 0x58;

constexpr uint32_t kCommandComplete = 1 << 0;
constexpr uint32_t kTransferComplete = 1 << 1;
constexpr uint32_t kErrorInterrupt = 1 << 15;
constexpr uint32_t kInhibit = 3;  // kPresent: command or data line in use
constexpr uint32_t kCardInserted = 1 << 16;

// kCommand, lower byte.
constexpr uint32_t kNoResponse = 0x00;
constexpr uint32_t kR1 = 0x1A;      // 48 bit, CRC and index checked
constexpr uint32_t kR1Busy = 0x1B;  // likewise, then busy
constexpr uint32_t kR2 = 0x09;      // 136 bit, CRC checked
constexpr uint32_t kR3 = 0x02;      // 48 bit, nothing checked
constexpr uint32_t kR6 = kR1;
constexpr uint32_t kR7 = kR1;
constexpr uint32_t kWithData = 0x20;

// kTransferMode: DMA, count, auto CMD12, read, multiple blocks; of a single block: DMA, read.
constexpr uint32_t kReadMany = 0x01 | 0x02 | 0x04 | 0x10 | 0x20;
constexpr uint32_t kReadOne = 0x01 | 0x10;

// kHostControl.
constexpr uint8_t kFourBits = 0x02, kHighSpeed = 0x04, kAdma2 = 0x10;

constexpr double kCommandSeconds = 0.5;
constexpr double kTransferSeconds = 3.0;

// One transfer at most. The controller writes here and not to its destination: ADMA2 descriptors reach 32
// bits of address, the image also stands above them.
constexpr uint32_t kBufferBytes = board::kCardBuffer.bytes;
uint8_t* buffer() { return reinterpret_cast<uint8_t*>(board::kCardBuffer.base); }

struct Descriptor {
  uint16_t attributes;
  uint16_t bytes;  // 0: 65,536
  uint32_t address;
};
constexpr uint32_t kDescriptorBytes = 65536;
alignas(kCacheLine) Descriptor descriptors[kBufferBytes / kDescriptorBytes];
constexpr uint16_t kTransferDescriptor = 0x21, kLastDescriptor = 0x23;  // valid, transfer; and end

template <typename Condition>
bool wait_for(double seconds, const Condition& condition) {
  const Timeout timeout(seconds);
  while (!condition()) {
    if (timeout.expired()) return false;
    console::poll();
  }
  return true;
}

// Bits of kReset.
constexpr uint8_t kAll = 1, kCommandAndDataLines = 6;

bool reset(uint8_t what) {
  io_write<uint8_t>(kReset, what);
  return wait_for(0.1, [&] { return (io_read<uint8_t>(kReset) & what) == 0; });
}

}  // namespace

bool SdCard::set_clock(uint32_t hz) {
  io_write<uint16_t>(kClock, 0);
  uint32_t base_mhz = io_read<uint32_t>(kCapabilities) >> 8 & 0xFF;
  if (base_mhz == 0)
    base_mhz = 200;  // of the ZynqMP's SDIO reference clock, where the controller does not say
  uint32_t half_divisor = 1;
  while (base_mhz * 1'000'000 / (2 * half_divisor) > hz) ++half_divisor;
  const auto bits = static_cast<uint16_t>((half_divisor & 0xFF) << 8 | (half_divisor >> 8 & 3) << 6 | 1);
  io_write<uint16_t>(kClock, bits);
  if (!wait_for(0.2, [] { return (io_read<uint16_t>(kClock) & 2) != 0; })) return false;  // stable
  io_write<uint16_t>(kClock, bits | 4);
  sleep(0.001);
  hz_ = base_mhz * 1'000'000 / (2 * half_divisor);
  return true;
}

bool SdCard::command(uint32_t index, uint32_t argument, uint32_t response, uint32_t transfer_mode) {
  if (!wait_for(kCommandSeconds, [] { return (io_read<uint32_t>(kPresent) & kInhibit) == 0; })) return false;
  io_write<uint32_t>(kInterrupts, 0xFFFFFFFF);
  io_write<uint32_t>(kArgument, argument);
  io_write<uint16_t>(kTransferMode, static_cast<uint16_t>(transfer_mode));
  io_write<uint16_t>(kCommand, static_cast<uint16_t>(index << 8 | response));
  const bool answered = wait_for(kCommandSeconds, [] {
    return (io_read<uint32_t>(kInterrupts) & (kCommandComplete | kErrorInterrupt)) != 0;
  });
  if (!answered || (io_read<uint32_t>(kInterrupts) & kErrorInterrupt)) {
    reset(kCommandAndDataLines);
    return false;
  }
  return true;
}

bool SdCard::application_command(uint32_t index, uint32_t argument, uint32_t response) {
  return command(55, address_, kR1) && command(index, argument, response);
}

const char* SdCard::start() {
  if (!reset(kAll)) return "the SD controller does not come out of reset";
  io_write<uint8_t>(kPower, 0x0F);  // 3.3 V, on
  io_write<uint8_t>(kTimeoutControl, 0x0E);
  io_write<uint32_t>(kInterruptsShown, 0xFFFFFFFF);
  io_write<uint32_t>(kInterruptsSignalled, 0);
  sleep(0.002);
  if (!wait_for(0.5, [] { return (io_read<uint32_t>(kPresent) & kCardInserted) != 0; })) {
    return "there is no SD card in the slot";
  }
  if (!set_clock(400'000)) return "the SD controller's clock does not become stable";
  address_ = 0;
  command(0, 0, kNoResponse);
  // CMD8 tells cards of version 2 that we are, too: 2.7 to 3.6 V and a pattern that comes back.
  const bool version2 = command(8, 0x1AA, kR7) && (io_read<uint32_t>(kResponse) & 0xFFF) == 0x1AA;
  uint32_t conditions = 0;
  const bool ready = wait_for(1.5, [&] {
    constexpr uint32_t kVoltages = 0x00FF8000, kHighCapacity = 1u << 30, kPoweredUp = 1u << 31;
    if (!application_command(41, kVoltages | (version2 ? kHighCapacity : 0), kR3)) return false;
    conditions = io_read<uint32_t>(kResponse);
    return (conditions & kPoweredUp) != 0;
  });
  if (!ready) return "the SD card does not answer";
  addressed_by_block_ = (conditions >> 30 & 1) != 0;
  if (!command(2, 0, kR2) || !command(3, 0, kR6)) return "the SD card does not identify itself";
  address_ = io_read<uint32_t>(kResponse) & 0xFFFF0000;
  if (!command(7, address_, kR1Busy)) return "the SD card cannot be selected";
  if (!application_command(6, 2, kR1)) return "the SD card does not take a bus of 4 bits";
  io_write<uint8_t>(kHostControl, kFourBits | kAdma2);
  if (!command(16, kSectorBytes, kR1)) return "the SD card does not take blocks of 512 bytes";
  if (!set_clock(kDefaultHz)) return "the SD controller's clock does not become stable";
  return set_high_speed() || set_default_speed() ? nullptr
                                                 : "the SD controller's clock does not become stable";
}

// Function 1 of group 1 is high speed, function 0 default speed; all other groups stay as they are (SD
// Physical Layer, 4.3.10). The answer's bits 379 to 376 repeat the function.
bool SdCard::switch_access_mode(uint32_t function) {
  constexpr uint32_t kStatusBytes = 64, kGroup1 = 16;
  return transfer(6, 0x80FFFFF0 | function, kStatusBytes, 1) && (buffer()[kGroup1] & 0xF) == function;
}

// Cards that know nothing of it, and lines that do not carry it, stay at 25 MHz.
bool SdCard::set_high_speed() {
  if (!switch_access_mode(1)) return false;
  io_write<uint16_t>(kClock, 0);
  io_write<uint8_t>(kHostControl, kFourBits | kAdma2 | kHighSpeed);
  constexpr uint32_t kSectors = 64;  // a sample of them, each with its CRC
  return set_clock(kHighSpeedHz) && transfer(18, 0, kSectorBytes, kSectors);
}

bool SdCard::set_default_speed() {
  io_write<uint16_t>(kClock, 0);
  io_write<uint8_t>(kHostControl, kFourBits | kAdma2);
  if (!set_clock(kDefaultHz)) return false;
  switch_access_mode(0);
  return true;
}

// Reads blocks into the buffer with this command.
bool SdCard::transfer(uint32_t index, uint32_t argument, uint32_t block_bytes, uint32_t count) {
  const uint32_t bytes = count * block_bytes;
  const auto address = static_cast<uint32_t>(board::kCardBuffer.base);
  for (uint32_t from = 0, i = 0; from < bytes; from += kDescriptorBytes, ++i) {
    const uint32_t part = std::min(bytes - from, kDescriptorBytes);
    descriptors[i] = {from + part == bytes ? kLastDescriptor : kTransferDescriptor,
                      static_cast<uint16_t>(part % kDescriptorBytes), address + from};
  }
  // The controller reads the descriptors and writes the buffer in memory.
  clean_cache(descriptors, sizeof(descriptors));
  flush_cache(buffer(), bytes);
  io_write<uint32_t>(kAdmaAddress, static_cast<uint32_t>(reinterpret_cast<uint64_t>(descriptors)));
  io_write<uint32_t>(kAdmaAddress + 4, 0);
  io_write<uint16_t>(kBlockSize, static_cast<uint16_t>(block_bytes));
  io_write<uint16_t>(kBlockCount, static_cast<uint16_t>(count));
  if (!command(index, argument, kR1 | kWithData, index == 18 ? kReadMany : kReadOne)) return false;
  const bool over = wait_for(kTransferSeconds, [] {
    return (io_read<uint32_t>(kInterrupts) & (kTransferComplete | kErrorInterrupt)) != 0;
  });
  if (!over || (io_read<uint32_t>(kInterrupts) & kErrorInterrupt)) {
    reset(kCommandAndDataLines);
    return false;
  }
  flush_cache(buffer(), bytes);
  return true;
}

bool SdCard::read(uint64_t sector, uint32_t count, uint8_t* to) {
  constexpr uint32_t kMost = kBufferBytes / kSectorBytes;
  constexpr uint32_t kAttempts = 3;
  while (count > 0) {
    const uint32_t part = std::min(count, kMost);
    uint32_t attempt = 0;
    const uint64_t first = addressed_by_block_ ? sector : sector * kSectorBytes;
    if (first > UINT32_MAX) return false;
    while (!transfer(18, static_cast<uint32_t>(first), kSectorBytes, part)) {
      if (++attempt == kAttempts) return false;
    }
    std::memcpy(to, buffer(), part * kSectorBytes);
    sector += part;
    to += part * kSectorBytes;
    count -= part;
  }
  return true;
}

}  // namespace brim
