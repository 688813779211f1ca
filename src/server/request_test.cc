#include "server/request.h"

#include <gtest/gtest.h>

#include "server/body.h"

namespace brim::server {
namespace {

using Parse = AnswerRequest (*)(const Json&, const RequestDefaults&);

AnswerRequest parsed(Parse parse, const std::string& text) { return parse(parse_object(text), {}); }

// The key that a refusal names, with its message.
std::string refusal(Parse parse, const std::string& text) {
  try {
    parsed(parse, text);
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 400);
    const Json json = error.json()["error"];
    return (json["param"].is_null() ? "" : json["param"].get<std::string>()) + ": " +
           json["message"].get<std::string>();
  }
  return "taken";
}

std::string chat(const std::string& more) {
  return R"({"messages": [{"role": "user", "content": "Hi"}])" + (more.empty() ? "" : ", " + more) + "}";
}

TEST(Request, WhatIsAbsentOrNullHasOpenAisDefaults) {
  for (const char* more :
       {"", R"("temperature": null, "stop": null, "n": null, "tools": null, "stream_options": null)"}) {
    RequestDefaults defaults;
    defaults.sampler.temperature = 1;
    const AnswerRequest request = parse_chat(parse_object(chat(more)), defaults);
    EXPECT_EQ(request.sampler.temperature, 1);
    EXPECT_EQ(request.max_tokens, UINT32_MAX);
    EXPECT_EQ(request.answers, 1u);
    EXPECT_FALSE(request.stream);
    EXPECT_TRUE(request.cache_prompt);
  }
  EXPECT_EQ(parsed(parse_completions, R"({"prompt": "x"})").max_tokens, 16u);
}

TEST(Request, EverySamplerOptionIsAKey) {
  const auto request =
      parsed(parse_chat, chat(R"("temperature": 0.5, "top_k": 7, "top_p": 0.9, "min_p": 0.1, "seed": 42)"));
  EXPECT_EQ(request.sampler.temperature, 0.5f);
  EXPECT_EQ(request.sampler.top_k, 7u);
  EXPECT_EQ(request.sampler.top_p, 0.9f);
  EXPECT_EQ(request.sampler.min_p, 0.1f);
  EXPECT_EQ(request.sampler.seed, 42u);
}

TEST(Request, EveryEndpointTakesStopsOrItsServersOwn) {
  RequestDefaults defaults;
  ASSERT_TRUE(defaults.sampler.stop.add("own"));
  for (const auto& [parse, start] : std::initializer_list<std::pair<Parse, const char*>>{
           {parse_chat, R"({"messages": [{"role": "user", "content": "Hi"}])"},
           {parse_completions, R"({"prompt": "Hi")"},
           {parse_responses, R"({"input": "Hi")"}}) {
    const auto stops = [&](const std::string& more) {
      return parse(parse_object(start + more + "}"), defaults).sampler.stop;
    };
    EXPECT_EQ(stops("").size(), 1u);
    EXPECT_EQ(stops(R"(, "stop": [])").size(), 0u);
    EXPECT_EQ(stops(R"(, "stop": "a")")[0], "a");
    ASSERT_EQ(stops(R"(, "stop": ["a", "b"])").size(), 2u);
    EXPECT_EQ(stops(R"(, "stop": ["a", "b"])")[1], "b");
    EXPECT_EQ(stops(", \"stop\": \"" + std::string(128, 'x') + "\"")[0].size(), 128u);
    EXPECT_THROW(stops(", \"stop\": \"" + std::string(129, 'x') + "\""), ApiError);
  }
}

TEST(Request, ResponsesHaveFunctionsBesideTheirType) {
  const auto request = parsed(parse_responses, R"({"input": "Hi", "tool_choice": "auto",
      "tools": [{"type": "function", "name": "f", "strict": true, "parameters": {}}]})");
  EXPECT_EQ(request.tools[0]["function"]["name"], "f");
  EXPECT_TRUE(parsed(parse_responses, R"({"input": "Hi", "tool_choice": "none",
      "tools": [{"type": "function", "name": "f"}]})")
                  .tools.is_null());
  EXPECT_NE(
      refusal(parse_responses, R"({"input": "Hi", "tools": [{"type": "web_search"}]})").find("tools[0]: "),
      std::string::npos);
}

