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

}  // namespace
}  // namespace brim
