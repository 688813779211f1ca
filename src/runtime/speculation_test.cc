#include "runtime/speculation.h"

#include <gtest/gtest.h>

#include <functional>
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
constexpr uint32_t kContext = 96;

// Logits that depend on the last two tokens, so that texts fall into circles and out of them.
void wander(std::span<const uint32_t> tokens, std::span<float> logits) {
  uint64_t state = tokens.back() * 1000003u + (tokens.size() > 1 ? tokens[tokens.size() - 2] % 4 : 0);
  for (float& logit : logits) logit = static_cast<float>(split_mix(state += kSplitMixStep) >> 40) * 0x1p-21f;
  logits[test::kByteTokenizerEnd] -= 3;  // an end, but not soon
}

// A pass of n tokens takes 1 + slope (n - 1) seconds.
class FakeClock final : public PassClock {
 public:
  FakeClock(const FakeExecutor& executor, double slope) : executor_(executor), slope_(slope) {}
  double seconds() override {
    for (; seen_ < executor_.passes.size(); ++seen_)
      now_ += 1 + slope_ * (executor_.passes[seen_].tokens - 1);
    return now_;
  }

 private:
  const FakeExecutor& executor_;
  double slope_;
  double now_ = 0;
  size_t seen_ = 0;
};

// Proposes what a function says.
class FakeDrafter final : public Drafter {
 public:
  using Propose = std::function<Ids(std::span<const uint32_t> text, size_t most)>;
  explicit FakeDrafter(Propose propose) : propose_(std::move(propose)) {}
  Draft propose(std::span<const uint32_t> text, std::span<uint32_t> out) override {
    const Ids ids = propose_(text, out.size());
    std::copy(ids.begin(), ids.end(), out.begin());
    return {static_cast<uint32_t>(ids.size()), 0};
  }
  void rewind(uint32_t) override {}
  double first_acceptance(uint32_t) const override { return 0.9; }

 private:
  Propose propose_;
};

class SpeculationTest : public testing::Test {
 protected:
  SpeculationTest() { EXPECT_EQ(tokenizer_.attach(blob_), ""); }

  const std::vector<uint8_t> blob_ = build_tokenizer_from_arrays(test::byte_tokenizer(kVocabulary));
  Tokenizer tokenizer_;
};

struct Outcome {
  Ids tokens;
  StopReason reason;
  Ids text;
  uint32_t position;
  size_t passes;
  bool operator==(const Outcome& other) const {
    return tokens == other.tokens && reason == other.reason && text == other.text &&
           position == other.position;
  }
};

TEST_F(SpeculationTest, GivesTheTextOfDecodingWithoutItSeedBySeed) {
  const auto run = [&](const SamplerOptions& sampling, uint32_t width, Drafter* drafter, uint32_t limit) {
    FakeExecutor executor(kVocabulary, kContext, width, wander);
    FakeClock clock(executor, 0);
    Session session(executor, tokenizer_);
    std::optional<Speculation> speculation;
    if (drafter != nullptr) {
      drafter->rewind(0);
      speculation.emplace(*drafter, clock, SpeculationOptions{.marginal_cost = 0});
      session.speculate(&*speculation);
    }
    HostSampler sampler(sampling, tokenizer_);
    Ids all;
    StopReason reason{};
    // Two answers: the second one begins where the first left the sampler and the text.
    for (const uint32_t token : {50u, 60u}) {
      session.add(Ids{token, token + 1});
      const Generation result = session.generate(sampler, {.max_tokens = limit});
      all.insert(all.end(), result.tokens.begin(), result.tokens.end());
      reason = result.reason;
      if (reason == StopReason::kContextFull) break;
    }
    return Outcome{all,
                   reason,
                   {session.tokens().begin(), session.tokens().end()},
                   session.position(),
                   executor.passes.size()};
  };
  size_t plain_passes = 0, passes = 0;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    for (const SamplerOptions& sampling :
         {SamplerOptions{.seed = seed}, SamplerOptions{.temperature = 0.7f, .seed = seed},
          SamplerOptions{.temperature = 1.3f, .top_k = 5, .seed = seed},
          SamplerOptions{.temperature = 0.4f, .top_p = 0.9f, .min_p = 0.05f, .seed = seed}}) {
      for (const uint32_t limit : {7u, 31u, 200u}) {
        const Outcome expected = run(sampling, 8, nullptr, limit);
        std::vector<uint32_t> table(256);
        NgramDrafter lookup(table);
        // Right now and then, wrong now and then, of all lengths.
        uint64_t state = seed;
        FakeDrafter some([&](std::span<const uint32_t> text, size_t most) {
          Ids ids(split_mix(state += kSplitMixStep) % (most + 1));
          Ids sofar(text.begin(), text.end());
          std::vector<float> logits(kVocabulary);
          for (uint32_t& id : ids) {
            wander(sofar, logits);
            id = split_mix(state += kSplitMixStep) % 4 == 0 ? 77 : argmax(logits);
            sofar.push_back(id);
          }
          return ids;
        });
        for (const uint32_t width : {1u, 2u, 4u, 16u}) {
          for (Drafter* drafter : {static_cast<Drafter*>(&lookup), static_cast<Drafter*>(&some)}) {
            const Outcome drafted = run(sampling, width, drafter, limit);
            ASSERT_EQ(drafted, expected) << "seed " << seed << ", width " << width << ", limit " << limit;
            plain_passes += expected.passes;
            passes += drafted.passes;
          }
        }
      }
    }
  }
  EXPECT_LT(passes, plain_passes) << "drafts were accepted";
}

