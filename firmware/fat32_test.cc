#include "firmware/fat32.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "image/card/sd_card.h"
#include "tests/support/temporary_folder.h"

namespace brim {
namespace {

class MemoryCard final : public BlockDevice {
 public:
  explicit MemoryCard(std::vector<uint8_t> contents) : bytes(std::move(contents)) {}

  bool read(uint64_t sector, uint32_t count, uint8_t* to) override {
    ++reads;
    if (sector > bytes.size() / kSectorBytes || count > bytes.size() / kSectorBytes - sector) return false;
    std::memcpy(to, &bytes[sector * kSectorBytes], uint64_t{count} * kSectorBytes);
    return true;
  }

  std::vector<uint8_t> bytes;
  uint64_t reads = 0;
};

std::vector<uint8_t> pattern(size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> out(bytes);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

uint32_t get16(const uint8_t* p) { return p[0] | p[1] << 8; }
uint32_t get32(const uint8_t* p) { return get16(p) | get16(p + 2) << 16; }
void put32(uint8_t* p, uint32_t value) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(value >> (8 * i));
}

class FatCard : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    first_ = new std::vector<uint8_t>(pattern(20 * 512 + 100, 1));
    second_ = new std::vector<uint8_t>(pattern(3 * 512, 2));
    const test::TemporaryFolder folder;
    const std::string path = folder.path() + "/card";
    const ImagePart files[] = {{"brim.img", *first_}, {"brim1.img", *second_}, {"EMPTY.IMG", {}}};
    write_sd_card(files, path);
    std::ifstream in(path, std::ios::binary);
    card_ = new std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {});
  }
  static void TearDownTestSuite() {
    delete first_;
    delete second_;
    delete card_;
  }

  // Offsets in the card, by its boot sector.
  static uint64_t partition() { return uint64_t{get32(&(*card_)[454])} * 512; }
  static uint64_t table() { return partition() + get16(&(*card_)[partition() + 14]) * uint64_t{512}; }
  static uint64_t table_bytes() { return uint64_t{get32(&(*card_)[partition() + 36])} * 512; }
  static uint64_t cluster_bytes() { return (*card_)[partition() + 13] * uint64_t{512}; }
  static uint64_t data(uint64_t cluster) {
    return table() + 2 * table_bytes() + (cluster - 2) * cluster_bytes();
  }

  static std::vector<uint8_t> read_all(Fat32& volume, const FatFile& file, uint32_t step) {
    std::vector<uint8_t> out(file.bytes);
    FatReader reader(volume, file);
    for (uint32_t at = 0; at < file.bytes; at += step) {
      const uint32_t part = std::min(step, file.bytes - at);
      EXPECT_TRUE(reader.read(&out[at], part)) << "at " << at;
    }
    return out;
  }

  static void scatter(MemoryCard& card);

  static std::vector<uint8_t>* first_;
  static std::vector<uint8_t>* second_;
  static std::vector<uint8_t>* card_;
};
std::vector<uint8_t>* FatCard::first_ = nullptr;
std::vector<uint8_t>* FatCard::second_ = nullptr;
std::vector<uint8_t>* FatCard::card_ = nullptr;

TEST_F(FatCard, ReadsTheFilesThatExportWrites) {
  MemoryCard card(*card_);
  Fat32 volume(card);
  ASSERT_EQ(volume.mount(), nullptr);
  FatFile file;
  ASSERT_EQ(volume.find("brim.img", &file), Fat32::Found::kYes);
  for (const uint32_t step : {512u, 1024u, 5u * 512, 1u << 20})
    EXPECT_EQ(read_all(volume, file, step), *first_);
  ASSERT_EQ(volume.find("brim1.img", &file), Fat32::Found::kYes);
  EXPECT_EQ(read_all(volume, file, 512), *second_);
  ASSERT_EQ(volume.find("EMPTY.IMG", &file), Fat32::Found::kYes);
  EXPECT_EQ(file.bytes, 0u);
  EXPECT_EQ(volume.find("BRIM2.IMG", &file), Fat32::Found::kNo);
}

