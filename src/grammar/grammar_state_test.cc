// Masks against token by token trial, ends, rewinds, copies.
#include "grammar/grammar_state.h"

#include <thread>

#include "grammar/test_grammars.h"
#include "numerics/split_mix.h"

namespace brim::test {
namespace {

constexpr const char* kGrammars[] = {
    "root ::= [^\\n]*",
    "root ::= \"the \" (\"king\" | \"kings and queens\" | [a-z]+ \" \")* \".\"",
    "root ::= \"(\" root* \")\" | [a-e ]+ (\"\\n\" root)?",
    "root ::= .{3,9} | \"\\xe9\"+",
};
constexpr const char* kSchemas[] = {
    "{}",
    R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":3,"maximum":120},"tags":{"type":"array","items":{"type":"string","maxLength":4}}},"required":["name"]})",
    R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"value":{"type":"number"},"children":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["value","children"]}}})",
};

std::vector<uint32_t> members(std::span<const uint64_t> mask) {
  std::vector<uint32_t> tokens;
  for (uint32_t word = 0; word < mask.size(); ++word) {
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1)
      tokens.push_back(word * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
  }
  return tokens;
}

std::vector<std::shared_ptr<const Grammar>> grammars() {
  std::vector<std::shared_ptr<const Grammar>> result;
  for (const char* text : kGrammars) result.push_back(compile_gbnf(text));
  for (const char* text : kSchemas) result.push_back(compile_json_schema(std::string_view(text)));
  return result;
}

bool goes_on(const GrammarState& state, uint32_t token) { return GrammarState(state).accept(token); }

TEST(GrammarState, AMaskHasExactlyTheTokensThatAreAllowed) {
  const auto vocabulary = demo_vocabulary();
  uint64_t seed = 3;
  const auto random = [&](uint64_t below) { return split_mix(seed += kSplitMixStep) % below; };
  for (const auto& grammar : grammars()) {
    for (int walk = 0; walk < 3; ++walk) {
      GrammarState state(grammar, vocabulary);
      for (int step = 0; step < 12 && !state.ended(); ++step) {
        const std::vector<uint32_t> allowed = members(state.mask());
        ASSERT_FALSE(allowed.empty());
        size_t next = 0;
        for (uint32_t token = 0; token < vocabulary->vocabulary(); ++token) {
          const bool in_mask = next < allowed.size() && allowed[next] == token;
          next += in_mask ? 1 : 0;
          ASSERT_EQ(goes_on(state, token), in_mask) << "'" << vocabulary->text(token) << "' at step " << step;
        }
        // The end only where it may be.
        for (const uint32_t end : vocabulary->ends()) ASSERT_EQ(goes_on(state, end), state.can_end());
        ASSERT_TRUE(state.accept(allowed[random(allowed.size())]));
      }
    }
  }
}

TEST(GrammarState, WhatIsNotAllowedChangesNothing) {
  GrammarState state = gbnf("root ::= \"ab\"");
  EXPECT_FALSE(state.accept('b'));
  EXPECT_FALSE(state.accept(kByteEnd));
  EXPECT_FALSE(state.accept(100000));
  EXPECT_EQ(state.tokens(), 0u);
  EXPECT_TRUE(state.accept('a'));
  EXPECT_FALSE(state.can_end());
  EXPECT_TRUE(state.accept('b'));
  EXPECT_TRUE(state.can_end());
  EXPECT_TRUE(state.accept(kByteEnd));
  EXPECT_TRUE(state.ended());
  EXPECT_TRUE(members(state.mask()).empty()) << "nothing follows the end";
  EXPECT_FALSE(state.accept(kByteEnd));
}

