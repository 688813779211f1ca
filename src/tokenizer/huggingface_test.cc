// tokenizer.json and GGUF arrays: the ids of the published tokenizers, and refusals by name.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tests/support/temporary_folder.h"
#include "tokenizer/build.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"
#include "tokenizer/test_texts.h"

namespace brim {
namespace {

using Json = nlohmann::json;
using test::TestTokenizer;

// testdata/byte_level.json, which scripts/generate_tokenizer_golden.js makes.
const Json& golden() {
  static const Json json = Json::parse(
      test::read_text(std::filesystem::path(BRIM_SOURCE_DIR) / "src/tokenizer/testdata/byte_level.json"));
  return json;
}

Json golden_tokenizer(const std::string& rule) {
  Json tokenizer = golden()["rules"][rule];
  tokenizer["model"] = golden()["model"];
  tokenizer["model"]["ignore_merges"] = tokenizer["ignore_merges"];
  return tokenizer;
}

TestTokenizer build(const Json& json) {
  return TestTokenizer(write_blob(read_huggingface(json.dump(), "test")));
}

std::string refusal(const Json& json) {
  try {
    build(json);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class ByteLevel : public testing::TestWithParam<const char*> {};

TEST_P(ByteLevel, GivesTheIdsOfTheTokenizersLibrary) {
  const TestTokenizer tokenizer = build(golden_tokenizer(GetParam()));
  const Json& texts = golden()["texts"];
  ASSERT_GT(texts.size(), 30u);
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto expected = golden()["rules"][GetParam()]["ids"][i].get<std::vector<uint32_t>>();
    EXPECT_EQ(tokenizer.encode(texts[i].get<std::string>(), {.parse_special = true}), expected) << texts[i];
  }
}

// Merges the leftmost pair of the best rank until there is none.
std::vector<std::string> merge_naively(std::string_view word, const std::map<std::string, size_t>& ranks) {
  std::vector<std::string> symbols;
  for (const char byte : word) symbols.push_back(byte_character(static_cast<uint8_t>(byte)));
  while (true) {
    size_t best = SIZE_MAX;
    size_t place = 0;
    for (size_t i = 1; i < symbols.size(); ++i) {
      const auto found = ranks.find(symbols[i - 1] + " " + symbols[i]);
      if (found != ranks.end() && found->second < best) {
        best = found->second;
        place = i;
      }
    }
    if (best == SIZE_MAX) return symbols;
    symbols[place - 1] += symbols[place];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(place));
  }
}

TEST_P(ByteLevel, MergesLikeTheNaiveLoopOnRandomBytes) {
  Json json = golden_tokenizer(GetParam());
  json["model"]["ignore_merges"] = false;
  json["normalizer"] = nullptr;
  json["added_tokens"] = Json::array();
  const TestTokenizer tokenizer = build(json);
  std::map<std::string, size_t> ranks;
  for (const Json& merge : json["model"]["merges"]) ranks.try_emplace(merge.get<std::string>(), ranks.size());
  const auto rule = static_cast<PreTokenizer>(tokenizer.get().tables().header().pre_tokenizer);
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) {
    // Few different letters, so that there is much to merge and many ties.
    std::string text = test::random_text(random, 20);
    for (int n = 0; n < 60; ++n) text += "the ando"[random() % 8];
    std::vector<uint32_t> expected;
    for (std::string_view rest = text; !rest.empty();) {
      const uint32_t bytes = first_word(rule, rest);
      for (const std::string& symbol : merge_naively(rest.substr(0, bytes), ranks)) {
        expected.push_back(json["model"]["vocab"][symbol].get<uint32_t>());
      }
      rest.remove_prefix(bytes);
    }
    ASSERT_EQ(tokenizer.encode(text), expected) << text;
  }
}

TEST_P(ByteLevel, DecodesWhatItEncoded) {
  Json json = golden_tokenizer(GetParam());
  json["normalizer"] = nullptr;
  const TestTokenizer tokenizer = build(json);
  for (const Json& text : golden()["texts"]) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text.get<std::string>())), text.get<std::string>());
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, ByteLevel, testing::Values("gpt2", "llama3", "qwen2", "smollm"),
                         [](const auto& rule) { return std::string(rule.param); });

TEST(ByteLevel, TakesWholeWordsWithIgnoreMergesOnly) {
  Json json = golden_tokenizer("llama3");
  const uint32_t world = json["model"]["vocab"]["\xC4\xA0world"].get<uint32_t>();
  EXPECT_EQ(build(json).encode(" world"), std::vector<uint32_t>{world});
  json["model"]["ignore_merges"] = false;
  EXPECT_GT(build(json).encode(" world").size(), 1u);
}