TEST_F(FatCard, ReadsNeighbouringClustersWithOneTransfer) {
  MemoryCard card(*card_);
  Fat32 volume(card);
  ASSERT_EQ(volume.mount(), nullptr);
  FatFile file;
  ASSERT_EQ(volume.find("brim.img", &file), Fat32::Found::kYes);
  const uint64_t before = card.reads;
  EXPECT_EQ(read_all(volume, file, file.bytes), *first_);
  EXPECT_LE(card.reads - before, 3u) << "the table, the whole sectors, the last one";
}

// brim.img's second cluster trades places with one far away.
void FatCard::scatter(MemoryCard& card) {
  const uint64_t here = 4, there = 900;
  uint8_t* entries = &card.bytes[table()];
  std::swap_ranges(&card.bytes[data(here)], &card.bytes[data(here)] + cluster_bytes(),
                   &card.bytes[data(there)]);
  put32(entries + 4 * there, get32(entries + 4 * here));
  put32(entries + 4 * (here - 1), there);
  put32(entries + 4 * here, 0);
}

TEST_F(FatCard, ResolvedFilesAreReadAnywhereWithoutLookingIntoTheTable) {
  for (const bool scattered : {false, true}) {
    MemoryCard card(*card_);
    if (scattered) scatter(card);
    Fat32 volume(card);
    ASSERT_EQ(volume.mount(), nullptr);
    FatFile file;
    ASSERT_EQ(volume.find("brim.img", &file), Fat32::Found::kYes);
    ResolvedFile resolved;
    ASSERT_EQ(resolved.resolve(volume, file), ResolvedFile::Resolved::kYes);
    for (const uint32_t bytes : {1u, 64u, 512u, 700u, 4160u}) {
      std::vector<uint8_t> part(bytes);
      for (uint32_t at = 0; at + bytes <= file.bytes; at += 97) {
        const uint64_t before = card.reads;
        ASSERT_TRUE(resolved.read(at, bytes, part.data()));
        ASSERT_TRUE(std::equal(part.begin(), part.end(), first_->begin() + at)) << bytes << " at " << at;
        ASSERT_LE(card.reads - before, scattered ? 3u : 1u);
      }
    }
    uint8_t byte;
    EXPECT_TRUE(resolved.read(file.bytes - 1, 1, &byte));
    EXPECT_FALSE(resolved.read(file.bytes, 1, &byte));
    EXPECT_FALSE(resolved.read(UINT32_MAX, 2, &byte));
    EXPECT_FALSE(resolved.read(0, ResolvedFile::kMostBytes + 1, &byte));
  }
}

TEST_F(FatCard, ResolvingAFileWhoseChainEndsTooSoonFails) {
  MemoryCard card(*card_);
  put32(&card.bytes[table() + 4 * 3], 0);
  Fat32 volume(card);
  ASSERT_EQ(volume.mount(), nullptr);
  FatFile file;
  ASSERT_EQ(volume.find("brim.img", &file), Fat32::Found::kYes);
  ResolvedFile resolved;
  EXPECT_EQ(resolved.resolve(volume, file), ResolvedFile::Resolved::kDamaged);
}

TEST_F(FatCard, FollowsFragmentedFiles) {
  MemoryCard card(*card_);
  scatter(card);
  Fat32 volume(card);
  ASSERT_EQ(volume.mount(), nullptr);
  FatFile file;
  ASSERT_EQ(volume.find("brim.img", &file), Fat32::Found::kYes);
  for (const uint32_t step : {512u, 1024u, 1u << 20}) EXPECT_EQ(read_all(volume, file, step), *first_);
}

