#include "board_server/rtl_pass_server.h"

#include <algorithm>

#include "base/error.h"

namespace brim {

void RtlPassServer::describe(RegisterBlock& block) {
  for (uint32_t offset = registers::kCapabilities; offset <= registers::kClockKhz; offset += 4) {
    block.set(offset, rtl_.read(offset));
  }
}

// The same registers there as here.
PassOutcome RtlPassServer::run(RegisterBlock& block) {
  for (const uint32_t offset :
       {registers::kProgram, registers::kPosition, registers::kTokens, registers::kFirstLogits}) {
    rtl_.write(offset, block.get(offset));
  }
  const uint32_t ids = std::min(block.get(registers::kTokens), registers::kTokenIds);
  for (uint32_t t = 0; t < ids; ++t) {
    rtl_.write(registers::kTokenId + 4 * t, block.get(registers::kTokenId + 4 * t));
  }
  try {
    rtl_.run_pass();
  } catch (const Error& error) {
    return {registers::ErrorCode::kNoProgress, block.get(registers::kProgram), error.what()};
  }
  for (uint32_t offset = registers::kCycles; offset <= registers::kLastCounter; offset += 4) {
    block.set(offset, rtl_.read(offset));
  }
  return {static_cast<registers::ErrorCode>(rtl_.read(registers::kErrorCode)),
          rtl_.read(registers::kErrorAddress)};
}

bool RtlPassServer::reset() {
  try {
    rtl_.soft_reset();
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace brim
