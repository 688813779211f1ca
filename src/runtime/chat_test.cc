#include "runtime/chat.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/fake_executor.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

using Ids = std::vector<uint32_t>;
constexpr uint32_t kVocabulary = 270;
constexpr uint32_t kEnd = 2;

// Bytes as tokens (byte b is 3 + b), with TinyLlama's chat layout.
std::vector<uint8_t> tokenizer_blob() {
  TokenizerArrays arrays = test::byte_tokenizer(0);
  arrays.add_bos = false;
  arrays.add_space_prefix = false;
  const std::string chat_template =
      "{% for message in messages %}{% if message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + "
      "eos_token }}\n{% elif message['role'] == 'system' %}{{ '<|system|>\n' + message['content'] + "
      "eos_token "
      "}}\n"
      "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n"
      "{% endif %}{% if loop.last and add_generation_prompt %}{{ '<|assistant|>' }}\n{% endif %}{% endfor %}";
  arrays.chat_templates = {{"default", chat_template}};
  return build_tokenizer_from_arrays(arrays);
}

std::string text_of(std::span<const uint32_t> ids) {
  std::string text;
  for (const uint32_t id : ids) {
    if (id == kEnd) {
      text += "</s>";
    } else {
      text += static_cast<char>(id - 3);
    }
  }
  return text;
}

class ChatTest : public testing::Test {
 protected:
  ChatTest() { EXPECT_EQ(tokenizer_.attach(blob_), ""); }

  // Answers "ok", then the end token.
  static void answer_ok(std::span<const uint32_t> tokens, std::span<float> logits) {
    std::ranges::fill(logits, 0.0f);
    const uint32_t last = tokens.back();
    logits[last == 3 + 'o' ? 3 + 'k' : last == 3 + 'k' ? kEnd : 3 + 'o'] = 1.0f;
  }

  std::vector<uint8_t> blob_ = tokenizer_blob();
  Tokenizer tokenizer_;
  HostSampler sampler_{{}, tokenizer_};
};

TEST_F(ChatTest, KeepsTheWholeConversationInTheCache) {
  test::FakeExecutor executor(kVocabulary, 512, 8, answer_ok);
  Session session(executor, tokenizer_);
  Chat chat(session, "brevity");
  EXPECT_EQ(text_of(chat.answer("hi", sampler_, {}).tokens), "ok");
  EXPECT_EQ(text_of(chat.answer("and?", sampler_, {}).tokens), "ok");
  EXPECT_EQ(text_of(executor.cache()),
            "<|system|>\nbrevity</s>\n<|user|>\nhi</s>\n<|assistant|>\nok</s>\n<|user|>\nand?</"
            "s>\n<|assistant|>\nok");
}

TEST_F(ChatTest, AnAnswerThatWasCutOffGetsItsEnd) {
  test::FakeExecutor executor(kVocabulary, 512, 8, answer_ok);
  Session session(executor, tokenizer_);
  Chat chat(session, "");
  EXPECT_EQ(text_of(chat.answer("hi", sampler_, {.max_tokens = 1, .on_token = {}}).tokens), "o");
  chat.answer("more", sampler_, {});
  EXPECT_EQ(text_of(executor.cache()),
            "<|user|>\nhi</s>\n<|assistant|>\no</s>\n<|user|>\nmore</s>\n<|assistant|>\nok");
}

TEST_F(ChatTest, ATurnThatDoesNotFitChangesNothing) {
  test::FakeExecutor executor(kVocabulary, 64, 8, answer_ok);
  Session session(executor, tokenizer_);
  Chat chat(session, "");
  chat.answer("hi", sampler_, {});
  const Ids before(session.tokens().begin(), session.tokens().end());
  EXPECT_THROW(chat.answer(std::string(100, 'x'), sampler_, {}), Error);
  EXPECT_EQ(Ids(session.tokens().begin(), session.tokens().end()), before);
  chat.reset();
  EXPECT_EQ(text_of(chat.answer("hi", sampler_, {}).tokens), "ok");
}

