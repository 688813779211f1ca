#include "isa/registers.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace brim::registers {
namespace {

// Cells of the rows of docs/registers.md that begin with `first_character`.
std::vector<std::vector<std::string>> documented_rows(char first_character) {
  std::ifstream file(std::string(BRIM_SOURCE_DIR) + "/docs/registers.md");
  EXPECT_TRUE(file) << "docs/registers.md cannot be read";
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.size() < 3 || line[0] != '|' || line[2] < '0' || line[2] > '9') continue;
    if ((line.substr(2, 2) == "0x") != (first_character == 'x')) continue;
    std::vector<std::string> cells;
    std::istringstream in(line.substr(1));
    for (std::string cell; std::getline(in, cell, '|');) {
      const size_t first = cell.find_first_not_of(' ');
      const size_t last = cell.find_last_not_of(' ');
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    rows.push_back(cells);
  }
  return rows;
}

TEST(Registers, AreDocumentedOneByOne) {
  const auto rows = documented_rows('x');
  ASSERT_EQ(rows.size(), kRegisters.size());
  const char* const access[] = {"ro", "rw", "w1c"};
  for (size_t i = 0; i < kRegisters.size(); ++i) {
    char offset[8];
    std::snprintf(offset, sizeof(offset), "0x%03X", kRegisters[i].offset);
    ASSERT_GE(rows[i].size(), 5u);
    EXPECT_EQ(rows[i][0], offset);
    EXPECT_EQ(rows[i][1], kRegisters[i].name);
    EXPECT_EQ(rows[i][2], access[static_cast<size_t>(kRegisters[i].access)]);
    EXPECT_EQ(rows[i][3], std::to_string(kRegisters[i].words));
  }
}

TEST(Registers, ErrorCodesAreDocumentedOneByOne) {
  const auto rows = documented_rows('0');
  ASSERT_FALSE(rows.empty());
  for (size_t code = 0; code < rows.size(); ++code) {
    EXPECT_EQ(rows[code][0], std::to_string(code));
    EXPECT_EQ(rows[code][2], describe(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(describe(static_cast<ErrorCode>(rows.size())), "unknown error") << "a code is not documented";
}

TEST(Registers, StandOneAfterTheOtherWithinTheBlock) {
  uint32_t end = 0;
  for (const Register& r : kRegisters) {
    EXPECT_GE(r.offset, end) << r.name;
    EXPECT_EQ(r.offset % 4, 0u) << r.name;
    end = r.offset + r.words * 4;
  }
  EXPECT_LE(end, kBlockBytes);
}

}  // namespace
}  // namespace brim::registers
