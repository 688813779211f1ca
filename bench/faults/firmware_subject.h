// The firmware in QEMU, answering the same line again and again: what it says and which tokens it runs is all
// that is seen of it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/faults/subject.h"
#include "board_server/accelerator_server.h"
#include "board_server/interpreter_pass_server.h"
#include "board_server/qemu.h"
#include "image/mapped_image.h"

namespace brim {

// Passes, with flips before or behind one of them.
class FaultyPasses final : public PassServer {
 public:
  FaultyPasses(const SharedDdr& ddr, PassServer& passes) : ddr_(ddr), passes_(passes) {}

  // Counted from the next one on. For a thread that serves no pass meanwhile.
  void arm(std::vector<Flip> flips, uint32_t pass, bool behind) {
    flips_ = std::move(flips);
    passes_left_ = pass;
    behind_ = behind;
  }

  void describe(RegisterBlock& block) override { passes_.describe(block); }
  PassOutcome run(RegisterBlock& block) override;
  bool reset() override { return passes_.reset(); }

 private:
  const SharedDdr& ddr_;
  PassServer& passes_;
  std::vector<Flip> flips_;  // empty: there are none to come
  uint32_t passes_left_ = 0;
  bool behind_ = false;
};

class FirmwareSubject final : public FaultSubject {
 public:
  // Of an image with a tokenizer, on a card; both files are in `folder`. Throws Error if the firmware does
  // not answer.
  FirmwareSubject(const std::filesystem::path& folder, const MappedImage& image);

  uint32_t passes() const override { return passes_of_answer_; }
  uint32_t positions() const override { return static_cast<uint32_t>(golden_.tokens.size()); }
  FaultOutcome run(RegionKind kind, const std::vector<Flip>& flips, uint32_t pass) override;

 private:
  // The last token of an answer is chosen, but never run.
  struct Answer {
    std::vector<uint32_t> tokens;  // by position, those of the prompt among them
    std::string console;           // from the line on
    bool ended = false;            // the firmware asks for the next line
  };

  void boot();
  void type(const std::string& text);
  std::string listen(const std::vector<std::string>& ends);
  Answer answer();

  const MappedImage& image_;
  const std::filesystem::path folder_;
  SharedDdr ddr_;
  InterpreterPassServer interpreter_;
  FaultyPasses passes_;

  // Of the answer under way; by the thread that serves.
  std::vector<uint32_t> tokens_;
  uint32_t count_ = 0;

  std::unique_ptr<AcceleratorServer> server_;
  std::unique_ptr<Qemu> board_;
  std::jthread serving_;
  Answer golden_;
  uint32_t passes_of_answer_ = 0;
};

}  // namespace brim
