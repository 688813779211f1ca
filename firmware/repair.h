// Puts right what a checksum found damaged in memory: reads it from the card again. docs/board.md, "Damaged
// memory".
#pragma once

#include <cstdint>

#include "image/header.h"

namespace brim {

class Repairs {
 public:
  void attach(const ImageHeader& image) { image_ = &image; }

  // Reads what stands at `address` (a page of weights, else all of its region) from the card again and checks
  // it where it stands. What happened is on the console; false if it is as damaged as before.
  bool repair(RegionKind kind, uint64_t address);

  // Logits are on no card: the pass gives them once more.
  void logits_are_computed_again(uint64_t address);

  uint32_t count() const { return count_; }
  uint64_t last() const { return last_; }  // address

 private:
  const ImageHeader* image_ = nullptr;
  uint32_t count_ = 0;
  uint64_t last_ = 0;
};

// Says that memory did not keep what was written to it, and what to do.
void report_stuck(uint64_t address);

// Null if there is none.
const RegionEntry* region_at(const ImageHeader& image, uint64_t address);

// Whether a page of the weight stream is what its checksum says, in memory as the processor sees it.
bool weight_page_is_sound(const RegionEntry& region, uint64_t address);

}  // namespace brim
