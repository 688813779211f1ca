// Where a text's K and V stand in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "base/address_range.h"
#include "isa/program.h"

namespace brim {

// What holds K and V of the first `positions`, in a ring of the last of them: of each KV head of each layer
// its pages of K, scales of K, pages of V and scales of V, in the order of Executor::cache_memory.
// Precondition: the program passed check_program.
std::vector<AddressRange> kv_ranges(const Program& program, uint32_t positions);

}  // namespace brim
