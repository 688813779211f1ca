#include "runtime/host_sampler.h"

#include <gtest/gtest.h>

#include "numerics/split_mix.h"
#include "tests/support/byte_tokenizer.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

// With and without looking at the best token first; logits between which grammars often have to decide.
TEST(HostSampler, WithoutTemperatureItTakesTheBestTokenThatTheMaskAllows) {
  const std::vector<uint8_t> blob = build_tokenizer_from_arrays(test::byte_tokenizer(0));
  Tokenizer tokenizer;
  ASSERT_EQ(tokenizer.attach(blob), "");
  const GrammarState fresh(
      compile_json_schema(std::string_view(R"({"type": "array", "items": {"enum": [1, 23, "a\"", null]}})")),
      std::make_shared<const TokenTrie>(tokenizer));
  uint32_t refused = 0, taken = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    HostSampler sampler({.temperature = 0}, tokenizer);
    sampler.constrain(fresh);
    GrammarState state = fresh;
    std::vector<float> logits(tokenizer.vocabulary_size());
    for (uint32_t i = 0; i < 40 && !state.ended(); ++i) {
      const TokenSet allowed = state.mask();
      // Few values, so that many are equal; in some steps all that is allowed is raised.
      const bool raise = split_mix(seed * 1000 + i) % 2 == 0;
      for (uint32_t token = 0; token < logits.size(); ++token) {
        logits[token] = static_cast<float>(split_mix((seed << 32) + i * 1000 + token) % 8);
        if (raise && allowed.contains(token)) logits[token] += 4;
      }
      const uint32_t wanted = argmax(logits, allowed);
      ++(allowed.contains(argmax(logits)) ? taken : refused);
      ASSERT_EQ(sampler.sample(logits), wanted);
      sampler.accept(wanted);
      ASSERT_TRUE(state.accept(wanted));
    }
  }
  EXPECT_GT(refused, 100u);
  EXPECT_GT(taken, 100u);
}

}  // namespace
}  // namespace brim
