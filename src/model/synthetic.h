// Models with the shape of published ones and pseudo-random weights, made on demand: for everything that
// depends on sizes and not on values (planning, timing, bandwidth), without a download.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/tensor_source.h"

namespace brim {

inline constexpr uint64_t kSyntheticSeed = 0x6272696D;  // "brim"

// Names that open_synthetic knows: "llama2-7b", ...
std::span<const std::string_view> synthetic_names();

// A model of that name with kSyntheticSeed. Throws Error naming the known ones.
std::unique_ptr<TensorSource> open_synthetic(const std::string& name);

// Weights for any description. A value depends on (seed, role, layer, expert, row, column) only, so any rows
// may be read in any order from any thread, and come out the same on every machine. Matrices are roughly
// normal (sums of four uniform bytes, which reach 3.5 sigma) with variance 1 / columns, so that
// activations stay of order 1; norms are 1 +- 0.05, biases +- 0.1.
std::unique_ptr<TensorSource> make_synthetic(const ModelDescription& model, uint64_t seed);

}  // namespace brim
