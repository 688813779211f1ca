#include "board_server/rtl_pass_server.h"

#include "accelerator/driver.h"
#include "base/error.h"

namespace brim {

void RtlPassServer::describe(RegisterBlock& block) {
  accelerator::write_facts(block, accelerator::read_facts(rtl_));
}

PassOutcome RtlPassServer::run(RegisterBlock& block) {
  const auto request = accelerator::Request::read(block);
  request.write(rtl_);
  try {
    rtl_.run_pass();
  } catch (const Error& error) {
    return {registers::ErrorCode::kNoProgress, request.program_beat(), error.what()};
  }
  for (uint32_t offset = registers::kCycles; offset <= registers::kLastCounter; offset += 4) {
    block.write(offset, rtl_.read(offset));
  }
  for (uint32_t t = 0; t < registers::kTokenIds; ++t) {
    block.write(registers::kLogitsCrc + 4 * t, accelerator::read_logits_crc(rtl_, t));
  }
  const accelerator::Outcome outcome = accelerator::read_outcome(rtl_);
  return {outcome.code, outcome.address, {}, outcome.region};
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
