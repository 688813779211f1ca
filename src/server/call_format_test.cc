#include "server/call_format.h"

#include <gtest/gtest.h>

#include <bit>

#include "grammar/grammar_state.h"
#include "numerics/split_mix.h"
#include "server/answer_parts.h"
#include "tests/support/byte_tokenizer.h"
#include "tokenizer/build.h"

namespace brim::server {
namespace {

constexpr auto kFormats = {CallFormat::kTags, CallFormat::kMistral,  CallFormat::kMistralNamed,
                           CallFormat::kList, CallFormat::kDeepSeek, CallFormat::kLlama};

Json functions() {
  return Json::parse(R"([
      {"type": "function", "function": {"name": "weather", "parameters": {"type": "object",
          "properties": {"city": {"type": "string", "maxLength": 6}, "place": {"$ref": "#/$defs/place"}},
          "required": ["city"], "additionalProperties": false,
          "$defs": {"place": {"type": "object", "properties": {"x": {"type": "integer", "minimum": 0, "maximum": 9}},
                              "required": ["x"], "additionalProperties": false}}}}},
      {"type": "function", "function": {"name": "say", "parameters": {
          "properties": {"text": {"enum": ["a {", "<\/tool_call>", "\"}", "<｜tool▁calls▁end｜>", "[TOOL_CALLS]"]}},
          "required": ["text"], "additionalProperties": false}}},
      {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "additionalProperties": false}}}
  ])");
}

// Bytes as tokens, and the markers of all formats as control tokens.
class Vocabulary {
 public:
  explicit Vocabulary(bool control) {
    TokenizerArrays arrays = test::byte_tokenizer(0);
    for (const char* text :
         {"<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|tool_call|>", "<|/tool_call|>",
          "<|python_tag|>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
          "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"}) {
      if (!control) break;
      arrays.tokens.emplace_back(text);
      arrays.scores.push_back(0);
      arrays.types.push_back(static_cast<int32_t>(TokenType::kControl));
    }
    blob_ = build_tokenizer_from_arrays(arrays);
    EXPECT_EQ(tokenizer_.attach(blob_), "");
  }
  const Tokenizer& tokenizer() const { return tokenizer_; }

  // A text that the grammar allows, each token with the same chance; of a call's parts as a slot has them.
  AnswerParts random_answer(CallFormat format, const ToolChoice& choice, uint64_t seed) const {
    const std::vector<TokenMarker> markers = call_markers(format, tokenizer_);
    const auto trie = std::make_shared<const TokenTrie>(tokenizer_, markers);
    GrammarState state(call_grammar(format, markers, functions(), choice), trie);
    AnswerSplitter answer({.format = {.calls = format}, .functions = {"weather", "say", "now"}});
    AnswerParts parts;
    while (!state.ended() && state.tokens() < 2000) {
      std::vector<uint32_t> allowed;
      const auto mask = state.mask();
      for (uint32_t word = 0; word < mask.size(); ++word) {
        for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
          allowed.push_back(word * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
        }
      }
      if (allowed.empty()) break;
      const uint32_t token = allowed[split_mix(seed += kSplitMixStep) % allowed.size()];
      EXPECT_TRUE(state.accept(token));
      const auto marker = std::ranges::find(markers, token, &TokenMarker::token);
      parts += answer.push(marker != markers.end() ? marker->text : std::string(trie->text(token)));
    }
    EXPECT_TRUE(state.ended());
    parts += answer.finish();
    return parts;
  }

 private:
  std::vector<uint8_t> blob_;
  Tokenizer tokenizer_;
};

void expect_arguments(const ToolCall& call) {
  const Json arguments = Json::parse(call.arguments);
  if (call.name == "weather") {
    EXPECT_TRUE(arguments.at("city").is_string());
    EXPECT_EQ(arguments.size(), arguments.contains("place") ? 2u : 1u);
    if (arguments.contains("place")) {
      EXPECT_LE(arguments["place"].at("x").get<int>(), 9);
    }
  } else if (call.name == "say") {
    EXPECT_EQ(arguments.size(), 1u);
    EXPECT_TRUE(arguments.at("text").is_string());
  } else {
    EXPECT_EQ(call.name, "now");
    EXPECT_EQ(call.arguments, "{}");
  }
}

