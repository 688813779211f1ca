// Words as the published regular expressions cut them; the splits are checked by hand.
#include "tokenizer/pretokenize.h"

#include <gtest/gtest.h>

#include "tokenizer/test_texts.h"

namespace brim {
namespace {

using Words = std::vector<std::string>;

Words words(PreTokenizer rule, std::string_view text) {
  Words result;
  while (!text.empty()) {
    const uint32_t bytes = first_word(rule, text);
    if (bytes == 0 || bytes > text.size()) throw std::runtime_error("a word of an impossible size");
    result.emplace_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return result;
}

TEST(Gpt2Words, KeepASpaceBeforeLettersNumbersAndSigns) {
  EXPECT_EQ(words(PreTokenizer::kGpt2, "Hello world, it is 1234!"),
            (Words{"Hello", " world", ",", " it", " is", " 1234", "!"}));
  EXPECT_EQ(words(PreTokenizer::kGpt2, "a_b \t c"), (Words{"a", "_", "b", " \t", " c"}));
  EXPECT_EQ(words(PreTokenizer::kGpt2, "x\n\ny"), (Words{"x", "\n", "\n", "y"}));
  EXPECT_EQ(words(PreTokenizer::kGpt2, "x\ty"), (Words{"x", "\t", "y"}));
  EXPECT_EQ(words(PreTokenizer::kGpt2, "end   "), (Words{"end", "   "}));
  EXPECT_EQ(words(PreTokenizer::kGpt2, "    x"), (Words{"   ", " x"}));
}

TEST(Gpt2Words, CutLowerCaseContractionsOnly) {
  EXPECT_EQ(words(PreTokenizer::kGpt2, "I'm he'll we've"), (Words{"I", "'m", " he", "'ll", " we", "'ve"}));
  EXPECT_EQ(words(PreTokenizer::kGpt2, "HE'LL"), (Words{"HE", "'", "LL"}));
  EXPECT_EQ(words(PreTokenizer::kGpt2, "'sx 'tis"), (Words{"'s", "x", " '", "tis"}));
}

TEST(Llama3Words, CutDigitsInThreesAndContractionsInAnyCase) {
  EXPECT_EQ(words(PreTokenizer::kLlama3, "12345678 1"), (Words{"123", "456", "78", " ", "1"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "HE'LL They'Ve it'\xC5\xBF"),
            (Words{"HE", "'LL", " They", "'Ve", " it", "'\xC5\xBF"}));
}

TEST(Llama3Words, LetOneSignOrSpaceLeadLetters) {
  EXPECT_EQ(words(PreTokenizer::kLlama3, "(abc) \tdef.ghi"), (Words{"(abc", ")", " ", "\tdef", ".ghi"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "a--b"), (Words{"a", "--", "b"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "\nabc"), (Words{"\n", "abc"}));
}

TEST(Llama3Words, KeepLineBreaksWithWhatStandsBefore) {
  EXPECT_EQ(words(PreTokenizer::kLlama3, "x;\r\n\r\ny"), (Words{"x", ";\r\n\r\n", "y"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "x \n \n  y"), (Words{"x", " \n \n", " ", " y"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "x   "), (Words{"x", "   "}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "x  \n"), (Words{"x", "  \n"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "x  1"), (Words{"x", " ", " ", "1"}));
}

TEST(Llama3Words, KnowLettersAndMarksOfAllScripts) {
  // Chinese letters are one word, the full stop is a sign; a combining accent is neither letter nor number.
  EXPECT_EQ(words(PreTokenizer::kLlama3, "\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82\xE4\xB8\x96"),
            (Words{"\xE4\xBD\xA0\xE5\xA5\xBD", "\xE3\x80\x82\xE4\xB8\x96"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3,
                  "e\xCC\x81"
                  "a b"),
            (Words{"e",
                   "\xCC\x81"
                   "a",
                   " b"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "x \xF0\x9F\x98\x80\xF0\x9F\x98\x80 y"),
            (Words{"x", " \xF0\x9F\x98\x80\xF0\x9F\x98\x80", " y"}));
  EXPECT_EQ(words(PreTokenizer::kLlama3, "\xD9\xA3\xD9\xA4\xD9\xA5\xD9\xA6"),
            (Words{"\xD9\xA3\xD9\xA4\xD9\xA5", "\xD9\xA6"}));
  // A no-break space may lead letters; an ideographic one too.
  EXPECT_EQ(words(PreTokenizer::kLlama3, "x\xC2\xA0y\xE3\x80\x80z"),
            (Words{"x", "\xC2\xA0y", "\xE3\x80\x80z"}));
}

TEST(Qwen2Words, CutDigitsOneByOne) {
  EXPECT_EQ(words(PreTokenizer::kQwen2, "a123 45"), (Words{"a", "1", "2", "3", " ", "4", "5"}));
  EXPECT_EQ(words(PreTokenizer::kQwen2, "I'M (x)\n"), (Words{"I", "'M", " (", "x", ")\n"}));
}

TEST(SmolLmWords, CutDigitsBeforeAnythingElse) {
  EXPECT_EQ(words(PreTokenizer::kSmolLm, "a 12  3b"), (Words{"a", " ", "1", "2", "  ", "3", "b"}));
  EXPECT_EQ(words(PreTokenizer::kSmolLm, "we'll  go"), (Words{"we", "'ll", " ", " go"}));
}

TEST(Words, CoverEveryTextAndNeverRunPastIt) {
  std::mt19937 random(1);
  for (const PreTokenizer rule : {PreTokenizer::kNone, PreTokenizer::kGpt2, PreTokenizer::kLlama3,
                                  PreTokenizer::kQwen2, PreTokenizer::kSmolLm}) {
    for (const std::string& text : test::torture_texts()) EXPECT_NO_THROW(words(rule, text));
    for (int i = 0; i < 500; ++i) EXPECT_NO_THROW(words(rule, test::random_text(random, 60)));
  }
}

}  // namespace
}  // namespace brim
