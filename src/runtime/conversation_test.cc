#include "runtime/conversation.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/session.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/fake_executor.h"
#include "tests/support/speculation_check.h"
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
  void drop(uint32_t first, uint32_t count) {
    heard.erase(heard.begin() + first, heard.begin() + first + count);
  }
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

// ---- what the cache holds already

TEST_F(ConversationTest, TokensThatTheCacheIsKnownToHoldAreNotRun) {
  const Ids known = {10, 11, 12, 13, 14, 15};
  executor_.run({.tokens = std::span(known).first(4), .first_logits = 4});
  executor_.run({.tokens = std::span(known).subspan(4), .position = 4, .first_logits = 2});
  executor_.passes.clear();
  conversation_.know(known);

  conversation_.add(Ids{10, 11, 12, 13, 14, 15, 40});
  EXPECT_EQ(conversation_.position(), 6u);
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(executor_.passes, (std::vector<FakeExecutor::PassRecord>{{6, 1, 0}}));
  EXPECT_EQ(argmax(conversation_.logits()), 41u);
  generate(3);
  // Another text that begins with it, then the prompt alone, whose last token is run for its logits.
  conversation_.rewind(0);
  conversation_.add(Ids{10, 11, 12, 13, 14, 15, 50, 51});
  EXPECT_EQ(conversation_.unrun().size(), 2u);
  ASSERT_TRUE(conversation_.read());
  conversation_.rewind(0);
  conversation_.add(known);
  EXPECT_EQ(conversation_.unrun().size(), 1u);
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(argmax(conversation_.logits()), 16u);
}

TEST_F(ConversationTest, WhatAnotherTextWasRunOverIsNotKnownAnyMore) {
  const Ids known = {10, 11, 12, 13};
  executor_.run({.tokens = known, .first_logits = 4});
  conversation_.know(known);
  conversation_.add(Ids{10, 11, 70});
  ASSERT_TRUE(conversation_.read());
  conversation_.rewind(0);
  conversation_.add(Ids{10, 11, 12, 13, 14});
  EXPECT_EQ(conversation_.position(), 2u);
  ASSERT_TRUE(conversation_.read());
  EXPECT_EQ(executor_.cache(), (Ids{10, 11, 12, 13, 14}));
  EXPECT_EQ(Ids(conversation_.known().begin(), conversation_.known().end()), (Ids{10, 11}));
}

TEST_F(ConversationTest, AFailedReadBehindAKnownPromptLeavesAnEmptyText) {
  const Ids known = {10, 11, 12, 13};
  executor_.run({.tokens = known, .first_logits = 4});
  conversation_.know(known);
  runner_.passes_left = 0;
  conversation_.add(Ids{10, 11, 12, 13, 14});
  EXPECT_FALSE(conversation_.read());
  EXPECT_EQ(text(), Ids{});
  EXPECT_EQ(conversation_.position(), 0u);
  runner_.passes_left = 1;
  conversation_.add(Ids{10, 11, 12, 13, 14});
  EXPECT_TRUE(conversation_.read()) << "one pass is enough";
}

TEST_F(ConversationTest, WhatWasRunOverTheFirstPositionsIsBroughtBack) {
  const Ids known = {10, 11, 12, 13};
  const Ids other = {1, 1, 1};
  executor_.run({.tokens = known, .first_logits = 4});
  conversation_.know(known);
  executor_.run({.tokens = other, .first_logits = 3});  // a self check
  ASSERT_TRUE(conversation_.run_again(8));
  EXPECT_EQ(executor_.cache(), known);
  conversation_.add(Ids{10, 11, 12, 13, 14, 15});
  ASSERT_TRUE(conversation_.read());
  executor_.run({.tokens = other, .first_logits = 3});
  ASSERT_TRUE(conversation_.run_again(8));
  EXPECT_EQ(executor_.cache(), (Ids{10, 11, 12, 13, 14, 15}));
}

// ---- contexts that shift

// Each token follows from all that stand before it; never the end token.
void hash_all(std::span<const uint32_t> tokens, std::span<float> logits) {
  uint32_t hash = 2166136261u;
  for (const uint32_t token : tokens) hash = (hash ^ token) * 16777619u;
  std::fill(logits.begin(), logits.end(), 0.0f);
  logits[10 + hash / 7 % (logits.size() - 10)] = 10.0f;
}

class ShiftingContext : public ConversationTest {
 protected:
  // Sinks, and the rest behind what `count` tokens drop.
  Ids window(const Ids& whole, const Conversation& conversation) {
    Ids kept(whole.begin(), whole.begin() + Conversation::kSinks);
    const auto dropped = static_cast<std::ptrdiff_t>(conversation.dropped_of(whole.size()));
    kept.insert(kept.end(), whole.begin() + Conversation::kSinks + dropped, whole.end());
    return kept;
  }
  // The text that greedy choice gives when each token is chosen by a conversation of its own.
  Ids expected(const Ids& prompt, size_t tokens) {
    Ids whole = prompt;
    while (whole.size() < prompt.size() + tokens) {
      FakeExecutor executor(kVocabulary, 32, 4, hash_all);
      std::vector<uint32_t> memory(33);
      Conversation conversation(executor, tokenizer_, memory);
      conversation.shift_context(true);
      conversation.add(whole.size() <= 32 ? whole : window(whole, conversation));
      conversation.read();
      whole.push_back(argmax(conversation.logits()));
    }
    return whole;
  }
};

