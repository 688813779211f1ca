#include "runtime/model_drafter.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "numerics/split_mix.h"
#include "runtime/ngram_drafter.h"
#include "runtime/session.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/fake_executor.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

using test::FakeExecutor;
using Ids = std::vector<uint32_t>;

constexpr uint32_t kVocabulary = 260;
constexpr uint32_t kContext = 64;

// The likeliest token is a hash of all tokens before.
uint32_t likeliest(std::span<const uint32_t> tokens) {
  uint64_t state = 1;
  for (const uint32_t token : tokens) state = split_mix(state + token);
  return static_cast<uint32_t>(3 + state % (kVocabulary - 3));
}

void model(std::span<const uint32_t> tokens, std::span<float> logits) {
  std::fill(logits.begin(), logits.end(), 0.0f);
  logits[likeliest(tokens)] = 10;
}

// What the model goes on with.
Ids continued(Ids text, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) text.push_back(likeliest(text));
  return {text.end() - count, text.end()};
}

Ids proposed(ModelDrafter& drafter, const Ids& text, uint32_t count) {
  Ids out(count);
  out.resize(drafter.propose(text, out).count);
  return out;
}

TEST(ModelDrafter, ProposesWhatTheModelTakesForLikeliest) {
  FakeExecutor executor(kVocabulary, kContext, 8, model);
  ModelDrafter drafter(executor, kVocabulary);
  Ids text(21, 7);
  EXPECT_EQ(drafter.unread(text), 20u);
  EXPECT_EQ(proposed(drafter, text, 4), continued(text, 4));
  EXPECT_EQ(drafter.unread(text), 0u);
}

TEST(ModelDrafter, ReadsOnlyWhatItHasNotDraftedItself) {
  FakeExecutor executor(kVocabulary, kContext, 8, model);
  ModelDrafter drafter(executor, kVocabulary);
  Ids text = {5, 6};
  const Ids first = proposed(drafter, text, 3);
  // All three are chosen, and one more: the third has not been run, nor the one behind it.
  text.insert(text.end(), first.begin(), first.end());
  text.push_back(9);
  executor.passes.clear();
  EXPECT_EQ(proposed(drafter, text, 2), continued(text, 2));
  EXPECT_EQ(executor.passes, (std::vector<FakeExecutor::PassRecord>{{4, 2, 1}, {6, 1, 0}}));
  // Another one is chosen at once.
  text.push_back(10);
  executor.passes.clear();
  EXPECT_EQ(proposed(drafter, text, 1), continued(text, 1));
  EXPECT_EQ(executor.passes, (std::vector<FakeExecutor::PassRecord>{{6, 1, 0}}));
}

TEST(ModelDrafter, ReadsNothingOfWhatWasBakedUntilItRunsSomethingElseThere) {
  FakeExecutor executor(kVocabulary, kContext, 8, model);
  Ids text(20, 7);
  ModelDrafter earlier(executor, kVocabulary);
  proposed(earlier, text, 1);
  ModelDrafter drafter(executor, kVocabulary);
  drafter.know(text);
  Ids longer = text;
  longer.insert(longer.end(), {8, 9});
  EXPECT_EQ(drafter.unread(longer), 1u);
  executor.passes.clear();
  EXPECT_EQ(proposed(drafter, longer, 1), continued(longer, 1));
  EXPECT_EQ(executor.passes, (std::vector<FakeExecutor::PassRecord>{{20, 2, 1}}));
  // A text that begins anew starts behind it again, ...
  drafter.rewind(0);
  longer.back() = 10;
  EXPECT_EQ(drafter.unread(longer), 1u);
  // ... until another one has been run over it.
  drafter.rewind(0);
  const Ids other(15, 6);
  EXPECT_EQ(proposed(drafter, other, 1), continued(other, 1));
  drafter.rewind(0);
  EXPECT_EQ(drafter.unread(longer), 21u);
}

// Texts grow by what was drafted, in part or not at all, by other tokens, and are cut.
TEST(ModelDrafter, ForgetsWhatIsNoPartOfTheTextAnyMore) {
  FakeExecutor executor(kVocabulary, kContext, 8, model);
  ModelDrafter drafter(executor, kVocabulary);
  Ids text = {5};
  uint64_t state = 1;
  const auto random = [&](uint32_t below) {
    return static_cast<uint32_t>(split_mix(state += kSplitMixStep) % below);
  };
  for (uint32_t round = 0; round < 300; ++round) {
    const uint32_t count = 1 + random(6);
    const Ids drafts = proposed(drafter, text, count);
    ASSERT_EQ(drafts, continued(text, count)) << "round " << round;
    text.insert(text.end(), drafts.begin(), drafts.begin() + random(count + 1));
    for (uint32_t more = random(3); more > 0; --more) text.push_back(3 + random(5));
    if (text.size() > 40 || random(4) == 0) {
      const uint32_t kept = 1 + random(static_cast<uint32_t>(text.size()));
      text.resize(kept);
      drafter.rewind(kept);
    }
  }
}

