// Conversations as the families' published chat templates write them.
#include "tokenizer/chat.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/concat.h"
#include "tokenizer/recognise.h"
#include "tokenizer/test_texts.h"

namespace brim {
namespace {

struct Rendered {
  std::string text;
  std::vector<std::string> verbatim;
};

Rendered render(ChatTemplate family, const std::vector<ChatTurn>& turns, const ChatOptions& options = {}) {
  std::vector<char> out(chat_text_bytes(turns));
  std::vector<TextRange> ranges(turns.size());
  const ChatText chat = render_chat(family, turns, options, out, ranges);
  EXPECT_TRUE(chat.fits);
  Rendered rendered{std::string(chat.text), {}};
  for (const TextRange& range : chat.verbatim) {
    rendered.verbatim.push_back(rendered.text.substr(range.begin, range.end - range.begin));
  }
  return rendered;
}

const std::vector<ChatTurn> kTurns = {{ChatRole::kSystem, "Be brief."},
                                      {ChatRole::kUser, "Hi"},
                                      {ChatRole::kAssistant, "Hello."},
                                      {ChatRole::kUser, "Bye"}};

TEST(Chat, IsWrittenAsLlama2WasTrained) {
  EXPECT_EQ(render(ChatTemplate::kLlama2, kTurns).text,
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] Bye [/INST]");
}

TEST(Chat, IsWrittenAsLlama3WasTrained) {
  EXPECT_EQ(render(ChatTemplate::kLlama3, kTurns).text,
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(Chat, IsWrittenAsQwenWasTrained) {
  EXPECT_EQ(
      render(ChatTemplate::kChatMl, kTurns).text,
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
      "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n");
}

TEST(Chat, IsWrittenAsTinyLlamaWasTrained) {
  EXPECT_EQ(render(ChatTemplate::kZephyr, kTurns).text,
            "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello.</s>\n<|user|>\nBye</s>\n"
            "<|assistant|>\n");
}

TEST(Chat, IsWrittenAsMistralWasTrained) {
  EXPECT_EQ(render(ChatTemplate::kMistral, kTurns).text,
            "<s>[INST] Be brief.\n\nHi [/INST]Hello.</s>[INST] Bye [/INST]");
}

TEST(Chat, GrowsTurnByTurnIntoTheSameText) {
  for (const ChatTemplate family : {ChatTemplate::kLlama3, ChatTemplate::kChatMl, ChatTemplate::kZephyr}) {
    const std::string first = render(family, {kTurns[0], kTurns[1]}).text;
    const std::string answer = family == ChatTemplate::kLlama3   ? "Hello.<|eot_id|>"
                               : family == ChatTemplate::kChatMl ? "Hello.<|im_end|>"
                                                                 : "Hello.</s>";
    const std::string second = render(family, {kTurns[3]}, {.continues = true}).text;
    EXPECT_EQ(concat(first, answer, second), render(family, kTurns).text);
  }
}

TEST(Chat, MarksWhatPeopleWroteAsVerbatim) {
  for (const ChatTemplate family : {ChatTemplate::kNone, ChatTemplate::kLlama2, ChatTemplate::kLlama3,
                                    ChatTemplate::kChatMl, ChatTemplate::kZephyr, ChatTemplate::kMistral}) {
    EXPECT_EQ(render(family, kTurns).verbatim,
              (std::vector<std::string>{"Be brief.", "Hi", "Hello.", "Bye"}));
  }
}

TEST(Chat, ReportsSmallBuffers) {
  std::vector<char> out(20);
  std::vector<TextRange> ranges(4);
  EXPECT_FALSE(render_chat(ChatTemplate::kLlama3, kTurns, {}, out, ranges).fits);
  out.resize(2000);
  EXPECT_FALSE(render_chat(ChatTemplate::kLlama3, kTurns, {}, out, std::span(ranges).first(1)).fits);
}

TEST(ChatFamily, IsRecognisedFromTheTemplate) {
  EXPECT_EQ(family_of_chat("{{ '<|start_header_id|>' + message['role'] }}"), ChatTemplate::kLlama3);
  EXPECT_EQ(family_of_chat("{{ '<|im_start|>' + message.role }}"), ChatTemplate::kChatMl);
  EXPECT_EQ(family_of_chat("{{ bos_token + '[INST] ' }} <<SYS>>"), ChatTemplate::kLlama2);
  EXPECT_EQ(family_of_chat("{{ '[INST] ' + message['content'] }}"), ChatTemplate::kMistral);
  EXPECT_EQ(family_of_chat("{{ '<|user|>\n' + message['content'] + eos_token }}"), ChatTemplate::kZephyr);
  EXPECT_EQ(family_of_chat("{{ '<|user|>' + message['content'] + '<|end|>' + eos_token }}"),
            ChatTemplate::kNone);
  EXPECT_EQ(family_of_chat(""), ChatTemplate::kNone);
}

}  // namespace
}  // namespace brim
