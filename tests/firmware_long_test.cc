// A model that fills the board: minutes of work, and 8 GB of disk.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "image/mapped_image.h"
#include "tests/support/board_process.h"

namespace brim {
namespace {

TEST(FullBoard, DecodesAModelThatTakes99PercentOfTheMemory) {
  BRIM_NEED_BOARD();
  const std::string tokenizer = BRIM_SHARED_DATA "/tokenizer/llama2-tokenizer.model";
  if (!std::filesystem::exists(tokenizer)) GTEST_SKIP() << tokenizer << " is absent";
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/7b.brim";
  const std::string pack = std::string(BRIM_BINARY) + " pack synthetic:llama2-7b -o " + path +
                           " --context max --tokenizer " + tokenizer + " >/dev/null";
  ASSERT_EQ(std::system(pack.c_str()), 0) << pack;
  {
    const MappedImage image(path);
    uint64_t used = 0, capacity = 0;
    for (const RegionEntry& region : image.regions()) used += region.bytes;
    for (uint32_t m = 0; m < image.header().memory_count; ++m) capacity += image.header().memory[m].bytes;
    EXPECT_GE(static_cast<double>(used), 0.99 * static_cast<double>(capacity));
  }
  {
    test::Board board(folder.path(), {path, "--preload"});
    EXPECT_TRUE(board.shows("Self test passed", 900));
    board.send("/tokens 8\nOnce upon a time\n/stats\n");
    EXPECT_TRUE(board.shows("[8 tokens;", 600));
    EXPECT_TRUE(board.shows("decoded      7 tokens", 60));
    EXPECT_EQ(board.finish(), 0);
  }
}

}  // namespace
}  // namespace brim