TEST_F(ShiftingContext, GoesOnAsAConversationThatHoldsWhatIsKept) {
  const Ids prompt = {20, 21, 22, 23, 24, 25};
  const Ids whole = expected(prompt, 90);
  for (const bool drafts : {false, true}) {
    FakeExecutor executor(kVocabulary, 32, 4, hash_all);
    std::vector<uint32_t> memory(33), table(64);
    Conversation conversation(executor, tokenizer_, memory);
    NgramDrafter lookup(table);
    test::StoppedClock clock;
    Speculation speculation(lookup, clock, {});
    if (drafts) conversation.speculate(&speculation);
    conversation.shift_context(true);
    conversation.add(prompt);
    ASSERT_TRUE(conversation.read());
    Ids got = prompt;
    Listener listener;
    EXPECT_EQ(conversation.generate(listener, 90,
                                    [&](uint32_t token) {
                                      got.push_back(token);
                                      return true;
                                    }),
              StopReason::kLimit);
    EXPECT_EQ(got, whole);
    EXPECT_EQ(Ids(conversation.tokens().begin(), conversation.tokens().end()), window(whole, conversation));
    EXPECT_EQ(listener.heard, window(whole, conversation)) << "the sampler is told";
    // 96 tokens: the 33rd, 47th, 61st, 75th and 89th found the context full.
    EXPECT_EQ(conversation.shift_tokens(), 14u);
    EXPECT_EQ(conversation.shift_counts().shifts, 5u);
    EXPECT_EQ(conversation.shift_counts().dropped, 5u * 14);
    EXPECT_EQ(conversation.shift_counts().run_again, 5u * (33 - 14 - 4 - 1));
  }
}

TEST_F(ShiftingContext, IsOffUnlessAskedForAndEndsThere) {
  FakeExecutor executor(kVocabulary, 32, 4, hash_all);
  std::vector<uint32_t> memory(33);
  Conversation conversation(executor, tokenizer_, memory);
  conversation.add(Ids{20});
  ASSERT_TRUE(conversation.read());
  EXPECT_EQ(conversation.generate(sampler_, 90, [](uint32_t) { return true; }), StopReason::kContextFull);
  EXPECT_EQ(conversation.add(Ids{1}), Conversation::Added::kContextFull);
  // What it stopped at goes on when it may shift.
  conversation.shift_context(true);
  EXPECT_EQ(conversation.add(Ids{1}), Conversation::Added::kYes);
  EXPECT_EQ(conversation.tokens().size(), 34u - 14);
  EXPECT_TRUE(conversation.read());
  EXPECT_EQ(executor.cache().size(), 20u);
}

TEST_F(ShiftingContext, WhatIsAddedMakesItsOwnRoom) {
  Ids whole;
  for (uint32_t i = 0; i < 100; ++i) whole.push_back(10 + i);
  // In parts of any size, and all at once.
  for (const size_t part : {1u, 3u, 5u, 17u, 40u, 100u}) {
    FakeExecutor executor(kVocabulary, 32, 4, hash_all);
    std::vector<uint32_t> memory(33);
    Conversation conversation(executor, tokenizer_, memory);
    conversation.shift_context(true);
    for (size_t at = 0; at < whole.size(); at += part) {
      ASSERT_EQ(conversation.add(std::span(whole).subspan(at, std::min(part, whole.size() - at))),
                Conversation::Added::kYes);
      ASSERT_TRUE(conversation.read());
    }
    EXPECT_EQ(executor.cache(), window(whole, conversation)) << part;
    EXPECT_EQ(conversation.position(), executor.cache().size());
  }
}

TEST_F(ShiftingContext, APassThatFailsWhileItMovesIsToldAndMadeUpFor) {
  FakeExecutor executor(kVocabulary, 32, 4, hash_all);
  FailingRunner runner(executor);
  std::vector<uint32_t> memory(33);
  Conversation conversation(runner, tokenizer_, memory);
  conversation.shift_context(true);
  conversation.add(Ids{20, 21, 22, 23});
  ASSERT_TRUE(conversation.read());
  runner.passes_left = 30;  // 28 tokens fill the context, then two of four passes run what moves
  EXPECT_EQ(conversation.generate(sampler_, 90, [](uint32_t) { return true; }), StopReason::kFailed);
  runner.passes_left = UINT32_MAX;
  const Ids kept(conversation.tokens().begin(), conversation.tokens().end());
  ASSERT_TRUE(conversation.read());
  EXPECT_EQ(executor.cache(), kept);
}

}  // namespace
}  // namespace brim
