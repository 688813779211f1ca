// GBNF: what is a text of a grammar, and which grammars are refused with which line.
#include <chrono>
#include <functional>
#include <regex>

#include "base/concat.h"
#include "grammar/test_grammars.h"
#include "numerics/split_mix.h"

namespace brim::test {
namespace {

void expect_texts(std::string_view grammar, const std::vector<std::string>& in,
                  const std::vector<std::string>& out) {
  const GrammarState state = gbnf(grammar);
  for (const std::string& text : in) EXPECT_TRUE(accepts(state, text)) << grammar << "\ntakes " << text;
  for (const std::string& text : out)
    EXPECT_FALSE(accepts(state, text)) << grammar << "\ndoes not take " << text;
}

TEST(Gbnf, LiteralsAndTheirEscapes) {
  expect_texts(R"g(root ::= "ab" "c")g", {"abc"}, {"", "ab", "abcd", "abC"});
  expect_texts(R"g(root ::= "\n\t\r\"\\\x41\u00e9\U0001F600")g", {"\n\t\r\"\\A\xC3\xA9\xF0\x9F\x98\x80"},
               {"n"});
  expect_texts("root ::= \"é\"", {"\xC3\xA9"}, {"\xC3", "e"});
  expect_texts(R"g(root ::= "")g", {""}, {"a"});
}

TEST(Gbnf, SetsOfCharactersInUtf8) {
  expect_texts("root ::= [a-cX-]", {"a", "b", "c", "X", "-"}, {"d", "", "aa"});
  expect_texts("root ::= [^a-c]", {"d", "\n", "é", "\xF0\x9F\x98\x80"},
               {"a", "b", "", "\xC3", "\xFF", "\xED\xA0\x80"});
  expect_texts("root ::= [а-я]+", {"привет"}, {"Привет", "\xD0"});
  expect_texts(R"g(root ::= [\]\[\\\-])g", {"]", "[", "\\", "-"}, {"a"});
  expect_texts("root ::= .", {"a", "\n", "\xE2\x82\xAC"}, {"", "ab", "\x80", "\xC0\x80", "\xF5\x80\x80\x80"});
}

