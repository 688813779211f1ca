// The accelerator's registers on a board's memory, driven as the firmware drives them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "accelerator/driver.h"
#include "bench/faults/subject.h"
#include "board_server/accelerator_server.h"
#include "image/mapped_image.h"

namespace brim {

class RegisterSubject final : public FaultSubject {
 public:
  // Computed by `executor`: "rtl" or a set of kernels. The image must outlive it; its memory is a file in
  // `folder`.
  RegisterSubject(const std::string& executor, const std::filesystem::path& folder, const MappedImage& image);

  uint32_t passes() const override { return kPasses; }
  uint32_t positions() const override { return kPrompt + kPasses - 1; }
  FaultOutcome run(RegionKind kind, const std::vector<Flip>& flips, uint32_t pass) override;

 private:
  static constexpr uint32_t kPrompt = 3, kPasses = 6;

  // What a decode gives: all logits, one pass after the other; or that it was refused.
  struct Result {
    std::vector<float> logits;
    uint32_t repairs = 0;
    bool refused = false;
  };

  std::unique_ptr<PassServer> make_passes(const std::string& executor);
  uint8_t* at(uint64_t address) const { return ddr_.at(address, 1); }
  void reset();
  void restore(uint64_t address, uint64_t bytes);
  void repair(const accelerator::Outcome& outcome);
  Result decode(const std::vector<Flip>& flips, uint32_t faulty_pass, bool after);
  bool run_pass(const Pass& pass, Result& result);

  const MappedImage& image_;
  SharedDdr ddr_;
  std::unique_ptr<PassServer> passes_;
  AcceleratorServer server_;
  RegisterBlock block_;
  Program program_;
  Result golden_;
};

}  // namespace brim