TEST_F(SpeculationTest, AnInterruptWithinADraftStopsThere) {
  // Token n is followed by token n + 1.
  const auto count_up = [](std::span<const uint32_t> tokens, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    logits[tokens.back() + 1] = 1;
  };
  FakeExecutor executor(kVocabulary, kContext, 8, count_up);
  FakeClock clock(executor, 0);
  FakeDrafter drafter([](std::span<const uint32_t> text, size_t most) {
    Ids ids;
    for (uint32_t i = 1; i <= most; ++i) ids.push_back(text.back() + i);
    return ids;
  });
  Speculation speculation(drafter, clock, {.min_drafts = 1});
  Session session(executor, tokenizer_);
  session.speculate(&speculation);
  HostSampler sampler({}, tokenizer_);
  session.add(Ids{10});
  const Generation result =
      session.generate(sampler, {.on_token = [](uint32_t token) { return token != 14; }});
  EXPECT_EQ(result.reason, StopReason::kInterrupted);
  EXPECT_EQ(result.tokens, (Ids{11, 12, 13, 14}));
  EXPECT_EQ(session.position(), 4u);
  session.add(Ids{100});
  session.logits();
  EXPECT_EQ(executor.cache(), (Ids{10, 11, 12, 13, 14, 100}));
  EXPECT_EQ(speculation.counts().passes, 1u);
  EXPECT_EQ(speculation.counts().chosen, 3u);
  EXPECT_EQ(speculation.counts().accepted, 3u);
}

// Seconds of a text of so many tokens.
double time_of(Drafter* drafter, double slope, double first_slope, const FakeExecutor::Model& model,
               const Tokenizer& tokenizer, uint32_t tokens) {
  FakeExecutor executor(kVocabulary, tokens + 2, 16, model);
  FakeClock clock(executor, slope);
  Session session(executor, tokenizer);
  std::optional<Speculation> speculation;
  if (drafter != nullptr) {
    speculation.emplace(*drafter, clock, SpeculationOptions{.marginal_cost = first_slope});
    session.speculate(&*speculation);
  }
  HostSampler sampler({.temperature = 1, .seed = 3}, tokenizer);
  session.add(Ids{50});
  EXPECT_EQ(session.generate(sampler, {.max_tokens = tokens}).tokens.size(), tokens);
  return clock.seconds();
}

TEST_F(SpeculationTest, CostsAtMostTwoPercentWhereNothingIsPredicted) {
  const auto random = [](std::span<const uint32_t> tokens, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    logits[test::kByteTokenizerEnd] = -100;
    logits[tokens.back()] = 0;
  };
  for (const double slope : {0.0, 0.02, 0.3, 1.0}) {
    for (const double first_slope : {0.0, 0.02, 0.8}) {
      std::vector<uint32_t> table(4096);
      NgramDrafter lookup(table);
      FakeDrafter wrong([](std::span<const uint32_t>, size_t most) { return Ids(most, 0); });
      for (Drafter* drafter : {static_cast<Drafter*>(&lookup), static_cast<Drafter*>(&wrong)}) {
        const double plain = time_of(nullptr, slope, first_slope, random, tokenizer_, 1000);
        const double drafted = time_of(drafter, slope, first_slope, random, tokenizer_, 1000);
        EXPECT_LE(drafted, 1.02 * plain) << slope << ' ' << first_slope;
      }
    }
  }
}

TEST_F(SpeculationTest, DraftsDeepWherePassesCostTheSameAndTheTextRepeatsItself) {
  const auto circle = [](std::span<const uint32_t> tokens, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), -100.0f);
    logits[100 + (tokens.back() + 1) % 50] = 0;
  };
  std::vector<uint32_t> table(4096);
  NgramDrafter lookup(table);
  EXPECT_LT(time_of(&lookup, 0.01, 0.02, circle, tokenizer_, 1000), 1000 / 6.0);
  // Where a token more costs half a pass, and that has to be found out.
  lookup.rewind(0);
  EXPECT_LT(time_of(&lookup, 0.5, 0.8, circle, tokenizer_, 1000), 1000 / 1.25);
}

}  // namespace
}  // namespace brim
