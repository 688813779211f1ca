#include "engine/kernels_simd.h"

namespace brim {

std::unique_ptr<Kernels> make_avx2_kernels() { return nullptr; }

}  // namespace brim
