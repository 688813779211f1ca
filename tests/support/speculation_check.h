// Whether speculation gives the tokens of decoding without it. For tests.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "engine/executor.h"
#include "numerics/split_mix.h"
#include "runtime/ngram_drafter.h"
#include "runtime/session.h"
#include "tests/support/byte_tokenizer.h"
#include "tokenizer/build.h"

namespace brim::test {

// All passes take no time: then drafts are as long as they can be.
class StoppedClock final : public PassClock {
 public:
  double seconds() override { return 0; }
};

struct SpeculationTotals {
  uint64_t tokens = 0, passes = 0, drafted = 0, accepted = 0;
};

// For each of `prompts` seeds and each temperature: a prompt, two answers of `tokens`, and the ids and end of
// both with lookup and without it. Prompts repeat some of their tokens, so that there is something to look
// up.
inline SpeculationTotals expect_equal_with_drafts(Executor& executor, uint32_t prompts, uint32_t tokens) {
  const std::vector<uint8_t> blob = build_tokenizer_from_arrays(byte_tokenizer(259));
  Tokenizer tokenizer;
  EXPECT_EQ(tokenizer.attach(blob), "");
  SpeculationTotals totals;
  for (uint32_t seed = 0; seed < prompts; ++seed) {
    uint64_t state = seed;
    const auto random = [&](uint64_t below) { return split_mix(state += kSplitMixStep) % below; };
    std::vector<uint32_t> prompt(3 + random(8));
    for (uint32_t& id : prompt) id = static_cast<uint32_t>(3 + random(executor.vocabulary() - 3));
    prompt.insert(prompt.end(), prompt.begin(), prompt.begin() + 3);
    const std::vector<uint32_t> more = {prompt[1], prompt[2]};
    for (const float temperature : {0.0f, 0.7f, 1.3f}) {
      SamplerOptions sampling{.temperature = temperature, .seed = seed};
      if (seed % 4 == 1) sampling.top_k = 20;
      if (seed % 4 == 2) sampling.top_p = 0.9f;
      if (seed % 4 == 3) sampling.min_p = 0.05f;
      std::vector<std::vector<uint32_t>> texts;
      std::vector<StopReason> reasons;
      std::vector<uint32_t> table(1024);
      NgramDrafter lookup(table);
      StoppedClock clock;
      Speculation speculation(lookup, clock, {.marginal_cost = 0});
      for (Speculation* with : {static_cast<Speculation*>(nullptr), &speculation}) {
        Session session(executor, tokenizer);
        session.speculate(with);
        HostSampler sampler(sampling);
        session.add(prompt);
        Generation result = session.generate(sampler, {.max_tokens = tokens});
        if (result.reason == StopReason::kLimit) {
          session.add(more);
          result = session.generate(sampler, {.max_tokens = tokens});
        }
        texts.emplace_back(session.tokens().begin(), session.tokens().end());
        reasons.push_back(result.reason);
      }
      EXPECT_EQ(texts[1], texts[0]) << "seed " << seed << ", temperature " << temperature;
      EXPECT_EQ(reasons[1], reasons[0]) << "seed " << seed << ", temperature " << temperature;
      const SpeculationCounts& counts = speculation.counts();
      totals.tokens += counts.chosen;
      totals.passes += counts.passes;
      totals.drafted += counts.drafted;
      totals.accepted += counts.accepted;
    }
  }
  EXPECT_GT(totals.accepted, 0u) << "no draft was ever right";
  EXPECT_LT(totals.accepted, totals.drafted) << "no draft was ever wrong";
  return totals;
}

}  // namespace brim::test
