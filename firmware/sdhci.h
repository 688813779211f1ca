// The SD card, through a host controller as the SD Host Controller Simplified Specification 3.00 describes
// it, with ADMA2. Registers: its chapter 2; commands: SD Physical Layer Simplified Specification 6.00.
#pragma once

#include <cstdint>

#include "firmware/block_device.h"

namespace brim {

class SdCard final : public BlockDevice {
 public:
  // Wakes the card up. Null when it is ready, else what is wrong.
  const char* start();

  bool read(uint64_t sector, uint32_t count, uint8_t* to) override;

  // The rate at which its four data lines run.
  uint32_t hz() const { return hz_; }

 private:
  static constexpr uint32_t kDefaultHz = 25'000'000, kHighSpeedHz = 50'000'000;

  bool command(uint32_t index, uint32_t argument, uint32_t response, uint32_t transfer_mode = 0);
  bool application_command(uint32_t index, uint32_t argument, uint32_t response);
  bool set_clock(uint32_t hz);
  bool switch_access_mode(uint32_t function);
  bool set_high_speed();
  bool set_default_speed();
  bool transfer(uint32_t index, uint32_t argument, uint32_t block_bytes, uint32_t count);

  uint32_t address_ = 0;  // RCA, as it stands in arguments
  bool addressed_by_block_ = false;
  uint32_t hz_ = 0;
};

}  // namespace brim
