#include "image/mapped_image.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>

#include "tests/support/small_models.h"

namespace brim {
namespace {

using test::append;
using test::error_of;
using test::PackedModel;
using test::read_file;
using test::small_model;
using test::TemporaryFolder;

// The file of a small image, and what reading changed copies of it says.
class MappedImageTest : public testing::Test {
 protected:
  MappedImageTest()
      : packed_(*make_synthetic(small_model("plain"), 1), EmbeddingFormat::kQ8, 128, load_board("kv260"),
                kBlob),
        content_(read_file(packed_.path())) {}

  std::string refusal(const std::string& content) const {
    // ext4 writes a file that is cut to nothing and filled again to the disk at once: a new one is faster.
    std::filesystem::remove(folder_.path() + "/changed.brim");
    const std::string path = folder_.write("changed.brim", content);
    return error_of([&] { MappedImage image(path); });
  }

  // Any bytes do for a tokenizer here: images carry it as it is.
  static constexpr uint8_t kBlob[1000] = {1, 2, 3};

  TemporaryFolder folder_;
  PackedModel packed_;
  std::string content_;
};

TEST_F(MappedImageTest, AFreshImageIsAccepted) {
  packed_.image().verify();
  EXPECT_EQ(packed_.image().header().context, 128u);
  EXPECT_EQ(packed_.image().tokenizer().size(), kPageBytes) << "whole pages";
  EXPECT_EQ(std::memcmp(packed_.image().tokenizer().data(), kBlob, sizeof(kBlob)), 0);
}

TEST_F(MappedImageTest, AnyChangedByteOfTheHeaderPageIsRefused) {
  std::string page = content_.substr(0, kImageHeaderBytes);
  for (size_t i = 0; i < page.size(); ++i) {
    for (const int bit : {0, 7}) {
      page[i] = static_cast<char>(page[i] ^ (1 << bit));
      ASSERT_NE(check_header(page.data(), content_.size()), nullptr) << "byte " << i;
      page[i] = static_cast<char>(page[i] ^ (1 << bit));
    }
  }
  // The same through the reader, for every field.
  const std::string path = folder_.write("changed.brim", content_);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte).flush();
  };
  for (size_t i = 0; i < sizeof(ImageHeader); ++i) {
    put(i, static_cast<char>(content_[i] ^ 0x55));
    const std::string text = error_of([&] { MappedImage image(path); });
    ASSERT_NE(text.find("changed.brim: "), std::string::npos) << text;
    ASSERT_EQ(text.find('\n'), std::string::npos);
    put(i, content_[i]);
  }
  MappedImage image(path);  // all is as it was
}

TEST_F(MappedImageTest, AHeaderThatContradictsItselfIsRefusedByField) {
  // Changes that a sound checksum covers: made by a faulty packer, or on purpose.
  const auto refusal_after = [&](const std::function<void(ImageHeader&)>& change) {
    std::string content = content_;
    ImageHeader header;
    std::memcpy(&header, content.data(), sizeof(header));
    change(header);
    std::memcpy(content.data(), &header, sizeof(header));
    header.crc = header_checksum(content.data());
    std::memcpy(content.data() + offsetof(ImageHeader, crc), &header.crc, sizeof(header.crc));
    return refusal(content);
  };
  const auto region = [](ImageHeader& header, RegionKind kind) -> RegionEntry& {
    return *std::ranges::find(header.regions, kind, &RegionEntry::kind);
  };
  // Without an entry: the last one takes its place.
  const auto without = [&](RegionKind kind) {
    return refusal_after([&](ImageHeader& h) { region(h, kind) = h.regions[--h.region_count]; });
  };
  const auto expect = [](const std::string& text, const char* problem) {
    EXPECT_NE(text.find(problem), std::string::npos) << text;
  };
  expect(without(RegionKind::kHeader), "regions has no entry for the header");
  expect(without(RegionKind::kProgram), "regions has no entry for the program");
  expect(without(RegionKind::kParameters), "regions has no entry for the parameters");
  expect(without(RegionKind::kRope), "regions has no entry for the rope table");
  expect(without(RegionKind::kEmbedding), "regions has no entry for the embedding");
  expect(without(RegionKind::kWeights), "regions has no entry for the weights");
  expect(without(RegionKind::kKvScales), "regions has no entry for the KV cache's scales");
  expect(without(RegionKind::kKv), "regions has no entry for the KV cache");
  expect(without(RegionKind::kLogits), "regions has no entry for the logits");
  expect(refusal_after([&](ImageHeader& h) { region(h, RegionKind::kTokenizer).kind = RegionKind::kRope; }),
         "two regions are of a kind of which there is one");
  expect(refusal_after([&](ImageHeader& h) { region(h, RegionKind::kRope).file_bytes = 0; }),
         "a region has content where its kind has none, or none where it has");
  expect(refusal_after([&](ImageHeader& h) {
           std::swap(region(h, RegionKind::kHeader).file_offset, region(h, RegionKind::kProgram).file_offset);
           region(h, RegionKind::kProgram).bytes = region(h, RegionKind::kProgram).file_bytes = kPageBytes;
         }),
         "the header's region is not where the file begins");
  expect(refusal_after([&](ImageHeader& h) { region(h, RegionKind::kRope).bytes *= 2; }),
         "a region's file size differs from its size");
  expect(refusal_after([&](ImageHeader& h) {
           region(h, RegionKind::kEmbedding).file_bytes = kPageBytes;
           region(h, RegionKind::kEmbedding).bytes = 2 * kPageBytes;
           h.model.vocabulary = 100'000;
         }),
         "the embedding's rows are fewer than tokens");
  expect(refusal_after([&](ImageHeader& h) { region(h, RegionKind::kEmbedding).bytes += kPageBytes; }),
         "the embedding's slots in memory are too few or too many");
  expect(refusal_after([](ImageHeader& h) { h.known_pass.tokens = kMaxKnownTokens + 1; }),
         "known_pass has too many tokens");
  expect(refusal_after([](ImageHeader& h) {
           h.known_pass.tokens = 2;
           h.known_pass.ids[1] = h.model.vocabulary;
         }),
         "known_pass has a token id beyond the vocabulary");
  expect(refusal_after([](ImageHeader& h) {
           h.known_pass.tokens = kMaxKnownTokens;
           h.context = kMaxKnownTokens - 1;
         }),
         "known_pass has more tokens than the context");
  expect(refusal_after([](ImageHeader& h) {
           h.known_pass.tokens = 2;
           h.known_pass.ids[2] = 1;
         }),
         "known_pass has more ids than tokens");
  expect(refusal_after([](ImageHeader& h) {
           h.known_pass = {};
           h.known_pass.logits_crc = 1;
         }),
         "known_pass has a checksum and no tokens");
}

