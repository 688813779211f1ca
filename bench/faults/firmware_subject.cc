#include "bench/faults/firmware_subject.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "base/concat.h"
#include "base/error.h"
#include "board/board.h"
#include "engine/kernels.h"
#include "image/card/sd_card.h"

namespace brim {

namespace {

constexpr const char* kLine = "ROMEO:\n";
constexpr const char* kPrompt = "\n> ";

}  // namespace

PassOutcome FaultyPasses::run(RegisterBlock& block) {
  const bool now = !flips_.empty() && passes_left_ == 0;
  const auto hit = [&] {
    for (const Flip& flip : flips_) *ddr_.at(flip.address, 1) ^= flip.bits;
    flips_.clear();
  };
  if (passes_left_ > 0) --passes_left_;
  if (now && !behind_) hit();
  const PassOutcome outcome = passes_.run(block);
  if (now && behind_) hit();
  return outcome;
}

FirmwareSubject::FirmwareSubject(const std::filesystem::path& folder, const MappedImage& image)
    : image_(image),
      folder_(folder),
      ddr_(folder / "ddr", qemu_memory(kBoardMemory)),
      interpreter_(
          ddr_, load_board("kv260").accelerator, [] { return make_kernels(available_kernels().front()); }, 1),
      passes_(ddr_, interpreter_) {
  write_sd_card(image_parts(image), folder / "card.img");
  boot();
  golden_ = answer();
  if (!golden_.ended || golden_.console.find("Error") != std::string::npos)
    throw Error("the firmware does not answer: " + golden_.console);
  // What the last pass gives is not seen.
  passes_of_answer_ = count_ - 1;
}

void FirmwareSubject::boot() {
  serving_ = std::jthread();
  board_.reset();
  server_ = std::make_unique<AcceleratorServer>(
      ddr_, passes_,
      AcceleratorServerOptions{.registers = kQemuRegisters,
                               .on_pass = [this](uint32_t position, std::span<const uint32_t> tokens) {
                                 tokens_.resize(position);  // what was there is run anew
                                 tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
                                 ++count_;
                               }});
  board_ = std::make_unique<Qemu>(QemuOptions{.firmware = BRIM_BUILD_FOLDER "/firmware/brim_qemu.elf",
                                              .ddr = folder_ / "ddr",
                                              .ddr_bytes = ddr_.bytes(),
                                              .card = folder_ / "card.img"});
  serving_ = std::jthread([this](const std::stop_token& stop) { server_->run(stop); });
  if (const std::string console = listen({kPrompt}); !console.ends_with(kPrompt))
    throw Error("the firmware does not start: " + console);
  for (const char* setting : {"/spec none\n", "/tokens 8\n"}) {
    type(setting);
    listen({kPrompt});
  }
}

void FirmwareSubject::type(const std::string& text) {
  if (write(board_->input(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw Error("cannot type on the firmware's console");
}

// What the console says until one of `ends` is the last of it, nothing more comes, or the board ends.
std::string FirmwareSubject::listen(const std::vector<std::string>& ends) {
  constexpr int kPatience = 300'000;  // milliseconds; QEMU may have little of the machine
  std::string text;
  std::array<char, 4096> buffer;
  while (std::ranges::none_of(ends, [&](const std::string& end) { return text.ends_with(end); })) {
    pollfd file = {board_->output(), POLLIN, 0};
    if (poll(&file, 1, kPatience) <= 0) break;
    const ssize_t bytes = read(board_->output(), buffer.data(), buffer.size());
    if (bytes <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(bytes));
    std::erase(text, '\r');
  }
  return text;
}

FirmwareSubject::Answer FirmwareSubject::answer() {
  tokens_.clear();
  count_ = 0;
  type(kLine);
  Answer result;
  result.console = listen({kPrompt});
  result.ended = result.console.ends_with(kPrompt);
  result.tokens = tokens_;
  return result;
}

FaultOutcome FirmwareSubject::run(RegionKind kind, const std::vector<Flip>& flips, uint32_t pass) {
  type("/reset\n");
  listen({kPrompt});
  passes_.arm(flips, pass, kind == RegionKind::kLogits);
  const Answer got = answer();
  for (const Flip& flip : flips) {
    for (const RegionEntry& region : image_.regions()) {
      if (region.range().contains(flip.address, 1) && region.file_bytes > 0)
        *ddr_.at(flip.address, 1) = image_.content(region)[flip.address - region.address];
    }
  }
  const auto says = [&](const char* text) { return got.console.find(text) != std::string::npos; };
  if (!got.ended) {
    boot();
    return says("Error") || says("xception") ? FaultOutcome::kRefused : FaultOutcome::kSilent;
  }
  if (says("Error")) return FaultOutcome::kRefused;
  if (got.tokens != golden_.tokens) return FaultOutcome::kSilent;
  return says(" is damaged at ") ? FaultOutcome::kRepaired : FaultOutcome::kMasked;
}

}  // namespace brim
