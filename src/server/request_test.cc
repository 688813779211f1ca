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
  for (const auto& [more, says] : std::initializer_list<Refused>{
           {R"("temprature": 1)", "temprature: 'temprature' is not supported"},
           {R"("temperature": "hot")", "temperature: 'temperature' must be a number from 0"},
           {R"("temperature": -1)", "temperature: 'temperature' must be a number"},
           {R"("top_k": 1.5)", "top_k: 'top_k' must be a whole number"},
           {R"("top_k": -1)", "top_k: 'top_k' must be a whole number"},
           {R"("n": 0)", "n: 'n' must be a whole number from 1 to 16"},
           {R"("n": 1000000000000)", "n: "},
           {R"("max_tokens": 1, "max_completion_tokens": 2)", "max_tokens: "},
           {R"("stop": ["", "a"])", "stop: "},
           {R"("stop": 3)", "stop: "},
           {R"("stream": "yes")", "stream: 'stream' must be true or false"},
           {R"("stream_options": {"include_usage": true})", "stream_options: "},
           {R"("top_logprobs": 2)", "top_logprobs: "},
           {R"("logprobs": true, "top_logprobs": 21)", "top_logprobs: "},
           {R"("tool_choice": "required")", "tool_choice: "},
           {R"("tools": [{"type": "retrieval"}])", "tools[0]: "},
           {R"("tools": [{"type": "function", "function": {}}])", "tools[0]: "},
           {R"("tools": {})", "tools: 'tools' must be a list"},
           {R"("parallel_tool_calls": false)", "parallel_tool_calls: "},
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
  EXPECT_NE(refusal(parse_chat, "{").find("no valid JSON"), std::string::npos);
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
