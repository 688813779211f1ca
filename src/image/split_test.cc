#include "image/split.h"

#include <gtest/gtest.h>

#include "tests/small_models.h"

namespace brim {
namespace {

using test::PackedModel;
using test::read_file;
using test::small_model;

// A board whose first memory is too small for the whole image.
Board two_memories() {
  Board board = load_board("kv260");
  board.regions = {{"low", 0, 192 << 10}, {"high", 0x800000000, 64 << 20}};
  board.firmware = {"firmware", 0, 64 << 10};
  return board;
}

TEST(Split, PartsOneAfterTheOtherAreTheImageWithOnePartPerMemory) {
  const PackedModel packed(*make_synthetic(small_model("plain"), 1), EmbeddingFormat::kQ8, 128,
                           two_memories());
  EXPECT_EQ(packed.plan().addresses.streams.size(), 2u) << "the test wants weights in both memories";
  const auto parts = split_image(packed.image(), packed.folder() + "/sd/card");
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].filename(), "BRIM0.IMG");
  EXPECT_EQ(parts[1].filename(), "BRIM1.IMG");
  EXPECT_EQ(read_file(parts[0]) + read_file(parts[1]), read_file(packed.path()));
  // The second part starts with the first region of the second memory.
  for (const RegionEntry& region : packed.image().regions()) {
    if (region.file_bytes == 0 || region.address < 0x800000000) continue;
    EXPECT_EQ(region.file_offset, std::filesystem::file_size(parts[0]));
    break;
  }
}

TEST(Split, AnImageInOneMemoryIsOnePart) {
  const PackedModel packed(*make_synthetic(small_model("plain"), 1));
  const auto parts = split_image(packed.image(), packed.folder());
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(read_file(parts[0]), read_file(packed.path()));
}

TEST(Split, SaysWhichDirectoryCannotBeMade) {
  const PackedModel packed(*make_synthetic(small_model("plain"), 1));
  EXPECT_REFUSED(split_image(packed.image(), packed.path() + "/sd"), packed.path() + "/sd");
}

}  // namespace
}  // namespace brim
