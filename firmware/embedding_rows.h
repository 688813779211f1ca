// The rows of an embedding that is on the card: brought into memory for the tokens of a pass, and, while it
// runs, for those of the next one where they are known.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "firmware/fat32.h"
#include "image/header.h"
#include "isa/registers.h"

namespace brim {

class EmbeddingRows {
 public:
  // Looks up where the rows are, once. Nothing to do where the image has its embedding in memory. False, with
  // what is wrong on the console, if the card does not have them.
  bool attach(const ImageHeader& image, Fat32* volume);

  // Whether the embedding is on the card.
  bool used() const { return row_bytes_ != 0; }

  // The most tokens of a pass: half of the slots, as the other half may be filled while it runs.
  uint32_t tokens_of_half() const { return std::min(slots_ / 2, kMostTokens); }

  // Brings the rows of a pass's tokens into slots, unless prepare() has, and returns the slots' numbers,
  // which stand for the tokens in the pass. Empty: the card failed, which is on the console.
  std::span<const uint32_t> fetch(std::span<const uint32_t> tokens);

  // Likewise for the pass after the one that runs, whose slots are left alone. A failure is told by fetch().
  void prepare(std::span<const uint32_t> tokens);

  struct Counts {
    uint64_t rows = 0;   // that were read
    double seconds = 0;  // that passes waited for them
  };
  // Of what came since the last call.
  Counts take_counts() { return std::exchange(counts_, {}); }

 private:
  static constexpr uint32_t kMostTokens = registers::kTokenIds;  // of a pass

  // One half of the slots.
  struct Half {
    uint32_t tokens[kMostTokens] = {};
    uint32_t count = 0;  // of rows that stand in the slots
    uint32_t slots[kMostTokens] = {};
  };

  bool read(Half& half, std::span<const uint32_t> tokens);

  ResolvedFile file_;
  uint64_t address_ = 0;  // of the first slot
  uint32_t row_bytes_ = 0;
  uint32_t slots_ = 0;
  uint32_t vocabulary_ = 0;
  Half halves_[2];
  uint32_t next_ = 0;  // half of the next pass
  Counts counts_;
};

}  // namespace brim
