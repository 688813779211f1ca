// Progress of a long operation, shown on a terminal.
#pragma once

#include <cstdint>
#include <functional>

namespace brim {

// Called with the work done so far and the whole; from one thread at a time.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

}  // namespace brim
