// What the firmware makes of the accelerator's registers: it runs in QEMU, with made-up values behind them.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <thread>

#include "board_server/qemu.h"
#include "board_server/register_block.h"
#include "board_server/shared_ddr.h"
#include "image/mapped_image.h"
#include "isa/registers.h"
#include "memtest/registers.h"
#include "tests/support/board_process.h"

namespace brim {
namespace {

// Ends every pass at once, with the same counters and always the same logit that is not zero.
class MadeUpAccelerator {
 public:
  static constexpr uint32_t kToken = 300;

  MadeUpAccelerator(SharedDdr& ddr, const MappedImage& image, float logit)
      : ddr_(ddr), block_(ddr, kQemuRegisters), logit_(logit) {
    program_ = image.program().header;
    logits_ = image.view().logits.address;
    block_.write(registers::kId, registers::kIdValue);
    block_.write(registers::kVersion, registers::kVersionValue);
    block_.write(registers::kCapabilities, registers::kHasStallCounters);
    block_.write(registers::kMaxTokens, 8);
    block_.write(registers::kMaxContext, program_.context);
    block_.write(registers::kScoreBytes, 1 << 20);
    block_.write(registers::kCycles, 1000);
    block_.write(registers::kBeatsRead, 5000);
    block_.write(registers::kBeatsWritten, 10);
    block_.write(registers::kStallEmpty, 250);
    block_.write(registers::kStallActivation, 125);
    block_.write(registers::kStallResult, 10);
    block_.write(registers::kStallSoftmax, 20);
    block_.write(registers::kStallScores, 30);
    block_.write(registers::kStallPass, 5);
    block_.write(registers::kStallLocal, 40);
  }

  void set(uint32_t offset, uint32_t value) { block_.write(offset, value); }
  uint32_t get(uint32_t offset) { return block_.read(offset); }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (block_.read(registers::kControl) == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        continue;
      }
      const uint64_t row =
          uint64_t{block_.read(registers::kTokens) - 1} * program_.logits_stride * kBeatBytes;
      std::memcpy(ddr_.at(logits_ + row + kToken * sizeof(float), sizeof(float)), &logit_, sizeof(float));
      block_.write(registers::kStatus, registers::kDone);
      block_.write(registers::kControl, 0);
    }
  }

 private:
  SharedDdr& ddr_;
  RegisterBlock block_;
  ProgramHeader program_;
  uint64_t logits_;
  const float logit_;
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

// The demo model's image in memory.
class FirmwareRegisters : public testing::Test {
 protected:
  void SetUp() override {
    BRIM_NEED_BOARD();
    const std::string path = directory_ / "demo.brim";
    const std::string pack =
        BRIM_BINARY " pack --quant rtn " BRIM_SOURCE_DIR "/models/demo --context 128 >/dev/null -o " + path;
    ASSERT_EQ(std::system(pack.c_str()), 0) << pack;
    image_.emplace(path);
    ddr_.emplace(directory_ / "ddr", qemu_memory(uint64_t{4} << 30));
    load_image(*image_, *ddr_);
  }

  QemuOptions options() const {
    return {.firmware = BRIM_FIRMWARE, .ddr = directory_ / "ddr", .ddr_bytes = ddr_->bytes(), .card = {}};
  }

  void expect_halt(MadeUpAccelerator& accelerator, const std::string& message) const {
    const std::jthread serving([&](const std::stop_token& stop) { accelerator.run(stop); });
    Qemu board(options());
    const std::string console = console_until(board, "Halted: there is nothing to go on with.");
    EXPECT_NE(console.find(message), std::string::npos) << console;
    EXPECT_EQ(board.wait(), 1);
  }

