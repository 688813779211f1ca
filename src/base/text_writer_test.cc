#include "base/text_writer.h"

#include <gtest/gtest.h>

#include <string>

namespace brim {
namespace {

std::string decimal(double value) {
  char room[64];
  return std::string(TextWriter(room).add_decimal(value).text());
}

TEST(TextWriter, WritesWholeNumbersToTheLargestOf64Bits) {
  char room[64];
  EXPECT_EQ(TextWriter(room).add(uint64_t{0}).add(" ").add(UINT64_MAX).text(), "0 18446744073709551615");
}

TEST(TextWriter, WritesDecimalsWithoutZerosAtTheirEnd) {
  EXPECT_EQ(decimal(0), "0");
  EXPECT_EQ(decimal(0.85), "0.85");
  EXPECT_EQ(decimal(static_cast<double>(0.9f)), "0.9");
  EXPECT_EQ(decimal(-1.5), "-1.5");
  EXPECT_EQ(decimal(99.9999999), "100");
  EXPECT_EQ(decimal(0.000001), "0.000001");
  EXPECT_EQ(decimal(10), "10");
}

TEST(TextWriter, LeavesOutWhatDoesNotFit) {
  char room[4];
  EXPECT_EQ(TextWriter(room).add("abc").add("def").add(uint64_t{7}).text(), "abcd");
}

}  // namespace
}  // namespace brim