// All code points of sets with random bounds, encoded independently.
TEST(Gbnf, EverySetTakesExactlyItsCodePoints) {
  const auto utf8 = [](uint32_t code) {
    std::string text;
    const auto add = [&](uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) {
      add(code);
    } else if (code < 0x800) {
      add(0xC0 + code / 64);
      add(0x80 + code % 64);
    } else if (code < 0x10000) {
      add(0xE0 + code / 4096);
      add(0x80 + code / 64 % 64);
      add(0x80 + code % 64);
    } else {
      add(0xF0 + code / 262144);
      add(0x80 + code / 4096 % 64);
      add(0x80 + code / 64 % 64);
      add(0x80 + code % 64);
    }
    return text;
  };
  uint64_t seed = 1;
  const auto random = [&](uint32_t below) {
    return static_cast<uint32_t>(split_mix(seed += kSplitMixStep) % below);
  };
  constexpr uint32_t kEdges[] = {0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
  for (int round = 0; round < 40; ++round) {
    const auto any = [&] { return random(2) == 0 ? kEdges[random(10)] : random(0x110000); };
    uint32_t first = any(), last = any();
    if (first > last) std::swap(first, last);
    const auto is_surrogate = [](uint32_t code) { return code >= 0xD800 && code < 0xE000; };
    if (is_surrogate(first) || is_surrogate(last)) continue;
    char text[64];
    std::snprintf(text, sizeof text, "root ::= [\\U%08X-\\U%08X]", first, last);
    const GrammarState state = gbnf(text);
    std::vector<uint32_t> codes = {
        first, last, first + 1, last > 0 ? last - 1 : 0, first > 0 ? first - 1 : 0, last + 1};
    for (int i = 0; i < 50; ++i) codes.push_back(random(0x110000));
    for (const uint32_t edge : kEdges) codes.push_back(edge);
    for (const uint32_t code : codes) {
      if (code > 0x10FFFF || is_surrogate(code)) continue;
      EXPECT_EQ(accepts(state, utf8(code)), code >= first && code <= last) << text << ' ' << code;
    }
  }
}

TEST(Gbnf, AlternativesGroupsAndRepetitions) {
  expect_texts(R"g(root ::= "a" | "b" "c" | )g", {"a", "bc", ""}, {"b", "ac"});
  expect_texts(R"g(root ::= ("a" | "b")* "c")g", {"c", "abbac"}, {"ab", "cc"});
  expect_texts(R"g(root ::= "ab"+)g", {"ab", "abab"}, {"", "aba", "abb"});
  expect_texts(R"g(root ::= "a"? "b")g", {"b", "ab"}, {"aab"});
  expect_texts(R"g(root ::= "a"{2})g", {"aa"}, {"a", "aaa"});
  expect_texts(R"g(root ::= "a"{2,})g", {"aa", "aaaaaa"}, {"a"});
  expect_texts(R"g(root ::= "a"{ 1 , 3 })g", {"a", "aa", "aaa"}, {"", "aaaa"});
  expect_texts(R"g(root ::= "a"{,2})g", {"", "a", "aa"}, {"aaa"});
  expect_texts(R"g(root ::= "a"{0})g", {""}, {"a"});
  expect_texts(R"g(root ::= ("a"* "b"*)* "c")g", {"c", "aabbac"}, {"ca"});
  expect_texts(R"g(root ::= ("a"?){3} "b")g", {"b", "aaab"}, {"aaaab"});
}

TEST(Gbnf, RulesCommentsAndLines) {
  expect_texts("# first\nitem ::= [0-9]+ # digits\n\nroot ::= item (\",\"\n  item)* # no end of line here",
               {"1", "1,22"}, {"", "1,"});
  expect_texts("root ::=\n  \"a\" |\n  \"b\"\n  | rule-2\nrule-2 ::= \"c\"", {"a", "b", "c"}, {"d"});
  expect_texts("root ::= \"a\"\r\n# end\r\n", {"a"}, {"b"});
}

TEST(Gbnf, RecursionToAnyUsefulDepth) {
  const GrammarState state = gbnf(R"g(root ::= "(" root ")" | "x")g");
  EXPECT_TRUE(accepts(state, std::string(900, '(') + "x" + std::string(900, ')')));
  EXPECT_FALSE(accepts(state, std::string(900, '(') + "x" + std::string(899, ')')));
  EXPECT_FALSE(accepts(state, std::string(2000, '('))) << "bounded, not crashed";
  const GrammarState right = gbnf(R"g(root ::= "a" root | "b")g");
  EXPECT_TRUE(accepts(right, std::string(100000, 'a') + "b")) << "a call at the end of a rule costs no depth";
}

// Regular expressions of the standard library as the oracle.
TEST(Gbnf, RandomRegularGrammarsTakeWhatTheirRegularExpressionsMatch) {
  uint64_t seed = 7;
  const auto random = [&](uint64_t below) { return split_mix(seed += kSplitMixStep) % below; };
  const std::function<std::pair<std::string, std::string>(int)> make = [&](int depth) {
    using Pair = std::pair<std::string, std::string>;
    if (depth == 0 || random(4) == 0) {
      const std::string letter(1, static_cast<char>('a' + random(2)));
      return random(4) == 0 ? Pair{"[ab]", "[ab]"} : Pair{concat('"', letter, '"'), letter};
    }
    const Pair x = make(depth - 1), y = make(depth - 1);
    switch (random(6)) {
      case 0:
        return Pair{concat("(", x.first, " | ", y.first, ")"), concat("(?:", x.second, "|", y.second, ")")};
      case 1:
        return Pair{concat("(", x.first, ")*"), concat("(?:", x.second, ")*")};
      case 2:
        return Pair{concat("(", x.first, ")?"), concat("(?:", x.second, ")?")};
      case 3:
        return Pair{concat("(", x.first, "){1,2}"), concat("(?:", x.second, "){1,2}")};
      default:
        return Pair{x.first + " " + y.first, x.second + y.second};
    }
  };
  int taken = 0;
  for (int round = 0; round < 100; ++round) {
    const auto [grammar, expression] = make(4);
    const GrammarState state = gbnf(concat("root ::= ", grammar));
    const std::regex regex(expression);
    for (uint32_t text = 1; text < 256; ++text) {  // all texts of up to seven letters
      std::string letters;
      for (uint32_t bits = text; bits > 1; bits >>= 1) letters += static_cast<char>('a' + (bits & 1));
      const bool expected = std::regex_match(letters, regex);
      taken += expected ? 1 : 0;
      ASSERT_EQ(accepts(state, letters), expected) << grammar << ' ' << letters;
    }
  }
  EXPECT_GT(taken, 500);
}

TEST(Gbnf, WhatIsWrongIsSaidWithItsPlace) {
  const auto expect_error = [](std::string_view grammar, std::string_view part) {
    EXPECT_NE(gbnf_error(grammar).find(part), std::string::npos) << grammar << "\n" << gbnf_error(grammar);
  };
  expect_error("", "there is no rule 'root'");
  expect_error("a ::= \"x\"", "there is no rule 'root'");
  expect_error("root ::= \"x\"\nroot ::= \"y\"", "line 2, column 1: rule 'root' is defined twice");
  expect_error("root ::= \"x\" missing", "line 1, column 14: rule 'missing' is not defined");
  expect_error("root = \"x\"", "line 1, column 6: behind the name 'root' should be ::=");
  expect_error("root ::= \"x", "line 1, column 10: this text has no closing");
  expect_error("root ::= [x", "no closing ]");
  expect_error("root ::= [b-a]", "runs backwards");
  expect_error("root ::= \"\\q\"", "there is no such escape");
  expect_error("root ::= \"\\x4\"", "needs 2 hexadecimal digits");
  expect_error("root ::= \"\\ud800\"", "there is no such character");
  expect_error("root ::= (\"x\"", "here should be )");
  expect_error("root ::= \"x\")", "here should be the end of the line");
  expect_error("root ::= \"x\"{2,1}", "fewer than the least");
  expect_error("root ::= \"x\"{}", "here should be {m}");
  expect_error("root ::= \"x\"{99999999999}", "repetitions");
  expect_error("root ::= \"\xFF\"", "no valid UTF-8");
  expect_error("root ::= <think>", "tokens in a grammar");
  expect_error(concat("root ::= ", std::string(1000, '(')), "parentheses within one another");
}

TEST(Gbnf, LeftRecursionAndRulesWithoutEndAreRefusedByName) {
  EXPECT_NE(gbnf_error("root ::= root \"a\" | \"b\"").find("left recursion: root -> root"),
            std::string::npos);
  EXPECT_NE(gbnf_error("root ::= one\none ::= two \"x\"\ntwo ::= \"\" one | \"y\"").find("one -> two -> one"),
            std::string::npos);
  EXPECT_NE(gbnf_error("root ::= empty root \"a\" | \"b\"\nempty ::= \" \"*").find("root -> root"),
            std::string::npos)
      << "hidden behind what may be empty";
  EXPECT_EQ(gbnf_error("root ::= \"a\" root | \"b\""), "");
  EXPECT_NE(gbnf_error("root ::= \"a\" root").find("rule 'root': no text ends it"), std::string::npos);
  EXPECT_NE(gbnf_error("root ::= \"a\" | trap\ntrap ::= \"b\" trap").find("rule 'trap'"), std::string::npos);
}

TEST(Gbnf, HostileGrammarsAreRefusedOrFollowedInBoundedTime) {
  const auto start = std::chrono::steady_clock::now();
  std::string nested = "\"a\"";
  for (int i = 0; i < 60; ++i) nested = concat("(", nested, ")+");
  EXPECT_TRUE(accepts(gbnf(concat("root ::= ", nested)), std::string(1000, 'a')));
  std::string powers = "\"a\"";
  for (int i = 0; i < 20; ++i) powers = concat("(", powers, "){10}");
  EXPECT_NE(gbnf_error(concat("root ::= ", powers)).find("too large"), std::string::npos);
  EXPECT_NE(gbnf_error("root ::= (\"a\"?){90000}").find("too large"), std::string::npos);
  std::string deep = "\"a\"";
  for (int i = 0; i < 200; ++i) deep = concat("(", deep, ")", std::string(200, '?'));
  EXPECT_NE(gbnf_error(concat("root ::= ", deep)).find("nests too deep"), std::string::npos);
  // 2^n ways to read a text, of as many different stacks.
  const GrammarState many = gbnf("root ::= \"a\" root \"b\" | \"a\" root | \"a\" root \"c\" | \"x\"");
  EXPECT_TRUE(accepts(many, std::string(100, 'a') + "x" + std::string(50, 'b')));
  EXPECT_FALSE(accepts(many, std::string(10, 'a') + "x" + std::string(11, 'b')));
  const GrammarState ambiguous = gbnf("root ::= s\ns ::= \"a\" | \"a\" s s | \"a\" s s s");
  EXPECT_TRUE(accepts(ambiguous, std::string(60, 'a')));
  std::string rules = "root ::= r0\n";
  for (int i = 0; i < 300; ++i) rules += concat("r", i, " ::= \"a\"? r", i + 1, " | \"b\"\n");
  rules += "r300 ::= \"c\"\n";
  EXPECT_TRUE(accepts(gbnf(rules), std::string(300, 'a') + "c"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace brim::test
