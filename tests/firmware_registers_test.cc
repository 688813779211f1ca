// What /stats shows of an accelerator that counts its stalls: the firmware in QEMU, made-up counters behind
// the registers.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "board_server/qemu.h"
#include "board_server/register_block.h"
#include "board_server/shared_ddr.h"
#include "image/mapped_image.h"
#include "isa/registers.h"
#include "tests/board_process.h"

namespace brim {
namespace {

constexpr uint64_t kRegisters = 0x1F0000;  // firmware/board.h, in QEMU

// Ends every pass at once, with the same counters and always the same token as the most probable.
class CountingAccelerator {
 public:
  CountingAccelerator(SharedDdr& ddr, const MappedImage& image) : ddr_(ddr), block_(ddr, kRegisters) {
    program_ = image.program().header;
    logits_ = find_region(image.header(), RegionKind::kLogits)->address;
    block_.set(registers::kId, registers::kIdValue);
    block_.set(registers::kVersion, registers::kVersionValue);
    block_.set(registers::kCapabilities, registers::kHasStallCounters);
    block_.set(registers::kMaxTokens, 8);
    block_.set(registers::kMaxContext, program_.context);
    block_.set(registers::kScoreBytes, 1 << 20);
    block_.set(registers::kCycles, 1000);
    block_.set(registers::kBeatsRead, 5000);
    block_.set(registers::kBeatsWritten, 10);
    block_.set(registers::kStallEmpty, 250);
    block_.set(registers::kStallActivation, 125);
    block_.set(registers::kStallResult, 10);
    block_.set(registers::kStallSoftmax, 20);
    block_.set(registers::kStallScores, 30);
    block_.set(registers::kStallPass, 5);
    block_.set(registers::kStallLocal, 40);
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (block_.get(registers::kControl) == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        continue;
      }
      constexpr uint32_t kToken = 300;
      const float probable = 1;
      const uint64_t row = uint64_t{block_.get(registers::kTokens) - 1} * program_.logits_stride * kBeatBytes;
      std::memcpy(ddr_.at(logits_ + row + kToken * sizeof(float), sizeof(float)), &probable, sizeof(float));
      block_.set(registers::kStatus, registers::kDone);
      block_.set(registers::kControl, 0);
    }
  }

 private:
  SharedDdr& ddr_;
  RegisterBlock block_;
  ProgramHeader program_;
  uint64_t logits_;
};

// What the console shows until `text` appears on it, or a minute has passed.
std::string console_until(const Qemu& board, const std::string& text) {
  std::string console;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (console.find(text) == std::string::npos && std::chrono::steady_clock::now() < end) {
    pollfd file = {board.output(), POLLIN, 0};
    if (poll(&file, 1, 200) <= 0) continue;
    std::array<char, 4096> buffer;
    const ssize_t bytes = read(board.output(), buffer.data(), buffer.size());
    if (bytes <= 0) break;
    console.append(buffer.data(), static_cast<size_t>(bytes));
  }
  return console;
}

TEST(FirmwareCounters, StatsShowTheShareOfEachStallWhereTheAcceleratorCountsThem) {
  BRIM_NEED_BOARD();
  const auto directory =
      std::filesystem::temp_directory_path() / ("brim_counters_test." + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  {
    const std::string path = (directory / "demo.brim").string();
    const std::string pack =
        BRIM_BINARY " pack " BRIM_SOURCE_DIR "/models/demo --context 128 >/dev/null -o " + path;
    ASSERT_EQ(std::system(pack.c_str()), 0) << pack;
    const MappedImage image(path);
    SharedDdr ddr(directory / "ddr", {{0, uint64_t{2} << 30}, {0x800000000, uint64_t{2} << 30}});
    load_image(image, ddr);
    // The made-up logits are not those that the image carries.
    auto* header = reinterpret_cast<ImageHeader*>(
        ddr.at(find_region(image.header(), RegionKind::kHeader)->address, kImageHeaderBytes));
    header->known_pass = {};
    header->crc = header_checksum(header);

    CountingAccelerator accelerator(ddr, image);
    const std::jthread serving([&](const std::stop_token& stop) { accelerator.run(stop); });
    const Qemu board(
        {.firmware = BRIM_FIRMWARE, .ddr = directory / "ddr", .ddr_bytes = ddr.bytes(), .card = {}});
    console_until(board, "\n> ");
    const std::string text = "/tokens 4\rROMEO:\r/stats\r";
    ASSERT_EQ(write(board.input(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    const std::string console = console_until(board, "of the cycles");
    EXPECT_NE(
        console.find("stalls       empty 25.00% activation 12.50% result 1.00% softmax 2.00% scores 3.00% "
                     "local 4.00% pass 0.50% of the cycles"),
        std::string::npos)
        << console;
    EXPECT_NE(console.find("memory       320640 bytes per token"), std::string::npos) << console;
    EXPECT_NE(console.find("accelerator  1000 cycles per token"), std::string::npos) << console;
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace brim
