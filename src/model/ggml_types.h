// Element types of GGUF tensors. Quantised ones come in blocks of 32 or 256 values along a row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace brim {

enum class GgmlType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ4K = 12,
  kQ5K = 13,
  kQ6K = 14,
  kBf16 = 30,
};

struct GgmlBlock {
  uint64_t values;
  uint64_t bytes;
};

// How values are stored; nothing for a type that is not in the specification's list.
std::optional<GgmlBlock> ggml_block(GgmlType type);

// "Q4_K", or "type 99".
std::string ggml_type_name(GgmlType type);

// Whether dequantise() can read it: the types that GgmlType names.
bool is_readable(GgmlType type);

// Fills `out` from whole blocks; out.size() must be a multiple of the block's values and `blocks` as
// long as that implies. `type` must be readable.
void dequantise(GgmlType type, std::span<const uint8_t> blocks, std::span<float> out);

}  // namespace brim
