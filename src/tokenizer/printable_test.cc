#include "tokenizer/printable.h"

#include <gtest/gtest.h>

namespace brim {
namespace {

TEST(Printable, TakesOutWhatMovesATerminal) {
  EXPECT_EQ(printable("kv260"), "kv260");
  EXPECT_EQ(printable("\x1B[31mred\x1B[0m"), "?[31mred?[0m");
  EXPECT_EQ(printable("a\nb\tc\x7F"), "a?b?c?");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "?31m")
      << "CSI as one character";
  EXPECT_EQ(printable("\x9B"
                      "31m"),
            "?31m")
      << "and as one byte";
  EXPECT_EQ(printable("Gr\xC3\xBC\xC3\x9F"
                      "e \xE2\x80\xA9"),
            "Gr\xC3\xBC\xC3\x9F"
            "e ?");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "?");
}

TEST(Printable, WhatItReturnsIsPrintable) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), 'x'};
      EXPECT_TRUE(is_printable(std::string_view(printable(text)))) << first << ' ' << second;
    }
  }
}

}  // namespace
}  // namespace brim
