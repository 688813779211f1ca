// The kernels of each instruction set; null where this processor cannot run them.
#pragma once

#include <concepts>
#include <memory>

#include "engine/kernels.h"

namespace brim {

std::unique_ptr<Kernels> make_avx512_kernels();
std::unique_ptr<Kernels> make_avx2_kernels();
std::unique_ptr<Kernels> make_neon_kernels();

}  // namespace brim
