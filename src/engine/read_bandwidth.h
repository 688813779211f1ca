// The machine's read bandwidth: the limit that decoding is measured against.
#pragma once

#include <cstdint>

#include "base/anonymous_memory.h"
#include "engine/thread_pool.h"

namespace brim {

class ReadBandwidth {
 public:
  // Memory of `bytes` in huge pages, far more than the caches hold; throws Error if there is none.
  ReadBandwidth(uint32_t threads, bool pin, uint64_t bytes = uint64_t{1} << 30);

  // Reads it from start to end, each thread its own contiguous part, once with plain loads and once with
  // prefetches (which is faster differs from minute to minute on a shared machine), and returns the better
  // bytes per second.
  double measure();

 private:
  ThreadPool pool_;
  AnonymousMemory memory_;
};

}  // namespace brim
