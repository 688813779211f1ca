#include "base/units.h"

#include <gtest/gtest.h>

namespace brim {
namespace {

TEST(Units, FitTheSizeOfWhatTheyMeasure) {
  EXPECT_EQ(with_unit(5.2631, "s"), "5.263 s");
  EXPECT_EQ(with_unit(0.000840123, "s"), "840.1 us");
  EXPECT_EQ(with_unit(0.0123, "s"), "12.30 ms");
  EXPECT_EQ(with_unit(3440821824.0, "B"), "3.441 GB");
  EXPECT_EQ(with_unit(1234, "B"), "1.234 kB");
  EXPECT_EQ(with_unit(0, "s"), "0 s");
  EXPECT_EQ(with_unit(64, "B"), "64.00 B");
}

TEST(Units, RoundingNeverGivesAThousand) {
  EXPECT_EQ(with_unit(999.96, "s"), "1.000 ks");
  EXPECT_EQ(with_unit(0.99996, "s"), "1.000 s");
  EXPECT_EQ(with_unit(999.94, "B"), "999.9 B");
}

}  // namespace
}  // namespace brim
