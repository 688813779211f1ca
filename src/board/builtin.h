// The files of boards/ as they were when the binary was built.
#pragma once

#include <span>
#include <string_view>

namespace brim {

struct BuiltinBoard {
  std::string_view name;  // file name without .json
  std::string_view json;
};

std::span<const BuiltinBoard> builtin_boards();

}  // namespace brim
