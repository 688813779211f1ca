#include "runtime/session.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

#include "base/concat.h"
#include "model/checkpoint_test_util.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/fake_executor.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

using test::FakeExecutor;
using Record = FakeExecutor::PassRecord;
using Ids = std::vector<uint32_t>;

// Token n is followed by token n + 1 with certainty.
void count_up(std::span<const uint32_t> tokens, std::span<float> logits) {
  std::fill(logits.begin(), logits.end(), 0.0f);
  logits[(tokens.back() + 1) % logits.size()] = 10.0f;
}

constexpr uint32_t kVocabulary = 300;

const Tokenizer& tokenizer() {
  static const std::vector<uint8_t> blob = build_tokenizer_from_arrays(test::byte_tokenizer(kVocabulary));
  static const Tokenizer attached = [] {
    Tokenizer result;
    EXPECT_EQ(result.attach(blob), "");
    return result;
  }();
  return attached;
}

void read(Session& session, const Ids& ids) {
  session.add(ids);
  session.logits();
}

TEST(Session, RunsPassesAsWideAsTheExecutorAllowsAndAsksForTheLastLogitsOnly) {
  FakeExecutor executor(kVocabulary, 64, 8, count_up);
  Session session(executor, tokenizer());
  const Ids ids = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28};
  session.add(ids);
  const auto logits = session.logits();
  EXPECT_EQ(executor.passes, (std::vector<Record>{{0, 8, 8}, {8, 8, 8}, {16, 3, 2}}));
  ASSERT_EQ(logits.size(), kVocabulary);
  EXPECT_EQ(argmax(logits), 29u);
  EXPECT_EQ(executor.cache(), ids);
  EXPECT_EQ(session.position(), 19u);
  EXPECT_EQ(session.room(), 45u);
}

TEST(Session, AFullContextLosesNothingAndSaysWhatToDo) {
  FakeExecutor executor(kVocabulary, 8, 4, count_up);
  Session session(executor, tokenizer());
  const Ids ids = {1, 2, 3, 4, 5, 6};
  read(session, ids);
  executor.passes.clear();
  const std::string text = test::error_of([&] { session.add(Ids{7, 8, 9}); });
  EXPECT_EQ(
      text,
      "the context holds 8 tokens: 6 are used, 3 more do not fit; shorten the prompt or pack with a larger "
      "--context");
  EXPECT_TRUE(executor.passes.empty()) << "nothing was run";
  EXPECT_EQ(Ids(session.tokens().begin(), session.tokens().end()), ids);
  read(session, Ids{7, 8});
  EXPECT_EQ(session.room(), 0u);
  EXPECT_THROW(session.add(Ids{9}), Error);
}

TEST(Session, ARewindForgetsWhatCameLater) {
  FakeExecutor executor(kVocabulary, 64, 8, count_up);
  Session session(executor, tokenizer());
  read(session, Ids{1, 2, 3, 4, 5});
  session.rewind(2);
  EXPECT_EQ(session.position(), 2u);
  read(session, Ids{40, 41});
  EXPECT_EQ(executor.cache(), (Ids{1, 2, 40, 41}));
  session.rewind(100);
  EXPECT_EQ(session.position(), 4u) << "there is nothing to forget beyond the end";
}

TEST(Session, ATokenThatTheExecutorRefusesLeavesTheSessionAsItWas) {
  FakeExecutor executor(kVocabulary, 64, 2, count_up);
  Session session(executor, tokenizer());
  read(session, Ids{1, 2, 3});
  EXPECT_THROW(read(session, Ids{4, 5, 6, kVocabulary}), Error);
  EXPECT_EQ(Ids(session.tokens().begin(), session.tokens().end()), (Ids{1, 2, 3}));
  read(session, Ids{9});
  EXPECT_EQ(executor.cache(), (Ids{1, 2, 3, 9}));
}

class Generate : public testing::Test {
 protected:
  Generation run(FakeExecutor& executor, const Ids& prompt, const GenerateOptions& options) {
    Session session(executor, tokenizer());
    HostSampler sampler({}, tokenizer());
    session.add(prompt);
    Generation result = session.generate(sampler, options);
    position_ = session.position();
    return result;
  }

  uint32_t position_ = 0;
};

TEST_F(Generate, StopsAtTheEndTokenAndKeepsItOut) {
  // ... 298, 299, 0, 1, 2: the end token.
  FakeExecutor executor(kVocabulary, 64, 8, count_up);
  ASSERT_TRUE(tokenizer().is_end(2));
  const Generation result = run(executor, {297}, {.max_tokens = 20, .on_token = {}});
  EXPECT_EQ(result.reason, StopReason::kEnd);
  EXPECT_EQ(result.tokens, (Ids{298, 299, 0, 1}));
  EXPECT_EQ(position_, 5u) << "the prompt and all new tokens were run";
}

TEST_F(Generate, StopsAtTheLimit) {
  FakeExecutor executor(kVocabulary, 64, 8, count_up);
  const Generation result = run(executor, {10, 11}, {.max_tokens = 3, .on_token = {}});
  EXPECT_EQ(result.reason, StopReason::kLimit);
  EXPECT_EQ(result.tokens, (Ids{12, 13, 14}));
  EXPECT_EQ(position_, 4u) << "the last token was not run";
  EXPECT_EQ(run(executor, {10}, {.max_tokens = 0, .on_token = {}}).tokens, Ids{});
}

TEST_F(Generate, StopsWhereTheContextIsFullWithEveryTokenGivenOut) {
  FakeExecutor executor(kVocabulary, 6, 4, count_up);
  Ids seen;
  const Generation result = run(executor, {10, 11, 12}, {.max_tokens = 100, .on_token = [&](uint32_t token) {
                                                           seen.push_back(token);
                                                           return true;
                                                         }});
  EXPECT_EQ(result.reason, StopReason::kContextFull);
  EXPECT_EQ(result.tokens, (Ids{13, 14, 15, 16})) << "the full context still predicts one token";
  EXPECT_EQ(seen, result.tokens);
  EXPECT_EQ(position_, 6u);
}

TEST_F(Generate, StopsWhenTheCallerSaysSo) {
  FakeExecutor executor(kVocabulary, 64, 4, count_up);
  const Generation result =
      run(executor, {10}, {.max_tokens = 100, .on_token = [](uint32_t token) { return token != 13; }});
  EXPECT_EQ(result.reason, StopReason::kInterrupted);
  EXPECT_EQ(result.tokens, (Ids{11, 12, 13}));
}

TEST_F(Generate, APromptThatDoesNotFitRunsNothing) {
  FakeExecutor executor(kVocabulary, 4, 4, count_up);
  EXPECT_REFUSED(run(executor, {1, 2, 3, 4, 5}, {}), "the context holds 4 tokens");
  EXPECT_TRUE(executor.passes.empty());
}

}  // namespace
}  // namespace brim
