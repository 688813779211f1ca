#include "runtime/answer_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/byte_tokenizer.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

class AnswerTextTest : public testing::Test {
 protected:
  AnswerTextTest() { EXPECT_EQ(tokenizer_.attach(blob_), ""); }

  // What has been shown after each byte of `text`, one token each, joined by |; * where it stopped, then what
  // finish() shows.
  std::string shown(const std::vector<std::string>& stop, std::string_view text) {
    StopTexts texts;
    for (const std::string& one : stop) EXPECT_TRUE(texts.add(one));
    AnswerText answer(StreamDecoder(tokenizer_), texts);
    std::string room(answer.max_text_bytes(), '\0');
    std::string result;
    for (const char byte : text) {
      result += answer.push(test::kFirstByteToken + static_cast<uint8_t>(byte), room);
      result += answer.stopped() ? '*' : '|';
    }
    result += answer.finish(room);
    return result;
  }

  const std::vector<uint8_t> blob_ = build_tokenizer_from_arrays(test::byte_tokenizer(400));
  Tokenizer tokenizer_;
};

TEST_F(AnswerTextTest, WithoutStopTextsAllIsShownAtOnce) { EXPECT_EQ(shown({}, "abc"), "a|b|c|"); }

TEST_F(AnswerTextTest, WhatMayBeTheBeginningOfAStopTextIsKeptBack) {
  EXPECT_EQ(shown({"bcd"}, "abcx"), "a|||bcx|");
  EXPECT_EQ(shown({"bcd"}, "abc"), "a|||bc") << "the end shows it";
  EXPECT_EQ(shown({"bcd"}, "abcdef"), "a|||***") << "and nothing behind it is shown";
  EXPECT_EQ(shown({"aab"}, "aaab"), "||a|*") << "a beginning within a beginning";
  EXPECT_EQ(shown({"abab!"}, "ababab!"), "||||ab||*");
}

TEST_F(AnswerTextTest, TheStopTextThatEndsFirstCounts) {
  EXPECT_EQ(shown({"cd", "bcde"}, "abcde"), "a|||b**") << "cd ends before bcde";
  EXPECT_EQ(shown({"b", "ab"}, "xab"), "x||*") << "of those that end together the longest";
  EXPECT_EQ(shown({"x"}, "x"), "*");
}

TEST(StopFilter, PiecesMayBeOfAnySize) {
  StopTexts texts;
  ASSERT_TRUE(texts.add("\n\n"));
  ASSERT_TRUE(texts.add("END"));
  const std::string text = "one\ntwo EN three EN" + std::string(1000, '.') + "\nEND of it";
  for (const size_t step : {1, 2, 5, 300, 2000}) {
    StopFilter stop(texts);
    std::string room(StopFilter::room_for(2000), '\0');
    std::string shown;
    for (size_t i = 0; i < text.size(); i += step) shown += stop.push(text.substr(i, step), room);
    EXPECT_TRUE(stop.stopped()) << step;
    shown += stop.finish("more", room);
    EXPECT_EQ(shown, text.substr(0, text.find("END"))) << step;
  }
  StopFilter stop(texts);
  std::string room(StopFilter::room_for(10), '\0');
  EXPECT_EQ(stop.push("the EN", room), "the ");
  EXPECT_EQ(stop.finish("T", room), "ENT") << "what was none is given";
}

TEST_F(AnswerTextTest, WholeCharactersOnlyAndStopTextsAcrossThem) {
  EXPECT_EQ(shown({}, "\xC3\xA9!"), "|\xC3\xA9|!|");
  EXPECT_EQ(shown({"\xC3\xA9!"}, "a\xC3\xA9!"), "a|||*");
  EXPECT_EQ(shown({"!"}, "\xC3!"), "|\xEF\xBF\xBD*") << "half a character is shown as none";
}

}  // namespace
}  // namespace brim