TEST(Request, AChoiceOfToolsIsAWordOrAFunction) {
  const auto choice = [](const std::string& more) {
    return parsed(parse_chat, chat(R"("tools": [{"type": "function", "function": {"name": "f"}}])" +
                                   (more.empty() ? "" : ", " + more)))
        .tool_choice;
  };
  EXPECT_EQ(choice(""), ToolChoice());
  EXPECT_EQ(choice(R"("tool_choice": "auto")"), ToolChoice());
  EXPECT_EQ(choice(R"("tool_choice": "required", "parallel_tool_calls": false)"),
            (ToolChoice{.required = true, .several = false}));
  EXPECT_EQ(choice(R"("tool_choice": {"type": "function", "function": {"name": "f"}})"),
            (ToolChoice{.required = true, .function = "f"}));
  EXPECT_EQ(parsed(parse_responses, R"({"input": "Hi", "tool_choice": {"type": "function", "name": "f"},
      "tools": [{"type": "function", "name": "f"}]})")
                .tool_choice,
            (ToolChoice{.required = true, .function = "f"}));
}

TEST(Request, BoundsWhatMakesItSlow) {
  std::string keys = R"("messages": 1)";
  for (int i = 0; i < 10'000; ++i) keys += ",\"" + std::to_string(i) + "\":1";
  EXPECT_NE(refusal(parse_chat, "{" + keys + "}").find("more than 10000 keys"), std::string::npos);
  const std::string large(300'000, ' ');
  EXPECT_NE(refusal(parse_chat, chat("\"grammar\": \"" + large + "\"")).find("262144 are the most"),
            std::string::npos);
  EXPECT_NE(
      refusal(parse_chat, chat(R"("json_schema": {"title": ")" + large + "\"}")).find("262144 are the most"),
      std::string::npos);
}

TEST(Request, ContentMayBePartsOfText) {
  const auto request = parsed(parse_chat, R"({"messages": [{"role": "user", "content": [
      {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]})");
  EXPECT_EQ(request.messages[0]["content"], "ab");
}

TEST(Request, ResponsesInputBecomesMessages) {
  const auto request = parsed(parse_responses, R"({"instructions": "Be brief.", "input": [
      {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
      {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":1}"},
      {"type": "function_call_output", "call_id": "c", "output": "2"}]})");
  ASSERT_EQ(request.messages.size(), 4u);
  EXPECT_EQ(request.messages[0]["role"], "system");
  EXPECT_EQ(request.messages[1]["content"], "Hi");
  EXPECT_EQ(request.messages[2]["tool_calls"][0]["function"]["arguments"]["a"], 1);
  EXPECT_EQ(request.messages[3]["role"], "tool");
}

struct Refused {
  const char* more;
  const char* says;  // part of "param: message"
};

