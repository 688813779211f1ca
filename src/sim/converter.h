// The A16 converter of a lane (rtl/a16_block.sv): converts a block while the next one is filled.
#pragma once

#include <algorithm>

#include "sim/clocks.h"

namespace brim::sim {

class Converter {
 public:
  // The first cycle from `cycle` on in which the issue of a block may begin.
  Cycle room(Cycle cycle) const {
    // Not while a complete block waits for the converter, nor while more than 16 elements of the one in it
    // are left.
    for (const Block& block : blocks_) {
      if (cycle > block.filled) cycle = std::max(cycle, block.last - kNearlyDone);
    }
    return cycle;
  }

  // A block of this length whose last element arrives in cycle `filled`; returns when the VPU sees it
  // complete.
  Cycle convert(Cycle filled, uint32_t length) {
    blocks_[0] = blocks_[1];
    Block& block = blocks_[1];
    block.filled = filled;
    block.last = std::max(filled, blocks_[0].last) + 1 + kSetup + length;
    return block.last + kLastWord;
  }

  // The first cycle in which it is idle.
  Cycle idle() const { return blocks_[1].last + kIdle; }

 private:
  static constexpr Cycle kSetup = 3;        // exponent
  static constexpr Cycle kNearlyDone = 15;  // before the last element is read
  static constexpr Cycle kLastWord = 8;
  static constexpr Cycle kIdle = 10;

  struct Block {
    Cycle filled = 0, last = kNearlyDone;  // last: its last element is read
  };
  Block blocks_[2];
};

}  // namespace brim::sim