TEST(ModelDrafter, ProposesNothingBeyondTheContextOfTheModel) {
  FakeExecutor executor(kVocabulary, kContext, 8, model);
  ModelDrafter drafter(executor, kVocabulary);
  Ids text(kContext - 2, 7);
  EXPECT_EQ(proposed(drafter, text, 8), continued(text, 3));
  text.resize(kContext, 7);
  EXPECT_EQ(proposed(drafter, text, 8), continued(text, 1));
  text.resize(kContext + 1, 7);
  EXPECT_EQ(proposed(drafter, text, 8), Ids());
}

TEST(ModelDrafter, ATokenThatOneOfTheModelsLacksIsNoHindrance) {
  const auto last = [](std::span<const uint32_t>, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    logits.back() = 1;
    logits[50] = 0.5f;
  };
  FakeExecutor executor(100, kContext, 8, last);
  ModelDrafter larger(executor, 90);
  EXPECT_EQ(proposed(larger, {5}, 2), (Ids{50, 50}));
  FakeExecutor smaller_executor(100, kContext, 8, last);
  ModelDrafter smaller(smaller_executor, 200);
  EXPECT_EQ(proposed(smaller, {150, 5}, 2), (Ids{99, 99}));
}

// A pass of n tokens of the model takes 1 + slope (n - 1) seconds, one of the draft model a share of that.
class TwoClocks final : public PassClock {
 public:
  TwoClocks(const FakeExecutor& main, const FakeExecutor& draft, double slope, double share)
      : main_(main), draft_(draft), slope_(slope), share_(share) {}
  double seconds() override { return time(main_) + share_ * time(draft_); }

 private:
  double time(const FakeExecutor& executor) const {
    double seconds = 0;
    for (const auto& pass : executor.passes) seconds += 1 + slope_ * (pass.tokens - 1);
    return seconds;
  }

  const FakeExecutor& main_;
  const FakeExecutor& draft_;
  double slope_, share_;
};

class WithDraftModel : public testing::Test {
 protected:
  WithDraftModel() { EXPECT_EQ(tokenizer_.attach(blob_), ""); }

  struct Result {
    Ids text;
    double seconds = 0;
    uint64_t by_lookup = 0, by_model = 0;
  };

  // A text of so many tokens; of the draft model `draft`, or none, whose passes take `share` of the model's.
  Result text_of(const FakeExecutor::Model& main, const FakeExecutor::Model& draft, double slope,
                 double share, uint32_t tokens, float temperature) {
    FakeExecutor executor(kVocabulary, tokens + 2, 16, main);
    FakeExecutor drafting(kVocabulary, tokens + 2, 16, draft);
    TwoClocks clock(executor, drafting, slope, share);
    std::vector<uint32_t> table(4096);
    NgramDrafter lookup(table);
    ModelDrafter model_drafter(drafting, kVocabulary);
    Speculation speculation(lookup, clock, {.marginal_cost = 0.02});
    speculation.add(model_drafter);
    Session session(executor, tokenizer_);
    if (draft) session.speculate(&speculation);
    HostSampler sampler({.temperature = temperature, .seed = 3}, tokenizer_);
    session.add(Ids{50});
    const Generation result = session.generate(sampler, {.max_tokens = tokens});
    EXPECT_EQ(result.tokens.size(), tokens);
    return {result.tokens, clock.seconds(), speculation.counts_of(0).accepted,
            speculation.counts_of(1).accepted};
  }

  const std::vector<uint8_t> blob_ = build_tokenizer_from_arrays(test::byte_tokenizer(kVocabulary));
  Tokenizer tokenizer_;
};

void without_end(std::span<const uint32_t> tokens, std::span<float> logits) {
  model(tokens, logits);
  logits[test::kByteTokenizerEnd] = -100;
}

TEST_F(WithDraftModel, GivesTheSameTextInLessTimeWhereTheDraftModelIsRight) {
  const Result plain = text_of(without_end, {}, 0.02, 0.05, 300, 0);
  const Result drafted = text_of(without_end, without_end, 0.02, 0.05, 300, 0);
  EXPECT_EQ(drafted.text, plain.text);
  EXPECT_GT(drafted.by_model, 200u);
  EXPECT_LT(drafted.seconds, plain.seconds / 3);
}

TEST_F(WithDraftModel, CostsAtMostTwoPercentWhereItIsNeverRight) {
  const auto uniform = [](std::span<const uint32_t>, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    logits[test::kByteTokenizerEnd] = -100;
  };
  for (const double slope : {0.0, 0.02, 0.5}) {
    for (const double share : {0.01, 0.1, 0.5}) {
      const Result plain = text_of(uniform, {}, slope, share, 1000, 1);
      const Result drafted = text_of(uniform, without_end, slope, share, 1000, 1);
      EXPECT_EQ(drafted.text, plain.text);
      EXPECT_LE(drafted.seconds, 1.02 * plain.seconds) << slope << ' ' << share;
    }
  }
}

TEST_F(WithDraftModel, IsNotAskedWhereWhatFollowsStandsInTheText) {
  // A circle of 20 tokens, which lookup knows after its first round.
  const auto circle = [](std::span<const uint32_t> tokens, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    logits[100 + (tokens.back() + 1) % 20] = 10;
  };
  const Result drafted = text_of(circle, circle, 0.02, 0.1, 300, 0);
  EXPECT_GT(drafted.by_lookup, 200u);
  EXPECT_LT(drafted.by_model, 50u);
}

}  // namespace
}  // namespace brim
