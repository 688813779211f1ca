// What computes the passes of an AcceleratorServer.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "board_server/register_block.h"
#include "isa/regions.h"

namespace brim {

// How a pass ended.
struct PassOutcome {
  registers::ErrorCode code = registers::ErrorCode::kNone;
  uint32_t address = 0;      // as ERROR_ADDRESS, in beats
  std::string problem = {};  // for people; may be empty
  RegionKind region = {};    // as ERROR_REGION
};

// The program whose header stands at physical `address`, as bytes. Throws Error if there is none,
// DamageError if its header is damaged.
std::span<const uint8_t> program_in(const SharedDdr& ddr, uint64_t address);

class PassServer {
 public:
  virtual ~PassServer() = default;

  // Fills in the registers from CAPABILITIES to CLOCK_KHZ.
  virtual void describe(RegisterBlock& block) = 0;

  // Runs the pass that the block asks for: leaves K, V and logits in memory, and its counters in the block.
  virtual PassOutcome run(RegisterBlock& block) = 0;

  // A soft reset. False if it does not end.
  virtual bool reset() = 0;
};

}  // namespace brim