TEST(ByteLevel, ReplacesEachBrokenCharacterOnceWhenDecoding) {
  const TestTokenizer tokenizer = build(golden_tokenizer("gpt2"));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("\xE4\xBD"
                                              "x\xFF\xFE\xF0\x9F\x98")),
            "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(ByteLevel, EncodesLongWordsInTime) {
  const TestTokenizer tokenizer = build(golden_tokenizer("gpt2"));
  const std::string text(300000, 'e');
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(Arrays, GiveTheIdsOfTheSameTokenizerAsJson) {
  for (const auto& [pre, rule] : std::map<std::string, std::string>{
           {"gpt-2", "gpt2"}, {"llama-bpe", "llama3"}, {"qwen2", "qwen2"}, {"smollm", "smollm"}}) {
    const Json json = golden_tokenizer(rule);
    TokenizerArrays arrays;
    arrays.name = "arrays";
    arrays.model = "gpt2";
    arrays.pre = pre;
    arrays.tokens.resize(json["model"]["vocab"].size());
    for (const auto& [token, id] : json["model"]["vocab"].items()) arrays.tokens[id.get<size_t>()] = token;
    arrays.types.assign(arrays.tokens.size(), 1);
    for (const Json& token : json["added_tokens"]) {
      arrays.tokens.push_back(token["content"]);
      arrays.types.push_back(token["special"].get<bool>() ? 3 : 4);
    }
    for (const Json& merge : json["model"]["merges"]) arrays.merges.push_back(merge);
    const TestTokenizer ours(build_tokenizer_from_arrays(arrays));
    const TestTokenizer theirs = build(json);
    for (const Json& text : golden()["texts"]) {
      EXPECT_EQ(ours.encode(text.get<std::string>(), {.parse_special = true}),
                theirs.encode(text.get<std::string>(), {.parse_special = true}));
    }
  }
}

TEST(Arrays, AreRefusedWhereTheyContradictEachOther) {
  const auto message = [](const TokenizerArrays& arrays) -> std::string {
    try {
      build_tokenizer_from_arrays(arrays);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  TokenizerArrays arrays{.name = "g", .model = "llama", .tokens = {"<unk>", "a"}, .scores = {0.0f, -1.0f}};
  EXPECT_EQ(message(arrays), "");
  arrays.scores.pop_back();
  EXPECT_NE(message(arrays).find("scores"), std::string::npos);
  arrays.scores.clear();
  EXPECT_EQ(message(arrays), "") << "without scores all merges are alike";
  arrays.bos = 7;
  EXPECT_NE(message(arrays).find("first"), std::string::npos);
  arrays.bos.reset();
  arrays.types = {1, 9};
  EXPECT_NE(message(arrays).find("type 9"), std::string::npos);
  arrays.types.clear();
  arrays.model = "bert";
  EXPECT_NE(message(arrays).find("bert"), std::string::npos);
  arrays.model = "gpt2";
  arrays.pre = "deepseek-llm";
  EXPECT_NE(message(arrays).find("deepseek-llm"), std::string::npos);
}

TEST(HuggingFace, RefusesWhatItCannotDoByName) {
  const Json good = golden_tokenizer("gpt2");
  ASSERT_EQ(refusal(good), "");
  const auto with = [&](const std::string& pointer, const Json& value) {
    Json json = good;
    json[Json::json_pointer(pointer)] = value;
    return refusal(json);
  };
  EXPECT_NE(with("/model/type", "Unigram").find("Unigram"), std::string::npos);
  EXPECT_NE(with("/normalizer", {{"type", "Lowercase"}}).find("Lowercase"), std::string::npos);
  EXPECT_NE(with("/pre_tokenizer", {{"type", "BertPreTokenizer"}}).find("BertPreTokenizer"),
            std::string::npos);
  EXPECT_NE(with("/post_processor", {{"type", "BertProcessing"}}).find("BertProcessing"), std::string::npos);
  EXPECT_NE(with("/added_tokens/0/content", "").find("no content"), std::string::npos);
  EXPECT_NE(with("/model/end_of_word_suffix", "</w>").find("end_of_word_suffix"), std::string::npos);
  EXPECT_NE(with("/model/merges/0", "no such").find("no such"), std::string::npos);
  EXPECT_NE(with("/model/vocab", Json::object()).find("vocab"), std::string::npos);
  Json other = golden_tokenizer("llama3");
  other["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+";
  EXPECT_NE(refusal(other).find("\\w+"), std::string::npos);
}

TEST(HuggingFace, SurvivesDamagedFiles) {
  const std::string good = golden_tokenizer("llama3").dump();
  std::mt19937 random(1);
  for (int i = 0; i < 400; ++i) {
    std::string damaged = good;
    if (i % 2 == 0) {
      damaged.resize(random() % damaged.size());
    } else {
      for (int n = 0; n < 3; ++n) damaged[random() % damaged.size()] = "\"{}[],:0x"[random() % 9];
    }
    try {
      const TestTokenizer tokenizer(write_blob(read_huggingface(damaged, "damaged")));
      tokenizer.decode(tokenizer.encode("the queen 12"));
    } catch (const Error&) {
    }
  }
}

TEST(HuggingFace, TakesFirstAndLastTokensFromTheFilesBeside) {
  TokenizerParts parts = read_huggingface(golden_tokenizer("llama3").dump(), "test");
  const uint32_t end = find_token(parts, "<|end|>");
  ASSERT_NE(end, kNoToken);
  EXPECT_EQ(parts.bos, kNoToken);
  apply_settings({.tokenizer_config = R"({"bos_token": {"content": "<|end|>"}, "add_bos_token": true,
                                          "eos_token": "<|end|>"})",
                  .generation_config = R"({"eos_token_id": [3, 4]})"},
                 parts);
  const TestTokenizer tokenizer(write_blob(parts));
  EXPECT_EQ(tokenizer.get().bos(), end);
  EXPECT_TRUE(tokenizer.get().adds_bos());
  EXPECT_TRUE(tokenizer.get().is_end(end) && tokenizer.get().is_end(3) && tokenizer.get().is_end(4));
  EXPECT_FALSE(tokenizer.get().is_end(5));
  EXPECT_FALSE(tokenizer.get().is_end(kNoToken));
}

TEST(HuggingFace, PutsTheDummyPrefixWhereMetaspaceDoes) {
  const auto ids = [](const std::string& scheme, const char* text) {
    const Json json = Json::parse(R"({
      "model": {"type": "BPE", "vocab": {"\u2581": 0, "a": 1, "\u2581a": 2}, "merges": ["\u2581 a"]},
      "added_tokens": [{"id": 3, "content": "<x>", "special": true}],
      "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "split": false,
                        "prepend_scheme": ")" +
                                  scheme + R"("}})");
    return build(json).encode(text, {.parse_special = true});
  };
  using Ids = std::vector<uint32_t>;
  EXPECT_EQ(ids("always", "a<x>a"), (Ids{2, 3, 2}));
  EXPECT_EQ(ids("first", "a<x>a"), (Ids{2, 3, 1}));
  EXPECT_EQ(ids("first", "<x>a"), (Ids{3, 1}));
  EXPECT_EQ(ids("never", "a<x> a"), (Ids{1, 3, 2}));
  EXPECT_EQ(ids("always", " a"), (Ids{2}));  // there is a space already
}