TEST_F(ChatTest, WhatTheUserWritesNeverBecomesAControlToken) {
  test::FakeExecutor executor(kVocabulary, 512, 8, answer_ok);
  Session session(executor, tokenizer_);
  Chat chat(session, "");
  chat.answer("</s>", sampler_, {});
  EXPECT_EQ(std::ranges::count(executor.cache(), kEnd), 1);
}

// A template that leaves the thinking out of earlier answers, as Qwen3's does.
class ChatThatThinks : public testing::Test {
 protected:
  ChatThatThinks() {
    TokenizerArrays arrays = test::byte_tokenizer(0);
    arrays.add_bos = false;
    arrays.add_space_prefix = false;
    arrays.chat_templates = {{"default",
                              "{% for message in messages %}{{ '[' + message['role'] + ']' }}"
                              "{{ message['content'].split('</think>')[-1] }}{{ eos_token }}{% endfor %}"
                              "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"}};
    blob_ = build_tokenizer_from_arrays(arrays);
    EXPECT_EQ(tokenizer_.attach(blob_), "");
  }

  static constexpr std::string_view kAnswer = "<think>hm</think>ok";
  // Answers kAnswer, then the end token.
  static void think(std::span<const uint32_t> tokens, std::span<float> logits) {
    const std::string text = text_of(tokens);
    const size_t said = text.size() - (text.rfind("[assistant]") + 11);
    std::ranges::fill(logits, 0.0f);
    logits[said < kAnswer.size() ? 3u + static_cast<uint8_t>(kAnswer[said]) : kEnd] = 1.0f;
  }

  std::vector<uint8_t> blob_;
  Tokenizer tokenizer_;
};

TEST_F(ChatThatThinks, RunsOnlyWhatFollowsTheLongestCommonPrefix) {
  const ChatProgram program(tokenizer_);
  test::FakeExecutor executor(kVocabulary, 512, 8, think);
  Session session(executor, tokenizer_);
  HostSampler sampler({}, tokenizer_);
  Chat chat(session, "brevity", &program);
  uint32_t computed = 0;  // positions
  const auto turn = [&](std::string_view user) {
    executor.passes.clear();
    EXPECT_EQ(text_of(chat.answer(user, sampler, {}).tokens), kAnswer);
    computed = 0;
    for (const auto& pass : executor.passes) computed += pass.tokens;
  };
  turn("one");
  EXPECT_EQ(text_of(executor.cache()), "[system]brevity</s>[user]one</s>[assistant]<think>hm</think>ok");
  const std::string kept = "[system]brevity</s>[user]one</s>[assistant]";
  turn("two");
  EXPECT_EQ(text_of(executor.cache()), kept + "ok</s>[user]two</s>[assistant]<think>hm</think>ok");
  // The last answer without its thinking, the turn, and the new answer: nothing before.
  const auto new_tokens = static_cast<uint32_t>(std::string_view("ok.[user]two.[assistant]").size() +
                                                kAnswer.size());  // "." for </s>, one token
  EXPECT_EQ(computed, new_tokens);
  EXPECT_EQ(executor.passes.front().position, kept.size() - 2 * 3);  // two </s>, four bytes each, are tokens
  turn("three");
  EXPECT_EQ(computed, new_tokens + 2) << "as much as the turn before, whatever the conversation's length";
}

TEST_F(ChatThatThinks, AContextThatShiftsKeepsTheCommonPrefix) {
  const ChatProgram program(tokenizer_);
  test::FakeExecutor executor(kVocabulary, 128, 8, think);
  Session session(executor, tokenizer_);
  session.conversation().shift_context(true);
  HostSampler sampler({}, tokenizer_);
  Chat chat(session, "", &program);
  uint32_t most = 0;
  uint32_t total = 0;
  constexpr uint32_t kTurns = 30;
  for (uint32_t i = 0; i < kTurns; ++i) {
    executor.passes.clear();
    EXPECT_EQ(text_of(chat.answer("go on", sampler, {}).tokens), kAnswer);
    uint32_t computed = 0;
    for (const auto& pass : executor.passes) computed += pass.tokens;
    most = std::max(most, computed);
    total += computed;
  }
  EXPECT_LE(most, 128u + 60) << "a shift runs what moved, and the turn";
  EXPECT_LT(total, kTurns * 100) << "most turns run themselves alone";
}

}  // namespace
}  // namespace brim
