#include "image/card/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>

#include "tests/support/small_models.h"

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
  EXPECT_EQ(parts[0].filename(), "brim.img");
  EXPECT_EQ(parts[1].filename(), "brim1.img");
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

TEST(Split, RemovesThePartsThatALargerImageHasLeft) {
  const PackedModel large(*make_synthetic(small_model("plain"), 1), EmbeddingFormat::kQ8, 128,
                          two_memories());
  const PackedModel small(*make_synthetic(small_model("plain"), 1));
  const std::string directory = large.folder() + "/sd";
  split_image(large.image(), directory);
  split_image(small.image(), directory);
  EXPECT_TRUE(std::filesystem::exists(directory + "/brim.img"));
  EXPECT_FALSE(std::filesystem::exists(directory + "/brim1.img"));
}

TEST(Split, TheRowsOfAnEmbeddingOnTheCardAreAFileOfTheirOwn) {
  const auto source = make_synthetic(small_model("bias"), 1);
  const PackedModel packed(*source, {.board = two_memories(), .embedding_on_card = true, .context = 128});
  const std::string directory = packed.folder() + "/sd";
  const auto parts = split_image(packed.image(), directory);
  ASSERT_GE(parts.size(), 2u);
  EXPECT_EQ(parts.back().filename(), kRowsName);
  std::string whole;
  for (const auto& part : parts) whole += read_file(part);
  EXPECT_EQ(whole, read_file(packed.path()));
  EXPECT_EQ(std::filesystem::file_size(parts.back()), packed.image().view().embedding.file_bytes);
  // An image without them takes them away.
  split_image(PackedModel(*source).image(), directory);
  EXPECT_FALSE(std::filesystem::exists(directory + "/" + kRowsName));
}

TEST(Split, APartBeyondTheLimitOfFat32IsRefused) {
  // A small image whose weights, the last region with content, are made larger by a hole.
  const PackedModel packed(*make_synthetic(small_model("plain"), 1));
  std::string page = read_file(packed.path()).substr(0, kImageHeaderBytes);
  ImageHeader header = packed.image().header();
  const std::span<RegionEntry> regions(header.regions, header.region_count);
  RegionEntry& weights = *std::ranges::find(regions, RegionKind::kWeights, &RegionEntry::kind);
  for (RegionEntry& region : regions) {
    if (region.address <= weights.address) continue;
    ASSERT_EQ(region.file_bytes, 0u);
    region.address += uint64_t{8} << 30;  // out of its way
  }
  const std::string path = packed.folder() + "/large.brim";
  for (const uint64_t bytes : {uint64_t{UINT32_MAX} / kPageBytes * kPageBytes, uint64_t{1} << 32}) {
    // The part is the whole file.
    weights.bytes = weights.file_bytes = bytes - weights.file_offset;
    header.file_bytes = bytes;
    header.memory[0].bytes = uint64_t{16} << 30;
    std::memcpy(page.data(), &header, sizeof(header));
    header.crc = header_checksum(page.data());
    std::memcpy(page.data(), &header, sizeof(header));
    std::filesystem::copy_file(packed.path(), path, std::filesystem::copy_options::overwrite_existing);
    std::fstream(path, std::ios::binary | std::ios::in | std::ios::out).write(page.data(), kImageHeaderBytes);
    std::filesystem::resize_file(path, bytes);
    const MappedImage image(path);
    if (bytes <= UINT32_MAX) {
      EXPECT_EQ(image_parts(image).size(), 1u);
    } else {
      EXPECT_REFUSED(image_parts(image), "4294967295");
    }
  }
}

TEST(Split, SaysWhichDirectoryCannotBeMade) {
  const PackedModel packed(*make_synthetic(small_model("plain"), 1));
  EXPECT_REFUSED(split_image(packed.image(), packed.path() + "/sd"), packed.path() + "/sd");
}

}  // namespace
}  // namespace brim