TEST(GrammarState, RewindsToWhatItWas) {
  const auto vocabulary = demo_vocabulary();
  uint64_t seed = 9;
  const auto random = [&](uint64_t below) { return split_mix(seed += kSplitMixStep) % below; };
  for (const auto& grammar : grammars()) {
    GrammarState state(grammar, vocabulary);
    std::vector<std::vector<uint32_t>> masks;
    for (int step = 0; step < 200; ++step) {
      if (masks.size() == state.tokens()) masks.push_back(members(state.mask()));
      ASSERT_EQ(members(state.mask()), masks[state.tokens()]);
      if (random(4) == 0 || state.ended()) {
        state.rewind(random(state.tokens() + 1));
        masks.resize(state.tokens() + 1);
      } else {
        const auto& allowed = masks[state.tokens()];
        ASSERT_TRUE(state.accept(allowed[random(allowed.size())]));
      }
    }
    state.rewind(100000);
    state.rewind(0);
    EXPECT_EQ(members(state.mask()), masks[0]);
  }
}

TEST(GrammarState, CopiesGoTheirOwnWaysAlsoInThreads) {
  const GrammarState fresh(compile_json_schema(std::string_view("{}")), demo_vocabulary());
  std::vector<std::thread> threads;
  std::vector<std::string> texts(4);
  for (uint32_t thread = 0; thread < texts.size(); ++thread) {
    threads.emplace_back([&, thread] {
      GrammarState state = fresh;
      uint64_t seed = thread % 2;
      for (int step = 0; step < 60 && !state.ended(); ++step) {
        const auto allowed = members(state.mask());
        const uint32_t token = allowed[split_mix(seed += kSplitMixStep) % allowed.size()];
        EXPECT_TRUE(state.accept(token));
        texts[thread] += demo_vocabulary()->text(token);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(texts[0], texts[2]);
  EXPECT_EQ(texts[1], texts[3]);
  EXPECT_EQ(fresh.tokens(), 0u);
}

TEST(GrammarState, AVocabularyThatCannotGoOnAllowsNothing) {
  const auto vocabulary =
      std::make_shared<const TokenTrie>(std::vector<std::string>{"a", "b", ""}, std::vector<uint32_t>{2});
  GrammarState state(compile_gbnf("root ::= \"ac\""), vocabulary);
  EXPECT_EQ(members(state.mask()), (std::vector<uint32_t>{0}));
  EXPECT_TRUE(state.accept(0));
  EXPECT_TRUE(members(state.mask()).empty());
}

TEST(GrammarState, ATokenMayCrossAnyNumberOfRules) {
  const auto vocabulary = std::make_shared<const TokenTrie>(
      std::vector<std::string>{R"("})", R"(","b":)", R"({"a":"x","b":1})", "\"", "x", R"(x"}})", ""},
      std::vector<uint32_t>{6});
  GrammarState state(compile_json_schema(std::string_view(
                         R"({"properties":{"a":{"type":"string"},"b":{"type":"integer"}}})")),
                     vocabulary);
  EXPECT_EQ(members(state.mask()), (std::vector<uint32_t>{2}));
  GrammarState inside = state;
  EXPECT_TRUE(inside.accept(2));
  EXPECT_EQ(members(inside.mask()), (std::vector<uint32_t>{6}));
}

TEST(TokenTrie, HoldsEveryTokenOnce) {
  const auto vocabulary = demo_vocabulary();
  std::vector<uint32_t> seen;
  for (uint32_t node = 0; node < vocabulary->nodes().size(); ++node) {
    for (const uint32_t token : vocabulary->tokens_at(node)) {
      seen.push_back(token);
      EXPECT_EQ(vocabulary->text(token).size(), vocabulary->nodes()[node].depth);
      EXPECT_EQ(static_cast<uint8_t>(vocabulary->text(token).back()), vocabulary->nodes()[node].byte);
    }
  }
  std::sort(seen.begin(), seen.end());
  std::vector<uint32_t> with_text;
  for (uint32_t token = 0; token < vocabulary->vocabulary(); ++token) {
    if (!vocabulary->text(token).empty()) with_text.push_back(token);
  }
  EXPECT_EQ(seen, with_text);
  EXPECT_GT(seen.size(), 256u);
}

}  // namespace
}  // namespace brim::test
