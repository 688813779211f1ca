#include "firmware/line_editor.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace brim {
namespace {

using Event = LineEditor::Event;

class Editor : public testing::Test {
 protected:
  // Types the bytes; returns the last event other than kNone.
  Event type(std::string_view bytes) {
    Event last = Event::kNone;
    for (const char byte : bytes) {
      const Event event = editor_.feed(byte);
      shown_ += editor_.echo();
      if (event != Event::kNone) last = event;
    }
    return last;
  }

  std::array<char, 16> buffer_{};
  LineEditor editor_{buffer_};
  std::string shown_;
};

TEST_F(Editor, GivesALineAtAReturnOrALineFeedOrBoth) {
  EXPECT_EQ(type("one\r"), Event::kLine);
  EXPECT_EQ(editor_.line(), "one");
  EXPECT_EQ(type("two\n"), Event::kLine);
  EXPECT_EQ(editor_.line(), "two");
  EXPECT_EQ(type("three\r"), Event::kLine);
  EXPECT_EQ(type("\n"), Event::kNone) << "the second half of a line end is no line";
  EXPECT_EQ(type("\n"), Event::kLine);
  EXPECT_EQ(editor_.line(), "");
  EXPECT_EQ(shown_, "one\ntwo\nthree\n\n");
}

TEST_F(Editor, BackspaceTakesWholeCharacters) {
  EXPECT_EQ(type("a\u00e9\x7f"
                 "b\u4e2d\x08"
                 "c\n"),
            Event::kLine);
  EXPECT_EQ(editor_.line(), "abc");
  EXPECT_EQ(shown_,
            "a\u00e9\b \b"
            "b\u4e2d\b\b  \b\b"
            "c\n")
      << "a Chinese character is two columns wide";
  EXPECT_EQ(type("\x7f\x7fx\n"), Event::kLine) << "nothing to erase at the start";
  EXPECT_EQ(editor_.line(), "x");
}

TEST_F(Editor, DropsALineThatDoesNotFitAndGoesOn) {
  EXPECT_EQ(type(std::string(16, 'x') + "\n"), Event::kLine);
  EXPECT_EQ(type(std::string(10'000, 'x') + "\n"), Event::kTooLong);
  EXPECT_EQ(type("again\n"), Event::kLine);
  EXPECT_EQ(editor_.line(), "again");
}

TEST_F(Editor, DropsALineThatIsNoUtf8AndGoesOn) {
  for (const char* bad : {"\xff", "\xc3", "a\x80", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(type(std::string(bad) + "\n"), Event::kInvalid);
  }
  EXPECT_EQ(type("\u00e9\U0001F600\n"), Event::kLine);
}

TEST_F(Editor, SwallowsArrowKeysAndOtherControls) {
  EXPECT_EQ(type("a\x1b[A\x1b[1;5Cb\x1bOP\x01\n"), Event::kLine);
  EXPECT_EQ(editor_.line(), "ab");
}

TEST_F(Editor, ControlUForgetsTheLineAndControlDEndsTheInputOfAnEmptyOne) {
  EXPECT_EQ(type("lost\x15kept\x04\n"), Event::kLine);
  EXPECT_EQ(editor_.line(), "kept");
  EXPECT_EQ(type("\x04"), Event::kEndOfInput);
}

}  // namespace
}  // namespace brim
