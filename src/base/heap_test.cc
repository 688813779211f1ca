#include "base/heap.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace brim {
namespace {

TEST(Heap, HoldsWhatWasAllocatedUntilItIsFreed) {
  constexpr uint64_t kSmall = 1000, kCount = 1000, kLarge = uint64_t{8} << 20, kSlack = 64 << 10;
  const uint64_t before = heap_bytes();
  {
    std::vector<std::unique_ptr<char[]>> small;
    small.reserve(kCount);
    for (uint64_t i = 0; i < kCount; ++i) small.push_back(std::make_unique<char[]>(kSmall));
    const auto large = std::make_unique<char[]>(kLarge);
    EXPECT_GE(heap_bytes(), before + kSmall * kCount + kLarge);
  }
  EXPECT_LE(heap_bytes(), before + kSlack);
}

}  // namespace
}  // namespace brim
