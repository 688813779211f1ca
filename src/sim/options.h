// What a simulation runs, and the design decisions that bench/ablation turns off one by one.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/routing.h"

namespace brim::sim {

// How weight pages lie in memory.
enum class WeightOrder : uint8_t {
  kStream,       // in the order in which they are consumed, 8 KiB in a row: the image's layout
  kRowMajor,     // row after row as in a checkpoint: a page is gathered from 32 rows
  kPortRegions,  // a quarter of the weights in a region of its own for each port
};

struct Design {
  WeightOrder weight_order = WeightOrder::kStream;
  // Matrices take x * w, their results are multiplied by r; else they wait until r is known.
  bool deferred_norm = true;
  // The write buffer is drained when it holds so many beats; at most WriteBuffer::kBeats.
  uint32_t drain_beats = 64;
  // Everything but the memory takes no time: what is left is the memory's own limit for this stream.
  bool ready_consumer = false;
};

// One run of the program: tokens at positions position ... position + tokens - 1.
struct PassRequest {
  uint32_t position = 0;
  uint32_t tokens = 1;
  bool logits = true;       // of the last token
  bool all_logits = false;  // of every token, where logits are wanted
  Routing routing = {};     // of a program with experts
  // The distinct experts of each layer, ascending, as a run has had them; empty: drawn.
  std::vector<std::vector<uint32_t>> experts = {};
};

}  // namespace brim::sim
