// The GGUF container, versions 2 and 3 (github.com/ggml-org/ggml/blob/master/docs/gguf.md): typed
// metadata, tensor descriptions, data.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/ggml_types.h"

namespace brim {

// Strings, or numbers as they are stored: little-endian, `element_type` as in the specification.
struct GgufArray {
  uint32_t element_type;
  uint64_t count;
  std::span<const uint8_t> numbers;
  std::vector<std::string_view> strings;
};

// Integers of every width are widened; float32 becomes double.
using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>;

inline constexpr uint32_t kGgufInt32 = 5;
inline constexpr uint32_t kGgufUint32 = 4;
inline constexpr uint32_t kGgufFloat32 = 6;
inline constexpr uint32_t kGgufString = 8;

struct GgufTensor {
  GgmlType type;
  std::vector<uint64_t> sizes;    // fastest dimension first: a matrix is {columns, rows}
  std::span<const uint8_t> data;  // empty if the type is not known
};

// All views are into the file's bytes.
struct Gguf {
  std::map<std::string_view, GgufValue> metadata;
  std::map<std::string_view, GgufTensor> tensors;
};

// Throws Error, naming `origin` and the key or tensor, on anything that the specification does not allow
// or that lies outside of `bytes`. Allocates in proportion to bytes.size().
Gguf parse_gguf(std::span<const uint8_t> bytes, const std::string& origin);

}  // namespace brim