  const test::TemporaryFolder folder_;
  const std::filesystem::path directory_ = folder_.path();
  std::optional<MappedImage> image_;
  std::optional<SharedDdr> ddr_;
};

TEST_F(FirmwareRegisters, StatsShowTheShareOfEachStallWhereTheAcceleratorCountsThem) {
  // The made-up logits are not those that the image carries.
  auto* header = reinterpret_cast<ImageHeader*>(ddr_->at(image_->view().header.address, kImageHeaderBytes));
  header->known_pass = {};
  header->crc = header_checksum(header);

  MadeUpAccelerator accelerator(*ddr_, *image_, 1);
  const std::jthread serving([&](const std::stop_token& stop) { accelerator.run(stop); });
  const Qemu board(options());
  const std::string start = console_until(board, "\n> ");
  EXPECT_NE(start.find("DDR          no boot loader has set its clock (DPLL_CTRL 0x"), std::string::npos)
      << start;
  const std::string text = "/spec none\r/tokens 4\rROMEO:\r/stats\r";
  ASSERT_EQ(write(board.input(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  const std::string console = console_until(board, "of the cycles");
  EXPECT_NE(
      console.find("stalls       empty 25.00% activation 12.50% result 1.00% softmax 2.00% scores 3.00% "
                   "local 4.00% pass 0.50% of the cycles"),
      std::string::npos)
      << console;
  EXPECT_NE(console.find("memory       320640 bytes per token"), std::string::npos) << console;
  EXPECT_NE(console.find("accelerator  1000 cycles per token"), std::string::npos) << console;
  EXPECT_GT(accelerator.get(registers::kWatchdog), 1'000'000u);
}

// Registers of the memory tester: every start is over at once, with the same counts.
TEST_F(FirmwareRegisters, TheMemoryTesterIsDrivenAndItsTablePrinted) {
  RegisterBlock block(*ddr_, kQemuRegisters);
  block.write(memtest::kId, memtest::kIdValue);
  block.write(memtest::kVersion, memtest::kVersionValue);
  block.write(memtest::kClockKhz, 300000);
  block.write(memtest::kControl, 0);
  for (uint32_t i = 0; i < memtest::kPorts; ++i) {
    const uint32_t port = memtest::kPort + i * memtest::kPortBytes;
    block.write(port + memtest::kCycles, 1000);
    block.write(port + memtest::kRead, 900);
    block.write(port + memtest::kWritten, 800);
    block.write(port + memtest::kErrors, i == 2 ? 1 : 0);
    block.write(port + memtest::kErrorAddress, 0x1000);
    block.write(port + memtest::kLatencySum, 64 * 90);
    block.write(port + memtest::kLatencyMax, 240);
  }
  const std::jthread serving([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (block.read(memtest::kControl) != 0) block.write(memtest::kControl, 0);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  Qemu board(options());
  console_until(board, "> ");
  const std::string text = "/memtest\r/nonsense\r/quit\r";
  ASSERT_EQ(write(board.input(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  const std::string console = console_until(board, "Halted");
  EXPECT_NE(console.find("memory tester 300000 kHz"), std::string::npos) << console;
  EXPECT_NE(
      console.find(
          "memory port HP0 read 4320 write 3840 mixed 8160 together 4320 MB/s, latency idle 300 loaded 0 "
          "most 800 ns, errors 0"),
      std::string::npos)
      << console;
  EXPECT_NE(console.find("first error near address 262144"), std::string::npos) << console;
  EXPECT_NE(console.find("only /memtest and /quit are known"), std::string::npos) << console;
  EXPECT_EQ(board.wait(), 1) << "wrong data is a failure";
}

TEST_F(FirmwareRegisters, AnAcceleratorThatDoesNotSuitIsRefused) {
  struct Case {
    uint32_t offset, value;
    const char* message;
  };
  for (const Case& wrong : {Case{registers::kId, 0, "Error: no accelerator at 0x1F0000 (its ID reads 0x0)"},
                            Case{registers::kVersion, registers::kVersionValue + 1,
                                 "Error: the accelerator has registers of version 2"},
                            Case{registers::kMaxContext, 64,
                                 "Error: the image's context of 128 is more than the accelerator takes (64)"},
                            Case{registers::kScoreBytes, 1024,
                                 "Error: the image's context of 128 is more than the accelerator takes ("}}) {
    MadeUpAccelerator accelerator(*ddr_, *image_, 1);
    accelerator.set(wrong.offset, wrong.value);
    expect_halt(accelerator, wrong.message);
  }
}

TEST_F(FirmwareRegisters, LogitsThatAreNoNumbersFailTheSelfTest) {
  MadeUpAccelerator accelerator(*ddr_, *image_, std::numeric_limits<float>::quiet_NaN());
  expect_halt(accelerator, "Error: self test: logits are missing or no numbers");
}

}  // namespace
}  // namespace brim
