// Whether kernels can be trusted on the processor at hand.
#pragma once

#include "engine/kernels.h"

namespace brim {

// Whether two sets give the same bits for small known matrices of all shapes times 1, 8 and 19 tokens. Takes
// less than a millisecond.
bool same_products(const Kernels& a, const Kernels& b);

}  // namespace brim
