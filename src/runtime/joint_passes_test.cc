#include "runtime/joint_passes.h"

#include <gtest/gtest.h>

#include <latch>
#include <map>
#include <thread>

#include "base/error.h"

namespace brim {
namespace {

constexpr uint32_t kVocabulary = 8;
constexpr uint32_t kBad = 7;  // a token whose pass fails

// Logits that tell what stands in a cache up to a token; passes written down.
class CountingExecutor final : public Executor {
 public:
  explicit CountingExecutor(uint32_t caches) : caches_(caches), texts_(caches) {}
  std::string name() const override { return "counting"; }
  uint32_t vocabulary() const override { return kVocabulary; }
  uint32_t context() const override { return 64; }
  uint32_t caches() const override { return caches_; }
  uint32_t max_tokens_per_pass() const override { return 16; }

  PassLogits run(const Pass& pass) override {
    logits_.clear();
    widths.push_back(static_cast<uint32_t>(pass.tokens.size()));
    for (size_t t = 0; t < pass.tokens.size(); ++t) {
      if (pass.tokens[t] == kBad) throw Error("a bad token");
      const Place place =
          pass.places.empty() ? Place{0, pass.position + static_cast<uint32_t>(t)} : pass.places[t];
      texts_[place.cache][place.position] = pass.tokens[t];
    }
    for (size_t t = pass.first_logits; t < pass.tokens.size(); ++t) {
      const Place place =
          pass.places.empty() ? Place{0, pass.position + static_cast<uint32_t>(t)} : pass.places[t];
      float sum = 0;
      for (uint32_t i = 0; i <= place.position; ++i) {
        sum = sum * 3 + static_cast<float>(texts_[place.cache].at(i));
      }
      logits_.resize(logits_.size() + kVocabulary, sum);
    }
    return logits_;
  }

  std::vector<uint32_t> widths;

 private:
  const uint32_t caches_;
  std::vector<std::map<uint32_t, uint32_t>> texts_;
  std::vector<float> logits_;
};

// What the formula above gives for a text's last token.
float expected(std::span<const uint32_t> text) {
  float sum = 0;
  for (const uint32_t token : text) sum = sum * 3 + static_cast<float>(token);
  return sum;
}

// Decodes `count` tokens, one a pass, and begins when the others are at work too; false: a pass failed.
bool decode(JointPasses::Member& member, uint32_t count, uint32_t token, std::latch* others = nullptr) {
  const JointPasses::Member::Turn turn(member);
  if (others != nullptr) others->arrive_and_wait();
  std::vector<uint32_t> text;
  for (uint32_t i = 0; i < count; ++i) {
    text.push_back(token);
    try {
      const PassLogits logits = member.run({.tokens = std::span(text).last(1), .position = i});
      EXPECT_EQ(logits.row(0, kVocabulary)[0], expected(text));
    } catch (const Error&) {
      return false;
    }
  }
  return true;
}

TEST(JointPasses, ConversationsThatDecodeTogetherShareTheirPasses) {
  CountingExecutor executor(4);
  JointPasses passes(executor);
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<JointPasses::Member>> members;
  for (uint32_t i = 0; i < 4; ++i) members.push_back(std::make_unique<JointPasses::Member>(passes, i));
  std::latch all(4);
  for (uint32_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] { EXPECT_TRUE(decode(*members[i], 12, 1 + i % 2, &all)); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(passes.counts().tokens, 48u);
  // 12 where none waited in vain; on a busy machine one that is not run for 10 ms misses a pass.
  EXPECT_LT(passes.counts().passes, 48u);
}

TEST(JointPasses, APromptWiderThanItsShareIsRunInPiecesWithTheSameLogits) {
  CountingExecutor executor(2);
  JointPasses passes(executor);
  JointPasses::Member reader(passes, 0), writer(passes, 1);
  const std::vector<uint32_t> prompt(16, 1);
  std::thread decoding([&] { EXPECT_TRUE(decode(writer, 30, 1)); });
  {
    const JointPasses::Member::Turn turn(reader);
    for (uint32_t i = 0; i < 4; ++i) {
      const PassLogits logits = reader.run({.tokens = prompt, .position = 16 * i, .first_logits = 14});
      ASSERT_EQ(logits.size(), 2 * kVocabulary);
      EXPECT_EQ(logits.row(0, kVocabulary)[0], expected(std::vector<uint32_t>(16 * i + 15, 1)));
      EXPECT_EQ(logits.row(1, kVocabulary)[0], expected(std::vector<uint32_t>(16 * i + 16, 1)));
    }
  }
  decoding.join();
  for (const uint32_t width : executor.widths) EXPECT_LE(width, executor.max_tokens_per_pass());
}

TEST(JointPasses, AFailureEndsTheConversationThatHasItAndNoOther) {
  CountingExecutor executor(3);
  JointPasses passes(executor);
  JointPasses::Member good(passes, 0), bad(passes, 1), other(passes, 2);
  std::thread first([&] { EXPECT_TRUE(decode(good, 20, 1)); });
  std::thread second([&] { EXPECT_FALSE(decode(bad, 5, kBad)); });
  EXPECT_TRUE(decode(other, 20, 2));
  first.join();
  second.join();
}

TEST(JointPasses, ACancelledConversationRunsNothingMoreUntilItsNextTurn) {
  CountingExecutor executor(1);
  JointPasses passes(executor);
  JointPasses::Member member(passes, 0);
  const std::vector<uint32_t> ids = {1};
  {
    const JointPasses::Member::Turn turn(member);
    member.cancel();
    EXPECT_THROW(member.run({.tokens = ids}), Cancelled);
  }
  EXPECT_TRUE(executor.widths.empty());
  EXPECT_TRUE(decode(member, 3, 1));
}

TEST(JointPasses, AConversationThatIsIdleIsNotWaitedFor) {
  CountingExecutor executor(2);
  JointPasses passes(executor);
  JointPasses::Member busy(passes, 0), idle(passes, 1);
  EXPECT_TRUE(decode(idle, 1, 1));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(decode(busy, 60, 1));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(60 * 10))
      << "every pass waited its whole while";
}

}  // namespace
}  // namespace brim
