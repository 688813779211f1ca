// The static map: every address is itself.
#pragma once

namespace brim {

// Switches MMU and caches on, at whatever exception level the program runs.
void enable_mmu();

}  // namespace brim
