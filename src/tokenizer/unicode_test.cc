#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tokenizer/test_texts.h"

namespace brim {
namespace {

std::string nfc(const std::string& text) {
  std::vector<char> out(kNfcBytesPerByte * text.size());
  std::vector<uint32_t> work(2 * kNfcCodesPerByte * text.size());
  const NfcResult result = compose_nfc(text, out, work);
  if (!result.fits) throw std::runtime_error("a buffer was too small");
  return {out.data(), result.bytes};
}

TEST(CharacterClass, FollowsTheUnicodeDatabase) {
  for (const uint32_t letter : {0x61, 0x5A, 0xAA, 0xDF, 0x4E00, 0x9FFF, 0xAC00, 0x3042, 0x10400, 0x2A6DF}) {
    EXPECT_EQ(character_class(letter), CharacterClass::kLetter) << std::hex << letter;
  }
  for (const uint32_t number : {0x30, 0x39, 0xB2, 0xBD, 0x2167, 0x0663, 0x1D7D8}) {
    EXPECT_EQ(character_class(number), CharacterClass::kNumber) << std::hex << number;
  }
  for (const uint32_t space : {0x09, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x3000}) {
    EXPECT_EQ(character_class(space), CharacterClass::kSpace) << std::hex << space;
  }
  for (const uint32_t other : {0x00, 0x1C, 0x5F, 0x0301, 0x200B, 0x200D, 0x180E, 0x1F600, 0xFEFF, 0x10FFFF}) {
    EXPECT_EQ(character_class(other), CharacterClass::kOther) << std::hex << other;
  }
}

// From the worked examples of Unicode Standard Annex #15 and The Unicode Standard, section 3.12.
TEST(Nfc, ComposesAsTheStandardSays) {
  EXPECT_EQ(nfc("e\xCC\x81"), "\xC3\xA9");                                 // e + acute
  EXPECT_EQ(nfc("\xE2\x84\xAB"), "\xC3\x85");                              // angstrom sign
  EXPECT_EQ(nfc("\xE1\xBA\x9B\xCC\xA3"), "\xE1\xBA\x9B\xCC\xA3");          // long s, dots above and below
  EXPECT_EQ(nfc("s\xCC\x87\xCC\xA3"), "\xE1\xB9\xA9");                     // marks in the other order
  EXPECT_EQ(nfc("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"), "\xED\x95\x9C");  // Hangul from jamo
  EXPECT_EQ(nfc("\xED\x95\x98\xE1\x86\xAB"), "\xED\x95\x9C");              // and from syllable and jamo
  EXPECT_EQ(nfc("\xE0\xA4\x95\xE0\xA4\xBC"), "\xE0\xA4\x95\xE0\xA4\xBC");  // composition exclusion
  EXPECT_EQ(nfc("\xEF\xAC\x81"), "\xEF\xAC\x81");                          // compatibility stays
  EXPECT_EQ(nfc("\xCE\xB9\xCC\x88\xCC\x81"), "\xCE\x90");                  // two steps
  EXPECT_EQ(nfc("\xF0\x9D\x85\x9E"), "\xF0\x9D\x85\x97\xF0\x9D\x85\xA5");  // grows: U+1D15E
}

TEST(Nfc, LeavesInvalidBytesAlone) {
  EXPECT_EQ(nfc("e\xCC\x81\xFF\xCC\xCC\x81"), "\xC3\xA9\xFF\xCC\xCC\x81");
}

TEST(Nfc, IsDoneOnceItIsDone) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const std::string once = nfc(test::random_text(random, 60));
    EXPECT_EQ(nfc(once), once);
  }
}

TEST(Nfc, NeverChangesTextThatNeedsNoLook) {
  std::mt19937 random(2);
  uint32_t looked_at = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string text = test::random_text(random, 5);
    if (may_change_in_nfc(text)) continue;
    ++looked_at;
    EXPECT_EQ(nfc(text), text);
  }
  EXPECT_GT(looked_at, 500u);
}

TEST(Nfc, SortsEndlessMarksInLinearTime) {
  std::string marks = "a";
  for (int i = 0; i < 100000; ++i) marks += i % 2 ? "\xCC\xA3" : "\xCC\x81";  // below (220) and above (230)
  const std::string composed = nfc(marks);
  EXPECT_EQ(composed.substr(0, 5), "\xE1\xBA\xA1\xCC\xA3");  // a with dot below, then the other dots
  EXPECT_EQ(composed.substr(composed.size() - 2), "\xCC\x81");
}

}  // namespace
}  // namespace brim
