// Where tensors lie in a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brim {

struct NamedRange {
  uint64_t begin;
  uint64_t end;
  std::string_view name;
};

// Throws Error, naming two tensors and `origin`, if any two non-empty ranges share a byte.
void check_disjoint(std::vector<NamedRange> ranges, const std::string& origin);

}  // namespace brim
