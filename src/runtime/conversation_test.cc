#include "runtime/conversation.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/session.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/fake_executor.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

using test::FakeExecutor;
using Ids = std::vector<uint32_t>;

constexpr uint32_t kVocabulary = 300;

// Token n is followed by token n + 1 with certainty.
void count_up(std::span<const uint32_t> tokens, std::span<float> logits) {
  std::fill(logits.begin(), logits.end(), 0.0f);
  logits[(tokens.back() + 1) % logits.size()] = 10.0f;
}

// Fails as firmware does, without an exception.
class FailingRunner final : public PassRunner {
 public:
  explicit FailingRunner(FakeExecutor& executor) : executor_(executor) {}
  uint32_t vocabulary() const override { return executor_.vocabulary(); }
  uint32_t context() const override { return executor_.context(); }
  uint32_t max_tokens_per_pass() const override { return executor_.max_tokens_per_pass(); }
  PassLogits run(const Pass& pass) override {
    if (passes_left == 0) return PassLogits::failure();
    --passes_left;
    return executor_.run(pass);
  }

  uint32_t passes_left = UINT32_MAX;

 private:
  FakeExecutor& executor_;
};

class ConversationTest : public testing::Test {
 protected:
  ConversationTest() { EXPECT_EQ(tokenizer_.attach(blob_), ""); }

  StopReason generate(uint32_t tokens) {
    return conversation_.generate(sampler_, tokens, [](uint32_t) { return true; });
  }
  Ids text() const { return {conversation_.tokens().begin(), conversation_.tokens().end()}; }

  const std::vector<uint8_t> blob_ = build_tokenizer_from_arrays(test::byte_tokenizer(kVocabulary));
  Tokenizer tokenizer_;
  FakeExecutor executor_{kVocabulary, 64, 4, count_up};
  FailingRunner runner_{executor_};
  std::vector<uint32_t> memory_ = std::vector<uint32_t>(65);
  Conversation conversation_{runner_, tokenizer_, memory_};
  HostSampler sampler_{{}, tokenizer_};
};

TEST_F(ConversationTest, WhatWasChosenLastIsRunWithWhatIsAddedNext) {
  ASSERT_EQ(conversation_.add(Ids{10, 11}), Conversation::Added::kYes);
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(generate(2), StopReason::kLimit);
  EXPECT_EQ(text(), (Ids{10, 11, 12, 13}));
  EXPECT_EQ(conversation_.position(), 3u);
  ASSERT_EQ(conversation_.add(Ids{20}), Conversation::Added::kYes);
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(executor_.cache(), (Ids{10, 11, 12, 13, 20}));
}

TEST_F(ConversationTest, AFailedReadTakesBackWhatWasAddedAndNothingElse) {
  conversation_.add(Ids{10, 11});
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(generate(2), StopReason::kLimit);
  const Ids before = text();
  runner_.passes_left = 1;  // of two
  conversation_.add(Ids{20, 21});
  conversation_.add(Ids{22, 23, 24});
  EXPECT_FALSE(conversation_.read());
  EXPECT_EQ(text(), before);
  EXPECT_EQ(conversation_.position(), 3u);
  runner_.passes_left = UINT32_MAX;
  conversation_.add(Ids{30});
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(executor_.cache(), (Ids{10, 11, 12, 13, 30}));
}

TEST_F(ConversationTest, APassThatFailsDuringAnAnswerLeavesTheTokenThatWasToBeRun) {
  conversation_.add(Ids{10});
  ASSERT_TRUE(conversation_.read());
  runner_.passes_left = 2;
  EXPECT_EQ(generate(10), StopReason::kFailed);
  EXPECT_EQ(text(), (Ids{10, 11, 12, 13}));
  EXPECT_EQ(conversation_.position(), 3u);
}

TEST_F(ConversationTest, TheContextIsNoLongerThanItsMemory) {
  Conversation small(runner_, tokenizer_, std::span(memory_).first(9));
  EXPECT_EQ(small.context(), 8u);
  EXPECT_EQ(small.add(Ids(9, 5)), Conversation::Added::kContextFull);
  small.add(Ids{10, 11, 12, 13, 14, 15});
  ASSERT_TRUE(small.read());
  EXPECT_EQ(small.generate(sampler_, 100, [](uint32_t) { return true; }), StopReason::kContextFull);
  EXPECT_EQ(small.tokens().size(), 9u) << "the full context still predicts one token";
  EXPECT_EQ(small.position(), 8u);
  EXPECT_EQ(small.add(Ids{1}), Conversation::Added::kContextFull);
}

TEST_F(ConversationTest, KeepsThePrefixThatATextHasInCommon) {
  conversation_.add(Ids{10, 11, 12, 13, 14});
  ASSERT_TRUE(conversation_.read());
  const Ids other = {10, 11, 12, 40, 41};
  EXPECT_EQ(conversation_.keep_prefix(other), 3u);
  conversation_.add(std::span(other).subspan(3));
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(argmax(conversation_.logits()), 42u);
  EXPECT_EQ(executor_.cache(), other);
  // The same text again: its last token is run once more, for its logits.
  EXPECT_EQ(conversation_.keep_prefix(other), 4u);
  EXPECT_EQ(conversation_.keep_prefix(Ids{}), 0u);
}

TEST_F(ConversationTest, ARewindMayForgetWhatWasNotRun) {
  conversation_.add(Ids{10});
  ASSERT_TRUE(conversation_.read());
  generate(3);
  conversation_.rewind(3);
  EXPECT_EQ(text(), (Ids{10, 11, 12}));
  EXPECT_EQ(conversation_.position(), 3u);
  conversation_.rewind(1);
  EXPECT_EQ(text(), (Ids{10}));
  conversation_.rewind(100);
  EXPECT_EQ(text(), (Ids{10}));
}

// What a sampler's stages are told.
struct Listener {
  uint32_t sample(std::span<const float> logits) { return argmax(logits); }
  void forget() { heard.clear(); }
  void accept(uint32_t token) { heard.push_back(token); }
  Ids heard;
};

TEST_F(ConversationTest, TheSamplerIsToldTheWholeText) {
  Listener listener;
  for (const uint32_t token : {10u, 20u}) {
    conversation_.add(Ids{token});
    ASSERT_TRUE(conversation_.read());
    conversation_.generate(listener, 2, [](uint32_t) { return true; });
    EXPECT_EQ(listener.heard, text());
  }
  EXPECT_EQ(listener.heard, (Ids{10, 11, 12, 20, 21, 22}));
}

}  // namespace
}  // namespace brim