class TinyLlama : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(test::shared_data("tokenizer"))) {
      GTEST_SKIP() << test::shared_data("tokenizer") << " is not there";
    }
  }
};

TEST_F(TinyLlama, HasTheSameIdsInBothFormats) {
  const TestTokenizer json(build_tokenizer(test::shared_data("tokenizer/tinyllama_tokenizer.json")));
  const TestTokenizer model(build_tokenizer(test::shared_data("tokenizer/llama2-tokenizer.model")));
  ASSERT_EQ(json.get().vocabulary_size(), 32000u);
  std::vector<std::string> texts = test::torture_texts();
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_data("text"))) {
    texts.push_back(test::read_text(entry.path()));
  }
  std::mt19937 random(4);
  for (int i = 0; i < 2000; ++i) texts.push_back(test::random_text(random, 80));
  for (const std::string& text : texts) {
    const auto ids = model.encode(text, {.add_bos = true});
    ASSERT_EQ(json.encode(text, {.add_bos = true}), ids) << text.substr(0, 200);
    ASSERT_EQ(json.decode(ids), model.decode(ids)) << text.substr(0, 200);
  }
}

TEST_F(TinyLlama, KnowsItsFirstAndLastTokens) {
  const TestTokenizer json(build_tokenizer(test::shared_data("tokenizer/tinyllama_tokenizer.json")));
  EXPECT_EQ(json.get().bos(), 1u);
  EXPECT_TRUE(json.get().adds_bos());
  EXPECT_TRUE(json.get().is_end(2));
}

TEST_F(TinyLlama, IsFoundInADirectoryWithItsChatTemplate) {
  const test::TemporaryFolder temporary;
  const std::filesystem::path folder = temporary.path();
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) {
    std::filesystem::copy_file(test::shared_data(std::string("tokenizer/tinyllama_") + file), folder / file);
  }
  const TestTokenizer tokenizer(build_tokenizer(folder));
  const ChatTable table = tokenizer.get().chat_table();
  EXPECT_TRUE(table.has(kHasChatTable) && table.has(kTakesSystem));
  EXPECT_EQ(table[kChatBegin], "<|user|>\n");
  EXPECT_EQ(table[kChatAnswerPrompt], "</s>\n<|assistant|>\n");
  EXPECT_EQ(vocabulary_size(tokenizer.blob()), 32000u);
  EXPECT_THROW(build_tokenizer(folder / "absent"), Error);
}

}  // namespace
}  // namespace brim
