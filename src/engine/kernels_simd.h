// The kernels of each instruction set; null where this processor cannot run them.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/kernels.h"

namespace brim {

std::unique_ptr<Kernels> make_amx_kernels();
std::unique_ptr<Kernels> make_avx512_kernels();
std::unique_ptr<Kernels> make_avx2_kernels();
std::unique_ptr<Kernels> make_neon_kernels();

// What takes the place of a set's own matvec for passes of so many tokens and more.
struct WideMatvec {
  uint32_t least_tokens = UINT32_MAX;
  void (*matvec)(const MatrixView& matrix, const A16View& x, uint32_t first_block, uint32_t last_block,
                 float* out, uint64_t out_stride) = nullptr;
};

// The AVX-512 kernels with another name and matvec.
std::unique_ptr<Kernels> make_avx512_kernels(std::string_view name, const WideMatvec& wide);

}  // namespace brim