TEST_F(FatCard, FindsLongNames) {
  MemoryCard card(*card_);
  // A long name in front of brim.img's entry (the first after the volume's name), which moves one on.
  uint8_t* root = &card.bytes[data(2)];
  std::memmove(root + 3 * 32, root + 32, 3 * 32);
  const std::string name = "My model of 2025.brim.img";
  uint8_t sum = 0;
  for (int i = 0; i < 11; ++i) sum = static_cast<uint8_t>((sum >> 1 | sum << 7) + root[3 * 32 + i]);
  constexpr int kOffsets[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
  for (uint32_t part = 0; part < 2; ++part) {
    uint8_t* entry = root + (2 - part) * 32;
    std::memset(entry, 0, 32);
    entry[0] = static_cast<uint8_t>(part + 1 + (part == 1 ? 0x40 : 0));
    entry[11] = 0x0F;
    entry[13] = sum;
    for (uint32_t i = 0; i < 13; ++i) {
      const size_t at = part * 13 + i;
      const uint16_t unit = at < name.size()    ? static_cast<uint8_t>(name[at])
                            : at == name.size() ? 0
                                                : 0xFFFF;
      entry[kOffsets[i]] = static_cast<uint8_t>(unit);
      entry[kOffsets[i] + 1] = static_cast<uint8_t>(unit >> 8);
    }
  }
  Fat32 volume(card);
  ASSERT_EQ(volume.mount(), nullptr);
  FatFile file;
  EXPECT_EQ(volume.find("MY MODEL of 2025.brim.img", &file), Fat32::Found::kYes);
  EXPECT_EQ(read_all(volume, file, 1 << 20), *first_);
  EXPECT_EQ(volume.find("brim.img", &file), Fat32::Found::kYes) << "by its short name, too";
  EXPECT_EQ(volume.find("My model of 2025.brim.imx", &file), Fat32::Found::kNo);
}

TEST_F(FatCard, SaysWhatIsWrongWithACardThatIsNoFat32) {
  MemoryCard blank(std::vector<uint8_t>(1 << 20));
  EXPECT_STREQ(Fat32(blank).mount(), "it has no boot record (not formatted?)");
  MemoryCard none({});
  EXPECT_STREQ(Fat32(none).mount(), "its first sector cannot be read");
  MemoryCard linux_only(*card_);
  linux_only.bytes[450] = 0x83;
  EXPECT_STREQ(Fat32(linux_only).mount(), "it has no FAT32 partition");
}

TEST_F(FatCard, AChainThatRunsInACircleOrEndsEarlyFails) {
  for (const uint32_t next : {3u, 0x0FFFFFFFu, 0u, 0x0FFFFFF7u, 0x0ABCDEF0u}) {
    MemoryCard card(*card_);
    put32(&card.bytes[table() + 4 * 5], next);
    Fat32 volume(card);
    ASSERT_EQ(volume.mount(), nullptr);
    FatFile file;
    ASSERT_EQ(volume.find("brim.img", &file), Fat32::Found::kYes);
    std::vector<uint8_t> out(file.bytes);
    FatReader reader(volume, file);
    const bool whole = reader.read(out.data(), file.bytes);
    // A circle gives a file's worth of wrong bytes, which its checksum finds; it never runs on.
    EXPECT_TRUE(!whole || out != *first_) << std::hex << next;
  }
}

TEST_F(FatCard, SurvivesRandomDamage) {
  std::mt19937 random(7);
  const uint64_t places[] = {0, partition(), table(), data(2)};
  MemoryCard card(*card_);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::pair<uint64_t, uint8_t>> damage;
    for (int i = 0; i < 3; ++i) {
      const uint64_t at = places[random() % std::size(places)] + random() % 512;
      damage.emplace_back(at, card.bytes[at]);
      card.bytes[at] = static_cast<uint8_t>(random());
    }
    card.reads = 0;
    Fat32 volume(card);
    FatFile file;
    if (volume.mount() == nullptr && volume.find("brim.img", &file) == Fat32::Found::kYes &&
        file.bytes < (1 << 22)) {
      std::vector<uint8_t> out(file.bytes);
      FatReader reader(volume, file);
      if (file.bytes > 0) reader.read(out.data(), file.bytes);
    }
    EXPECT_LT(card.reads, 200'000u) << "never without end";
    while (!damage.empty()) {
      card.bytes[damage.back().first] = damage.back().second;
      damage.pop_back();
    }
  }
}

// The tools that people's computers use agree that it is a sound FAT32 volume.
TEST_F(FatCard, IsSoundInTheEyesOfFsck) {
  if (std::system("command -v fsck.fat >/dev/null 2>&1 || test -x /usr/sbin/fsck.fat") != 0) {
    GTEST_SKIP() << "fsck.fat is not installed (Debian: apt install dosfstools)";
  }
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/volume";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(&(*card_)[partition()]),
             static_cast<std::streamsize>(card_->size() - partition()));
  EXPECT_EQ(std::system(("PATH=$PATH:/usr/sbin fsck.fat -n -v " + path + " >" + path +
                         ".log 2>&1 || "
                         "{ cat " +
                         path + ".log; false; }")
                            .c_str()),
            0);
}

}  // namespace
}  // namespace brim
