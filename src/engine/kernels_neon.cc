#include "engine/kernels_simd.h"

namespace brim {

std::unique_ptr<Kernels> make_neon_kernels() { return nullptr; }

}  // namespace brim
