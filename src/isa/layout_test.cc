// The address arithmetic of isa/layout.h against plain enumerations.
#include "isa/layout.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>
#include <vector>

namespace brim {
namespace {

TEST(Layout, PagesAndRecordsFollowTheChunksOneAfterTheOther) {
  // Walks the stream page by page: a metadata page, then up to 25 weight pages, and so on.
  uint64_t offset = 0;
  uint64_t metadata = 0;
  for (uint64_t page = 0; page < 200; ++page) {
    if (page % 25 == 0) {
      metadata = offset;
      offset += 8192;
    }
    ASSERT_EQ(page_offset(page), offset);
    ASSERT_EQ(metadata_offset(page), metadata);
    metadata += 320;
    offset += 8192;
    ASSERT_EQ(stream_bytes(page + 1), offset);
  }
  EXPECT_EQ(stream_bytes(0), 0u);
  EXPECT_EQ(page_offset(25'000'000), 1'000'000 * kChunkBytes + 8192) << "beyond 32 bits";
}

TEST(Layout, ARecordHasRoomForTheZeroPointsAndScalesOfAPageAndAMetadataPageForAChunk) {
  EXPECT_EQ(kMetadataZeroBytes * 2, kGroupsPerPage);
  EXPECT_EQ(kMetadataZeroBytes + 2 * kGroupsPerPage, kMetadataRecordBytes);
  EXPECT_LE(kPagesPerChunk * kMetadataRecordBytes, kPageBytes);
}

TEST(Layout, KvRecordsFillEveryPageOnceAndTakeTurnsOverTheSubBlocks) {
  for (const auto& [head_size, bits, record_bytes] : {std::tuple{64u, 8u, 64u},
                                                      {128u, 8u, 128u},
                                                      {256u, 8u, 256u},
                                                      {64u, 4u, 32u},
                                                      {128u, 4u, 64u},
                                                      {160u, 4u, 128u}}) {
    const KvFormat format = kv_format(head_size, bits);
    const uint32_t tokens_per_page = kPageBytes / record_bytes;
    const uint32_t tokens = 3 * tokens_per_page;
    std::set<uint64_t> offsets;
    std::vector<uint32_t> in_sub_block(4);
    for (uint32_t t = 0; t < tokens; ++t) {
      const uint64_t offset = format.offset(t);
      EXPECT_EQ(offset / kPageBytes, t / tokens_per_page);
      EXPECT_EQ(offset % record_bytes, 0u);
      EXPECT_EQ(offset % kPageBytes / kSubBlockBytes, t % 4);
      EXPECT_TRUE(offsets.insert(offset).second) << "token " << t << " shares its record";
      if (t < tokens_per_page) {
        // The records of a part-filled page stand at the start of each sub-block.
        EXPECT_EQ(offset % kSubBlockBytes, in_sub_block[t % 4]++ * record_bytes);
      }
    }
    EXPECT_EQ(offsets.size() * record_bytes, uint64_t{3} * kPageBytes);
  }
}

TEST(Layout, KvRecordsAreABeatForHeadsUpTo64ElementsAndTwoBeyond) {
  EXPECT_EQ(kv_format(2).record_bytes, 64u);
  EXPECT_EQ(kv_format(64).record_bytes, 64u);
  EXPECT_EQ(kv_format(66).record_bytes, 128u);
  EXPECT_EQ(kv_format(128).record_bytes, 128u);
  EXPECT_EQ(kv_format(64).tokens_per_page(), 128u);
  EXPECT_EQ(kv_format(128).tokens_per_page(), 64u);
}

TEST(Layout, KvRecordsOfFourBitsAreHalfAsLargeAndHaveAWordOfScaleAndZeroPoint) {
  EXPECT_EQ(kv_format(64, 4), (KvFormat{.bits = 4, .record_bytes = 32, .scale_bytes = 4}));
  EXPECT_EQ(kv_format(66, 4), (KvFormat{.bits = 4, .record_bytes = 64, .scale_bytes = 4}));
  EXPECT_EQ(kv_format(128, 4).elements(), 128u);
  EXPECT_EQ(kv_format(64, 4).tokens_per_page(), 256u);
  EXPECT_EQ(kv_format(64, 4).record_beats(), 1u);  // that it shares
}

TEST(Layout, PastBeatsAreThoseThatHoldARecord) {
  for (const auto& [head_size, bits] :
       {std::pair{64u, 8u}, {128u, 8u}, {256u, 8u}, {64u, 4u}, {128u, 4u}, {256u, 4u}}) {
    const KvFormat format = kv_format(head_size, bits);
    std::set<uint64_t> beats;
    for (uint32_t t = 0; t < 600; ++t) {
      EXPECT_EQ(format.past_beats(t), beats.size()) << head_size << ' ' << bits << ' ' << t;
      for (uint32_t byte = 0; byte < format.record_bytes; byte += 32)
        beats.insert((format.offset(t) + byte) / kBeatBytes);
    }
  }
}

TEST(Layout, EmbeddingAndRopeRowsAreWholeBeats) {
  using enum EmbeddingFormat;
  EXPECT_EQ(embedding_row_bytes(kFp16, 64), 128u);
  EXPECT_EQ(embedding_row_bytes(kFp16, 65), 192u);
  EXPECT_EQ(embedding_row_bytes(kQ8, 64), 192u);     // 128 + 2
  EXPECT_EQ(embedding_row_bytes(kQ8, 4096), 4160u);  // 32 * 130
  EXPECT_EQ(embedding_row_bytes(kQ4, 64), 128u);     // 64 + 2 + 1
  EXPECT_EQ(embedding_row_bytes(kQ4, 4096), 2176u);  // 32 * 67 = 2144
  EXPECT_EQ(rope_row_bytes(128), 512u);
  EXPECT_EQ(rope_row_bytes(8), 64u);
  EXPECT_EQ(rope_row_bytes(80), 320u);
}

}  // namespace
}  // namespace brim