TEST_F(MappedImageTest, AFileCutAnywhereIsRefused) {
  std::vector<uint64_t> cuts = {0, 1, 7, 8, kImageHeaderBytes - 1, content_.size() - 1};
  for (const RegionEntry& region : packed_.image().regions()) {
    if (region.file_bytes == 0) continue;
    cuts.insert(cuts.end(),
                {region.file_offset, region.file_offset + 1, region.file_offset + region.file_bytes - 1});
    if (region.file_offset > 0) cuts.push_back(region.file_offset - 1);
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) cuts.push_back(random() % content_.size());
  for (const uint64_t cut : cuts) {
    const std::string text = refusal(content_.substr(0, cut));
    EXPECT_NE(text.find(cut < kImageHeaderBytes ? "too short" : "size"), std::string::npos)
        << cut << ": " << text;
  }
}

TEST_F(MappedImageTest, AFileWithMoreBehindItIsRefused) {
  EXPECT_NE(refusal(content_ + std::string(kPageBytes, '\0')).find("size"), std::string::npos);
}

TEST_F(MappedImageTest, AChangedByteInAnyRegionIsFoundAndTheRegionNamed) {
  for (const RegionEntry& region : packed_.image().regions()) {
    if (region.file_bytes == 0 || region.kind == RegionKind::kHeader) continue;
    for (const uint64_t at : {uint64_t{0}, region.file_bytes / 2, region.file_bytes - 1}) {
      std::string changed = content_;
      changed[region.file_offset + at] = static_cast<char>(changed[region.file_offset + at] ^ 4);
      const std::string path = folder_.write("changed.brim", changed);
      // Small regions are checked on opening, the embedding and the weights by `verify`.
      const std::string text = error_of([&] { MappedImage(path).verify(); });
      EXPECT_NE(text.find(std::string("the checksum of region ") + region.name + " is wrong"),
                std::string::npos)
          << text;
    }
  }
}

TEST_F(MappedImageTest, OtherFilesAreRefused) {
  EXPECT_NE(refusal("").find("too short"), std::string::npos);
  EXPECT_NE(refusal(std::string(20000, 'x')).find("no Brim image"), std::string::npos);
  EXPECT_REFUSED(MappedImage(folder_.path()), folder_.path());
  EXPECT_REFUSED(MappedImage(folder_.path() + "/absent.brim"), "absent.brim");
}

TEST_F(MappedImageTest, BoardMemoryGivesContentToReadersAndZerosToWriters) {
  const MappedImage& image = packed_.image();
  BoardMemory memory(image);
  for (const RegionEntry& region : image.regions()) {
    SCOPED_TRACE(region.name);
    if (region.file_bytes > 0) {
      EXPECT_EQ(memory.read(region.address, region.bytes), image.content(region).data());
      EXPECT_EQ(memory.read(region.address + region.bytes - 1, 1), &image.content(region).back());
      EXPECT_THROW(memory.write(region.address, 1), Error);
    } else if (region.kind == RegionKind::kReserved) {
      EXPECT_THROW(memory.read(region.address, 1), Error);
      EXPECT_THROW(memory.write(region.address, 1), Error);
    } else {
      EXPECT_THROW(memory.read(region.address, 1), Error);
      const uint8_t* bytes = memory.write(region.address, region.bytes);
      EXPECT_TRUE(std::all_of(bytes, bytes + region.bytes, [](uint8_t byte) { return byte == 0; }));
    }
    EXPECT_THROW(memory.write(region.address, region.bytes + 1), Error);
  }
  EXPECT_THROW(memory.read(UINT64_MAX - 10, 100), Error);
  EXPECT_THROW(memory.write(0x700000000, 1), Error);
}

}  // namespace
}  // namespace brim
