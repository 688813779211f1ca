#include "bench/faults/register_subject.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/crc32c.h"
#include "base/error.h"
#include "board/board.h"
#include "board_server/interpreter_pass_server.h"
#include "board_server/qemu.h"
#include "board_server/rtl_pass_server.h"
#include "engine/kernels.h"
#include "isa/damage.h"
#include "rtl_target/model.h"

namespace brim {

RegisterSubject::RegisterSubject(const std::string& executor, const std::filesystem::path& folder,
                                 const MappedImage& image)
    : image_(image),
      ddr_(folder / "ddr", qemu_memory(kBoardMemory)),
      passes_(make_passes(executor)),
      server_(ddr_, *passes_, {.registers = kQemuRegisters}),
      block_(ddr_, kQemuRegisters),
      program_(image.program()) {
  load_image(image, ddr_);
  golden_ = decode({}, 0, false);
  if (golden_.refused) throw Error("the accelerator refuses a pass without a fault");
}

FaultOutcome RegisterSubject::run(RegionKind kind, const std::vector<Flip>& flips, uint32_t pass) {
  for (const RegionEntry& region : image_.regions()) {
    if (region.file_bytes == 0 && region.kind != RegionKind::kReserved)
      std::memset(at(region.address), 0, region.bytes);
  }
  const Result result = decode(flips, pass, kind == RegionKind::kLogits);
  for (const Flip& flip : flips) restore(flip.address, 1);
  reset();
  if (result.refused) return FaultOutcome::kRefused;
  const bool same =
      result.logits.size() == golden_.logits.size() &&
      std::memcmp(result.logits.data(), golden_.logits.data(), golden_.logits.size() * sizeof(float)) == 0;
  if (!same) return FaultOutcome::kSilent;
  return result.repairs > 0 ? FaultOutcome::kRepaired : FaultOutcome::kMasked;
}

std::unique_ptr<PassServer> RegisterSubject::make_passes(const std::string& executor) {
  const Board board = load_board("kv260");
  if (executor != "rtl") make_kernels(executor);  // the server would only make passes fail
  if (executor == "rtl") {
    return std::make_unique<RtlPassServer>(ddr_, board, rtl_target::load_model(BRIM_BUILD_FOLDER "/rtl", 1));
  }
  return std::make_unique<InterpreterPassServer>(
      ddr_, board.accelerator, [executor] { return make_kernels(executor); }, 1);
}

void RegisterSubject::reset() {
  block_.write(registers::kControl, registers::kSoftReset);
  server_.serve_once();
}

// From the image, as from the card.
void RegisterSubject::restore(uint64_t address, uint64_t bytes) {
  for (const RegionEntry& region : image_.regions()) {
    if (!region.range().contains(address, bytes) || region.file_bytes == 0) continue;
    std::memcpy(at(address), image_.content(region).data() + (address - region.address), bytes);
  }
}

// As firmware/repair.cc: a page of weights, else the whole region.
void RegisterSubject::repair(const accelerator::Outcome& outcome) {
  const uint64_t address = outcome.byte_address();
  if (outcome.region == RegionKind::kWeights) return restore(address / kPageBytes * kPageBytes, kPageBytes);
  for (const RegionEntry& region : image_.regions()) {
    if (region.kind == outcome.region) restore(region.address, region.bytes);
  }
}

// `after`: the flips hit between the end of the pass and the look at its logits.
RegisterSubject::Result RegisterSubject::decode(const std::vector<Flip>& flips, uint32_t faulty_pass,
                                                bool after) {
  Result result;
  std::vector<uint32_t> tokens(kPrompt);
  for (uint32_t t = 0; t < kPrompt; ++t) tokens[t] = 7 * t + 1;
  uint32_t position = 0;
  const auto hit = [&] {
    for (const Flip& flip : flips) *at(flip.address) ^= flip.bits;
  };
  for (uint32_t p = 0; p < kPasses; ++p) {
    if (p == faulty_pass && !after) hit();
    const auto count = static_cast<uint32_t>(tokens.size());
    // An accelerator of one token takes the prompt in parts.
    const uint32_t most = block_.read(registers::kMaxTokens);
    for (uint32_t first = 0; first < count; first += most) {
      const uint32_t width = std::min(most, count - first);
      const bool last = first + width == count;
      const Pass pass = {.tokens = std::span(tokens).subspan(first, width),
                         .position = position + first,
                         .first_logits = last ? width - 1 : width};
      if (!run_pass(pass, result)) return result;
      if (!last) continue;
      if (p == faulty_pass && after) hit();
      const uint32_t vocabulary = program_.header.vocabulary;
      const auto* row =
          reinterpret_cast<const float*>(ddr_.at(logits_address(program_, width - 1), 4ull * vocabulary));
      // As firmware/accelerator.cc: damaged logits are computed again.
      if (crc32c(row, 4ull * vocabulary) != accelerator::read_logits_crc(block_, width - 1)) {
        ++result.repairs;
        if (!run_pass(pass, result)) return result;
      }
      result.logits.insert(result.logits.end(), row, row + vocabulary);
      position += count;
      tokens = {static_cast<uint32_t>(std::max_element(row, row + vocabulary) - row)};
    }
  }
  return result;
}

bool RegisterSubject::run_pass(const Pass& pass, Result& result) {
  constexpr uint32_t kMostRepairs = 8;
  const uint64_t program = image_.view().program.address;
  for (uint32_t attempt = 0; attempt <= kMostRepairs; ++attempt) {
    accelerator::Request(program, pass).write(block_);
    block_.write(registers::kControl, registers::kStart);
    server_.serve_once();
    const accelerator::Outcome outcome = accelerator::read_outcome(block_);
    if (outcome.done) return true;
    reset();
    if (outcome.code != registers::ErrorCode::kDamaged) break;
    repair(outcome);
    ++result.repairs;
  }
  result.refused = true;
  return false;
}

}  // namespace brim
