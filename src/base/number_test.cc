#include "base/number.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace brim {
namespace {

TEST(ParseWhole, TakesDigitsUpToTheLargestOf64Bits) {
  EXPECT_EQ(parse_whole("0"), 0u);
  EXPECT_EQ(parse_whole("007"), 7u);
  EXPECT_EQ(parse_whole("18446744073709551615"), UINT64_MAX);
}

TEST(ParseWhole, RefusesEverythingElse) {
  for (const char* text : {"", " ", "-1", "+1", "1 ", " 1", "1.0", "0x10", "1e3", "18446744073709551616",
                           "99999999999999999999999", "one"}) {
    EXPECT_EQ(parse_whole(text), std::nullopt) << text;
  }
}

TEST(ParseDecimal, IsWhatTheCLibraryReads) {
  for (const char* text : {"0",
                           "1",
                           "-1",
                           "+1",
                           "0.85",
                           ".5",
                           "5.",
                           "1e-3",
                           "1E+3",
                           "-2.5e2",
                           "0.1",
                           "0.30000001192092896",
                           "0.000000000000000000000000000001",
                           "123456789012345678901234567890",
                           "1e38",
                           "1e-40",
                           "1e308",
                           "3.14159265358979323846264338327950288",
                           "0e400",
                           "9007199254740993"}) {
    const auto value = parse_decimal(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(static_cast<float>(*value), std::strtof(text, nullptr)) << text;
    EXPECT_NEAR(*value, std::strtod(text, nullptr), 1e-15 * std::abs(*value)) << text;
  }
}

TEST(ParseDecimal, RefusesWhatIsNoNumber) {
  for (const char* text :
       {"",      ".",   "-",     "+",   "e3", "1e", "1e+", "nan",   "-nan",          "inf", "Infinity",
        "0x1p3", "1,5", "1.2.3", "--1", "1f", " 1", "1 ",  "1e999", "1e99999999999", "0..1"}) {
    EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_decimal("1" + std::string(500, '0')), std::nullopt);
}

}  // namespace
}  // namespace brim
