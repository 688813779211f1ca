#include "base/address_range.h"

#include <gtest/gtest.h>

namespace brim {
namespace {

TEST(AddressRange, ContainsWhatLiesInItWhole) {
  constexpr AddressRange kRange{100, 10};
  EXPECT_TRUE(kRange.contains(100));
  EXPECT_TRUE(kRange.contains(109));
  EXPECT_FALSE(kRange.contains(99));
  EXPECT_FALSE(kRange.contains(110));
  EXPECT_TRUE(kRange.contains(100, 10));
  EXPECT_FALSE(kRange.contains(100, 11));
  EXPECT_FALSE(kRange.contains(101, 10));
  EXPECT_TRUE(kRange.contains(AddressRange{104, 6}));
}

TEST(AddressRange, OverlapsWhatItSharesAnAddressWith) {
  constexpr AddressRange kRange{100, 10};
  EXPECT_TRUE(kRange.overlaps({109, 5}));
  EXPECT_TRUE(kRange.overlaps({90, 11}));
  EXPECT_TRUE(kRange.overlaps({0, 1000}));
  EXPECT_FALSE(kRange.overlaps({110, 5}));
  EXPECT_FALSE(kRange.overlaps({90, 10}));
  EXPECT_FALSE(kRange.overlaps({105, 0}));
}

TEST(AddressRange, IsNotFooledByOverflow) {
  constexpr AddressRange kLast{UINT64_MAX - 9, 10};
  EXPECT_TRUE(kLast.contains(UINT64_MAX));
  EXPECT_FALSE(kLast.contains(UINT64_MAX, 2));
  EXPECT_FALSE(kLast.contains(5, UINT64_MAX));
  EXPECT_FALSE((AddressRange{0, 10}).contains(UINT64_MAX, 10));
  EXPECT_FALSE((AddressRange{0, 0}).contains(0));
}

}  // namespace
}  // namespace brim
