#include "board/board.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/concat.h"
#include "base/error.h"
#include "board/builtin.h"

namespace brim {

uint64_t Board::dram_offset(uint64_t physical_address) const {
  uint64_t offset = 0;
  for (const MemoryRegion& region : regions) {
    if (region.range().contains(physical_address)) {
      return offset + (physical_address - region.base);
    }
    offset += region.bytes;
  }
  throw Error(concat("board ", name, ": address 0x", std::hex, physical_address,
                     " is in none of its memory regions"));
}

std::vector<std::string_view> builtin_board_names() {
  std::vector<std::string_view> names;
  for (const BuiltinBoard& board : builtin_boards()) names.push_back(board.name);
  std::ranges::sort(names);
  return names;
}

Board load_board(const std::string& name_or_path, std::span<const std::string> settings) {
  for (const BuiltinBoard& board : builtin_boards()) {
    if (board.name == name_or_path) return parse_board(board.json, name_or_path + ".json", settings);
  }
  constexpr uintmax_t kMaxFileBytes = 1 << 20;
  std::error_code error;
  if (!std::filesystem::is_regular_file(name_or_path, error)) {
    std::string names;
    for (std::string_view name : builtin_board_names()) names += concat(" ", name);
    throw Error(concat("board ", name_or_path, ": no such board or file; known boards:", names));
  }
  const uintmax_t bytes = std::filesystem::file_size(name_or_path, error);
  if (error || bytes > kMaxFileBytes) {
    throw Error(concat("board ", name_or_path, ": cannot be a board file (larger than 1 MiB or unreadable)"));
  }
  std::string text(bytes, '\0');
  std::ifstream file(name_or_path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(bytes))) {
    throw Error(concat("board ", name_or_path, ": cannot be read; check its permissions"));
  }
  return parse_board(text, name_or_path, settings);
}

}  // namespace brim