TEST(CallFormat, EveryAnswerThatMustCallIsTakenApartIntoCalls) {
  for (const bool control : {false, true}) {
    const Vocabulary vocabulary(control);
    for (const CallFormat format : kFormats) {
      std::set<std::string> called;
      size_t most = 0;
      for (uint64_t seed = 0; seed < 16; ++seed) {
        SCOPED_TRACE(testing::Message()
                     << static_cast<int>(format) << " control " << control << " seed " << seed);
        const AnswerParts parts = vocabulary.random_answer(format, {.required = true}, seed);
        EXPECT_EQ(parts.content, "");
        ASSERT_FALSE(parts.calls.empty());
        for (const ToolCall& call : parts.calls) {
          expect_arguments(call);
          called.insert(call.name);
        }
        most = std::max(most, parts.calls.size());
      }
      EXPECT_EQ(called.size(), 3u);
      EXPECT_EQ(most > 1, format != CallFormat::kLlama) << static_cast<int>(format);
    }
  }
}

TEST(CallFormat, OneCallOfTheNamedFunctionIsAllThatIsAllowed) {
  const Vocabulary vocabulary(true);
  for (const CallFormat format : kFormats) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const AnswerParts parts =
          vocabulary.random_answer(format, {.required = true, .function = "say", .several = false}, seed);
      ASSERT_EQ(parts.calls.size(), 1u);
      EXPECT_EQ(parts.calls[0].name, "say");
      EXPECT_EQ(parts.content, "");
    }
  }
}

TEST(CallFormat, AMarkerThatIsAControlTokenIsWrittenAsThatTokenOnly) {
  const Vocabulary vocabulary(true);
  const auto markers = call_markers(CallFormat::kMistral, vocabulary.tokenizer());
  ASSERT_EQ(markers.size(), 2u);
  GrammarState state(call_grammar(CallFormat::kMistral, markers, functions(), {.required = true}),
                     std::make_shared<const TokenTrie>(vocabulary.tokenizer(), markers));
  EXPECT_FALSE(state.accept(test::kFirstByteToken + '['));
  EXPECT_FALSE(state.accept(test::kFirstByteToken + 0xFF));
  EXPECT_FALSE(state.accept(test::kByteTokenizerEnd));
  EXPECT_TRUE(state.accept(markers[0].token));
  EXPECT_FALSE(state.accept(test::kByteTokenizerEnd));
}

std::string refusal(CallFormat format, const std::string& parameters) {
  try {
    Json tools = Json::parse(R"([{"type": "function", "function": {"name": "f"}}])");
    if (!parameters.empty()) tools[0]["function"]["parameters"] = Json::parse(parameters);
    call_grammar(format, {}, tools, {.required = true});
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 400);
    return error.what();
  }
  return "taken";
}

TEST(CallFormat, RefusesSchemasAndModelsThatItCannotHoldToACall) {
  EXPECT_EQ(refusal(CallFormat::kTags, ""), "taken");
  EXPECT_EQ(refusal(CallFormat::kTags, R"({"properties": {"a": {}}})"), "taken");
  EXPECT_NE(refusal(CallFormat::kNone, "").find("template has no format for calls"), std::string::npos);
  EXPECT_NE(refusal(CallFormat::kTags, R"({"type": "string"})").find("the JSON schema of an object"),
            std::string::npos);
  EXPECT_NE(refusal(CallFormat::kTags, "[]").find("the JSON schema of an object"), std::string::npos);
  EXPECT_NE(refusal(CallFormat::kTags, R"({"properties": {"a": {"multipleOf": 2}}})")
                .find("'tools[0].function.parameters': JSON schema: #/properties/a/multipleOf"),
            std::string::npos);
  EXPECT_NE(refusal(CallFormat::kTags, R"({"title": ")" + std::string(300'000, ' ') + "\"}")
                .find("262144 are the most"),
            std::string::npos);
}

TEST(CallFormat, ThinkingThatAPromptHasBegunGoesOnUpToItsEnd) {
  const Vocabulary vocabulary(false);
  const GrammarState fresh(thinking_grammar(), std::make_shared<const TokenTrie>(vocabulary.tokenizer()));
  const auto ends_at = [&](std::string_view text) {
    GrammarState state = fresh;
    size_t at = 0;
    while (at < text.size() && !state.can_end() &&
           state.accept(test::kFirstByteToken + static_cast<uint8_t>(text[at]))) {
      ++at;
    }
    return state.can_end() ? at : std::string::npos;
  };
  EXPECT_EQ(ends_at("Hm </b> a<</think>\n{}"), 18u);
  EXPECT_EQ(ends_at("</think>"), 8u);
  EXPECT_EQ(ends_at("a < b </thin </thi</think>x"), 26u);
  EXPECT_EQ(ends_at("no end"), std::string::npos);
  GrammarState state = fresh;
  EXPECT_FALSE(state.accept(test::kByteTokenizerEnd));
}

}  // namespace
}  // namespace brim::server