TEST(Request, RefusesWhatItDoesNotKnowOrCannotDoByName) {
  for (
      const auto& [more, says] : std::initializer_list<Refused>{
          {R"("temprature": 1)", "temprature: 'temprature' is not supported"},
          {R"("temperature": "hot")", "temperature: 'temperature' must be a number from 0"},
          {R"("temperature": -1)", "temperature: 'temperature' must be a number"},
          {R"("top_k": 1.5)", "top_k: 'top_k' must be a whole number"},
          {R"("top_k": -1)", "top_k: 'top_k' must be a whole number"},
          {R"("n": 0)", "n: 'n' must be a whole number from 1 to 16"},
          {R"("n": 1000000000000)", "n: "},
          {R"("max_tokens": 1, "max_completion_tokens": 2)", "max_tokens: "},
          {R"("stop": ["", "a"])", "stop: 'stop' must be a string of 1 to 128 bytes"},
          {R"("stop": ["1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f", "g", "h"])",
           "stop: "},
          {R"("repeat_last_n": 2.7)", "repeat_last_n: 'repeat_last_n' must be a whole number from -1 to "},
          {R"("repeat_last_n": -2)", "repeat_last_n: "},
          {R"("repeat_last_n": 18446744073709551615)", "repeat_last_n: "},
          {R"("logit_bias": {"1": 101})", "logit_bias: 'logit_bias' must have numbers from -100 to 100"},
          {R"("logit_bias": [[1, -1e30]])", "logit_bias: "},
          {R"("stop": 3)", "stop: "},
          {R"("stream": "yes")", "stream: 'stream' must be true or false"},
          {R"("stream_options": {"include_usage": true})", "stream_options: "},
          {R"("top_logprobs": 2)", "top_logprobs: "},
          {R"("logprobs": true, "top_logprobs": 21)", "top_logprobs: "},
          {R"("tool_choice": "required")", "tool_choice: 'tool_choice' requires a call, but there are no"},
          {R"("tool_choice": "any")", "tool_choice: "},
          {R"("tool_choice": {"type": "function"})", "tool_choice: "},
          {R"("tool_choice": {"type": "function", "function": {"name": "g"}}, "tools": [{"type": "function",
              "function": {"name": "f"}}])",
           "tool_choice: 'tool_choice' wants the function 'g', which is not among"},
          {R"("tools": [{"type": "retrieval"}])", "tools[0]: "},
          {R"("tools": [{"type": "function", "function": {}}])", "tools[0]: "},
          {R"("tools": {})", "tools: 'tools' must be a list"},
          {R"("parallel_tool_calls": 1)", "parallel_tool_calls: "},
          {R"("store": true)", "store: "},
          {R"("id_slot": -2)", "id_slot: "},
      }) {
    EXPECT_NE(refusal(parse_chat, chat(more)).find(says), std::string::npos)
        << more << " gave " << refusal(parse_chat, chat(more));
  }
}

TEST(Request, RefusesMessagesThatAreNone) {
  EXPECT_NE(refusal(parse_chat, "{}").find("messages: "), std::string::npos);
  EXPECT_NE(refusal(parse_chat, R"({"messages": []})").find("messages: "), std::string::npos);
  EXPECT_NE(refusal(parse_chat, R"({"messages": [3]})").find("messages[0]: "), std::string::npos);
  EXPECT_NE(refusal(parse_chat, R"({"messages": [{"role": 1}]})").find("messages[0].role: "),
            std::string::npos);
  EXPECT_NE(refusal(parse_chat, R"({"messages": [{"role": "user"}]})").find("messages[0].content"),
            std::string::npos);
  EXPECT_NE(refusal(parse_chat, R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})")
                .find("text only"),
            std::string::npos);
}

TEST(Request, RefusesWhatIsNoJsonOrTooDeep) {
  EXPECT_NE(refusal(parse_chat, "{").find("the body is not whole JSON: it ends at line 1, column 2"),
            std::string::npos);
  EXPECT_NE(refusal(parse_chat, "[1]").find("no JSON object"), std::string::npos);
  EXPECT_NE(refusal(parse_chat, R"({"messages": )" + std::string(100000, '[')).find("nested deeper"),
            std::string::npos);
}

TEST(Request, ACompletionTakesTextOrIds) {
  EXPECT_EQ(parsed(parse_completions, R"({"prompt": "Once"})").prompt, "Once");
  EXPECT_EQ(parsed(parse_completions, R"({"prompt": [1, 2]})").ids->size(), 2u);
  EXPECT_NE(refusal(parse_completions, R"({"prompt": ["a", "b"]})").find("prompt: "), std::string::npos);
  EXPECT_NE(refusal(parse_completions, R"({"prompt": [-1]})").find("prompt: "), std::string::npos);
  EXPECT_NE(refusal(parse_completions, R"({"prompt": "a", "echo": true})").find("echo: "), std::string::npos);
  EXPECT_NE(refusal(parse_completions, R"({"prompt": "a", "suffix": "b"})").find("suffix: "),
            std::string::npos);
}

}  // namespace
}  // namespace brim::server
