// What an image's memory is divided into. Freestanding: the firmware reads it too.
#pragma once

#include <cstdint>

#include "isa/layout.h"

namespace brim {

inline constexpr uint32_t kImageHeaderBytes = kPageBytes;
inline constexpr uint32_t kMaxMemoryRegions = 4;  // separate ranges of a board's DDR

enum class RegionKind : uint16_t {
  kHeader = 1,  // this page
  kProgram = 2,
  kParameters = 3,  // FP32 norm weights and biases
  kRope = 4,        // one row of cos and sin per position
  kTokenizer = 5,
  kEmbedding = 6,
  kWeights = 7,   // chunks of metadata and weight pages
  kKvScales = 8,  // no file content from here on
  kKv = 9,
  kLogits = 10,
  kReserved = 11,  // the board's own: firmware
  kPrompt = 12,    // in the file alone: a prompt that was run already
};

}  // namespace brim
