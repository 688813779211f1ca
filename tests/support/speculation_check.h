// Whether speculation gives the tokens of decoding without it. For tests.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/executor.h"
#include "numerics/split_mix.h"
#include "runtime/model_drafter.h"
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
  uint64_t by_model = 0;  // of those accepted
};

// Another choice of options for each of six seeds, so that every stage is among them.
inline SamplerOptions varied_options(uint32_t seed, float temperature) {
  SamplerOptions options{.temperature = temperature, .seed = seed};
  switch (seed % 6) {
    case 1:
      options.top_k = 20;
      options.repeat_penalty = 1.3f;
      options.repeat_last_n = 12;
      break;
    case 2:
      options.top_p = 0.9f;
      options.presence_penalty = 0.5f;
      options.frequency_penalty = 0.25f;
      options.repeat_last_n = -1;
      break;
    case 3:
      options.min_p = 0.05f;
      options.typical = 0.8f;
      break;
    case 4:  // with a grammar
      options.frequency_penalty = 0.5f;
      break;
    case 5:
      options.ignore_eos = true;
      options.top_k = 30;
      options.logit_bias.push({5, 2.0f});
      options.logit_bias.push({7, -INFINITY});
      options.samplers.clear();
      for (const auto stage :
           {SamplerStageName::kTemperature, SamplerStageName::kTopK, SamplerStageName::kPenalties})
        options.samplers.push(stage);
      break;
    default:
      break;
  }
  return options;
}

// For each of `prompts` seeds and each temperature: a prompt, two answers of `tokens`, and the ids and end of
// both with lookup and without it, and, where the executor has a draft model, with that and with both.
// Prompts repeat some of their tokens, so that there is something to look up.
inline SpeculationTotals expect_equal_with_drafts(Executor& executor, uint32_t prompts, uint32_t tokens,
                                                  std::initializer_list<float> temperatures = {0, 0.7f,
                                                                                               1.3f}) {
  const std::vector<uint8_t> blob = build_tokenizer_from_arrays(byte_tokenizer(259));
  Tokenizer tokenizer;
  EXPECT_EQ(tokenizer.attach(blob), "");
  const auto grammar = compile_gbnf("root ::= ([a-h]{1,3} [0-9 ]* | \"(\" root \")\")*");
  const auto vocabulary = std::make_shared<const TokenTrie>(tokenizer);
  SpeculationTotals totals;
  for (uint32_t seed = 0; seed < prompts; ++seed) {
    uint64_t state = seed;
    const auto random = [&](uint64_t below) { return split_mix(state += kSplitMixStep) % below; };
    std::vector<uint32_t> prompt(3 + random(8));
    for (uint32_t& id : prompt) id = static_cast<uint32_t>(3 + random(executor.vocabulary() - 3));
    prompt.insert(prompt.end(), prompt.begin(), prompt.begin() + 3);
    const std::vector<uint32_t> more = {prompt[1], prompt[2]};
    for (const float temperature : temperatures) {
      const SamplerOptions sampling = varied_options(seed, temperature);
      const auto decode = [&](Speculation* with) {
        Session session(executor, tokenizer);
        session.speculate(with);
        HostSampler sampler(sampling, tokenizer);
        if (seed % 6 == 4) sampler.constrain(GrammarState(grammar, vocabulary));
        session.add(prompt);
        Generation result = session.generate(sampler, {.max_tokens = tokens});
        if (result.reason == StopReason::kLimit) {
          session.add(more);
          result = session.generate(sampler, {.max_tokens = tokens});
        }
        return std::pair(std::vector<uint32_t>(session.tokens().begin(), session.tokens().end()),
                         result.reason);
      };
      const auto plain = decode(nullptr);
      struct Drafters {
        bool lookup, model;
      };
      for (const auto [with_lookup, with_model] : {Drafters{true, false}, {false, true}, {true, true}}) {
        if (with_model && executor.draft() == nullptr) continue;
        std::vector<uint32_t> table(1024);
        NgramDrafter lookup(table);
        std::optional<ModelDrafter> model;
        StoppedClock clock;
        Speculation speculation(lookup, clock, {.marginal_cost = 0});
        speculation.enable(0, with_lookup);
        if (with_model) speculation.add(model.emplace(*executor.draft(), executor.vocabulary()));
        EXPECT_EQ(decode(&speculation), plain)
            << "seed " << seed << ", temperature " << temperature << (with_lookup ? ", lookup" : "")
            << (with_model ? ", draft model" : "");
        const SpeculationCounts& counts = speculation.counts();
        totals.tokens += counts.chosen;
        totals.passes += counts.passes;
        totals.drafted += counts.drafted;
        totals.accepted += counts.accepted;
        if (with_model) totals.by_model += speculation.counts_of(1).accepted;
      }
    }
  }
  EXPECT_GT(totals.accepted, 0u) << "no draft was ever right";
  EXPECT_LT(totals.accepted, totals.drafted) << "no draft was ever wrong";
  return totals;
}

}  // namespace brim::test
