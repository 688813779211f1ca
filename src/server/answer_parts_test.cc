#include "server/answer_parts.h"

#include <gtest/gtest.h>

namespace brim::server {
namespace {

using Options = AnswerSplitter::Options;

// The parts of `text`, given in pieces of `step` bytes.
AnswerParts parts_of(const Options& options, const std::string& text, size_t step) {
  AnswerSplitter answer(options);
  AnswerParts parts;
  for (size_t i = 0; i < text.size(); i += step) parts += answer.push(text.substr(i, step));
  parts += answer.finish();
  return parts;
}

struct Case {
  const char* name;
  Options options;
  std::string text;
  std::string content, reasoning;
  std::vector<std::pair<std::string, std::string>> calls = {};  // name, arguments
};

Options with(CallFormat calls, bool thinks = false, bool thinking = false) {
  return {
      .format = {.thinks = thinks, .calls = calls}, .thinking = thinking, .functions = {"weather", "time"}};
}

class AnswerPartsCases : public testing::TestWithParam<Case> {};

// However a text is cut into pieces, its parts are the same.
TEST_P(AnswerPartsCases, AreTakenApart) {
  const Case& one = GetParam();
  for (const size_t step : {1, 2, 3, 7, 1000}) {
    const AnswerParts parts = parts_of(one.options, one.text, step);
    EXPECT_EQ(parts.content, one.content) << step;
    EXPECT_EQ(parts.reasoning, one.reasoning) << step;
    ASSERT_EQ(parts.calls.size(), one.calls.size()) << step;
    for (size_t i = 0; i < one.calls.size(); ++i) {
      EXPECT_EQ(parts.calls[i].name, one.calls[i].first);
      EXPECT_EQ(parts.calls[i].arguments, one.calls[i].second);
      EXPECT_EQ(parts.calls[i].id.size(), 9u);
    }
  }
}

const std::string kParis = R"({"city":"Paris"})";

INSTANTIATE_TEST_SUITE_P(
    Answers, AnswerPartsCases,
    testing::Values(
        Case{"plain", with(CallFormat::kNone), " Once <upon> a time.\n", " Once <upon> a time.\n", ""},
        Case{"thinking", with(CallFormat::kNone, true), "<think>\nHm.\n\nYes.\n</think>\n\nFour.", "Four.",
             "Hm.\n\nYes."},
        Case{"thinking_begun", with(CallFormat::kNone, true, true), "Hm.\n</think>\nFour.", "Four.", "Hm."},
        Case{"thinking_cut", with(CallFormat::kNone, true), "<think>\nHm, </thi", "", "Hm, </thi"},
        Case{"no_thinking", with(CallFormat::kNone, true), "<thin air", "<thin air", ""},
        Case{"thinking_not_split", with(CallFormat::kNone), "<think>a</think>b", "<think>a</think>b", ""},
        Case{"tags",
             with(CallFormat::kTags),
             "I look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": "
             "\"Paris\"}}\n</tool_call>\n"
             "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>",
             "I look.",
             "",
             {{"weather", kParis}, {"time", "{}"}}},
        Case{"tags_thinking",
             with(CallFormat::kTags, true),
             "<think>\nHm\n</think>\n\n<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>",
             "",
             "Hm",
             {{"time", "{}"}}},
        Case{"tags_no_json", with(CallFormat::kTags), "<tool_call>weather!</tool_call> So.",
             "<tool_call>weather!</tool_call> So.", ""},
        Case{"tags_unknown_function", with(CallFormat::kTags),
             R"(<tool_call>{"name": "rm", "arguments": {}}</tool_call>)",
             R"(<tool_call>{"name": "rm", "arguments": {}}</tool_call>)", ""},
        Case{"tags_cut", with(CallFormat::kTags), "<tool_call>\n{\"name\": \"weather\"",
             "<tool_call>\n{\"name\": \"weather\"", ""},
        Case{
            "mistral",
            with(CallFormat::kMistral),
            R"([TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Paris"}}, {"name": "time", "arguments": {}}])",
            "",
            "",
            {{"weather", kParis}, {"time", "{}"}}},
        Case{"mistral_newer",
             with(CallFormat::kMistral),
             R"([TOOL_CALLS]weather[ARGS]{"city": "Paris"})",
             "",
             "",
             {{"weather", kParis}}},
        Case{"mistral_newer_twice",
             with(CallFormat::kMistralNamed),
             R"([TOOL_CALLS]weather[ARGS]{"city": "Paris"}[TOOL_CALLS]time[ARGS]{})",
             "",
             "",
             {{"weather", kParis}, {"time", "{}"}}},
        Case{"tags_that_arguments_quote",
             with(CallFormat::kTags),
             R"(<tool_call>{"name": "weather", "arguments": {"city": "\"</tool_call>"}}</tool_call> So.)",
             "So.",
             "",
             {{"weather", R"({"city":"\"</tool_call>"})"}}},
        Case{"list",
             with(CallFormat::kList),
             R"(<|tool_call|>[{"name": "weather", "arguments": {"city": "Paris"}}])",
             "",
             "",
             {{"weather", kParis}}},
        Case{"llama",
             with(CallFormat::kLlama),
             R"( {"name": "weather", "parameters": {"city": "Paris"}})",
             "",
             "",
             {{"weather", kParis}}},
        Case{"llama_other_json", with(CallFormat::kLlama), R"({"name": "Ada"} she said)",
             R"({"name": "Ada"} she said)", ""},
        Case{"llama_text", with(CallFormat::kLlama), R"(See {"name": "time"})", R"(See {"name": "time"})",
             ""},
        Case{"deepseek",
             with(CallFormat::kDeepSeek),
             "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{\"city\": "
             "\"Paris\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
             "",
             "",
             {{"weather", kParis}}}),
    [](const auto& test) { return test.param.name; });

TEST(AnswerSplitter, GivesWhatIsCertainAtOnce) {
  AnswerSplitter answer(with(CallFormat::kTags));
  EXPECT_EQ(answer.push("Hello").content, "Hello");
  EXPECT_EQ(answer.push(" <to").content, "");
  EXPECT_EQ(answer.push("ast>").content, " <toast>");
}

TEST(AnswerSplitter, DeepJsonOfAModelIsText) {
  const std::string deep = "<tool_call>" + std::string(100000, '[') + "</tool_call>";
  EXPECT_EQ(parts_of(with(CallFormat::kTags), deep, 1000000).content, deep);
}

}  // namespace
}  // namespace brim::server
