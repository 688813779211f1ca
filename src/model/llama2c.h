// Checkpoints of llama2.c (github.com/karpathy/llama2.c, "version 0" of its export script): a header of
// seven int32, then every tensor as FP32 in a fixed order.
#pragma once

#include <memory>
#include <string>

#include "model/tensor_source.h"

namespace brim {

// Maps the file. Throws Error unless the header makes sense and the size is exactly what it implies.
std::unique_ptr<TensorSource> open_llama2c(const std::string& path);

}  // namespace brim
