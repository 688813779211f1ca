#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace brim {
namespace {

// One bit at a time, straight from the definition.
uint32_t bitwise_crc32c(std::span<const uint8_t> bytes) {
  uint32_t crc = ~0u;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

std::vector<uint8_t> some_bytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  uint32_t state = 1;
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return bytes;
}

TEST(Crc32c, GivesTheChecksumsOfRfc3720) {
  std::array<uint8_t, 32> bytes{};
  EXPECT_EQ(crc32c(bytes.data(), bytes.size()), 0x8A9136AAu);
  bytes.fill(0xFF);
  EXPECT_EQ(crc32c(bytes.data(), bytes.size()), 0x62A8AB43u);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  EXPECT_EQ(crc32c(bytes.data(), bytes.size()), 0x46DD794Eu);
  std::iota(bytes.rbegin(), bytes.rend(), uint8_t{0});
  EXPECT_EQ(crc32c(bytes.data(), bytes.size()), 0x113FDB5Cu);
  // The iSCSI SCSI Read (10) command PDU.
  const std::array<uint8_t, 48> command = {0x01, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0,
                                           0x14, 0,    0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
                                           0x28, 0,    0, 0, 0, 0, 0, 0, 2, 0, 0, 0,    0, 0, 0, 0};
  EXPECT_EQ(crc32c(command.data(), command.size()), 0xD9963A56u);
  EXPECT_EQ(crc32c("123456789", 9), 0xE3069283u);  // the check value of CRC catalogues
}

TEST(Crc32c, EveryLengthAndAlignmentGivesTheDefinitionsValueInBothImplementations) {
  const auto bytes = some_bytes(100);
  for (size_t offset = 0; offset < 9; ++offset) {
    for (size_t length = 0; offset + length <= bytes.size(); ++length) {
      const auto part = std::span(bytes).subspan(offset, length);
      const uint32_t expected = bitwise_crc32c(part);
      ASSERT_EQ(crc32c(part.data(), length), expected) << offset << ' ' << length;
      ASSERT_EQ(crc32c_portable(part.data(), length), expected) << offset << ' ' << length;
    }
  }
}

TEST(Crc32c, PartsOneAfterTheOtherGiveTheWhole) {
  const auto bytes = some_bytes(1000);
  const uint32_t whole = crc32c(bytes.data(), bytes.size());
  for (size_t cut = 0; cut <= bytes.size(); cut += 37) {
    const uint32_t first = crc32c(bytes.data(), cut);
    EXPECT_EQ(crc32c(bytes.data() + cut, bytes.size() - cut, first), whole);
    EXPECT_EQ(crc32c_portable(bytes.data() + cut, bytes.size() - cut, first), whole);
  }
}

TEST(Crc32c, OfAPageIsThatOfItsBeatsInTheOrderOfTheStream) {
  const auto page = some_bytes(8192);
  std::vector<uint8_t> stream;
  for (size_t beat = 0; beat < 128; ++beat) {
    const auto from = page.begin() + static_cast<ptrdiff_t>(beat % 4 * 2048 + beat / 4 * 64);
    stream.insert(stream.end(), from, from + 64);
  }
  const uint32_t expected = bitwise_crc32c(stream);
  EXPECT_EQ(crc32c_of_page(page.data()), expected);
  EXPECT_EQ(crc32c_of_page_portable(page.data()), expected);
}

TEST(Crc32c, OfBytesAndTheirCrcIsTheResidue) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{60}, size_t{8188}}) {
    auto bytes = some_bytes(count);
    const uint32_t crc = bitwise_crc32c(bytes);
    for (uint32_t i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(crc >> 8 * i));
    EXPECT_EQ(crc32c(bytes.data(), bytes.size()), kCrc32cResidue) << count;
  }
}

}  // namespace
}  // namespace brim
