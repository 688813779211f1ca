// What is checked of every file of tensors.
#pragma once

#include <cstdint>
#include <span>
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

// Throws Error if the file is what Git has in place of a large one that has not been fetched.
void refuse_lfs_pointer(std::span<const uint8_t> bytes, const std::string& origin);

}  // namespace brim
