// What a fault campaign is done to: a board that decodes the same text again and again, with flips in
// between.
#pragma once

#include <cstdint>
#include <vector>

#include "isa/regions.h"

namespace brim {

enum class FaultOutcome : uint8_t { kMasked, kRepaired, kRefused, kSilent };

// Bits of a byte of memory that change.
struct Flip {
  uint64_t address = 0;
  uint8_t bits = 0;
};

inline constexpr uint64_t kBoardMemory = uint64_t{4} << 30;  // bytes

class FaultSubject {
 public:
  virtual ~FaultSubject() = default;

  // Of a decode: passes before which a flip can hit so that what it does is seen, and positions.
  virtual uint32_t passes() const = 0;
  virtual uint32_t positions() const = 0;

  // Decodes once, with flips in a region of the kind before pass `pass`; in logits behind it, before anybody
  // has looked at them. Memory is put right again.
  virtual FaultOutcome run(RegionKind kind, const std::vector<Flip>& flips, uint32_t pass) = 0;
};

}  // namespace brim
