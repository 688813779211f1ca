// A Hugging Face model directory: config.json and safetensors files, plain (F32, F16, BF16) or 4-bit
// (AWQ, GPTQ). docs/checkpoints.md lists what is read and what is refused.
#pragma once

#include <memory>
#include <string>

#include "model/tensor_source.h"

namespace brim {

// Maps the files and checks that exactly the tensors of the described model are there, in their shapes.
// Throws Error naming file and tensor.
std::unique_ptr<TensorSource> open_hf_checkpoint(const std::string& directory);

}  // namespace brim
