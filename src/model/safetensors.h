// The safetensors container (github.com/huggingface/safetensors): an 8-byte length, a JSON header that
// names type, shape and byte range of every tensor, then the data.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace brim {

struct StoredTensor {
  std::string type;             // as in the header: "F32", "F16", "BF16", "I32", ...
  std::vector<uint64_t> shape;  // slowest dimension first
  std::span<const uint8_t> data;
};

// Tensors by name; their data are parts of `bytes`. Throws Error, naming `origin` and the tensor, unless
// every range lies in the file, has the size that type and shape imply, and overlaps no other.
std::map<std::string, StoredTensor> parse_safetensors(std::span<const uint8_t> bytes,
                                                      const std::string& origin);

}  // namespace brim
