// Against the SentencePiece library: the same ids and the same decoded text.
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <unordered_map>

#include "tests/support/temporary_folder.h"
#include "tokenizer/build.h"
#include "tokenizer/sources.h"
#include "tokenizer/test_texts.h"

namespace brim {
namespace {

using test::TestTokenizer;

class Oracle {
 public:
  explicit Oracle(const std::string& serialized_model) {
    const auto status = processor_.LoadFromSerializedProto(serialized_model);
    if (!status.ok()) throw std::runtime_error(status.ToString());
  }

  std::vector<uint32_t> encode(const std::string& text) const {
    std::vector<int> ids;
    EXPECT_TRUE(processor_.Encode(text, &ids).ok());
    return {ids.begin(), ids.end()};
  }

  std::string decode(const std::vector<uint32_t>& ids) const {
    std::string text;
    EXPECT_TRUE(processor_.Decode(std::vector<int>(ids.begin(), ids.end()), &text).ok());
    return text;
  }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};

TestTokenizer ours(const std::string& model) {
  return TestTokenizer(write_blob(
      read_sentencepiece(std::span(reinterpret_cast<const uint8_t*>(model.data()), model.size()), "model")));
}

void expect_same(const TestTokenizer& tokenizer, const Oracle& oracle, const std::string& text) {
  const auto expected = oracle.encode(text);
  ASSERT_EQ(tokenizer.encode(text), expected) << "text: " << text.substr(0, 300);
  ASSERT_EQ(tokenizer.decode(expected), oracle.decode(expected)) << "text: " << text.substr(0, 300);
}

// Torture list, random strings and random ids.
void expect_same_everywhere(const std::string& model, uint32_t random_texts) {
  const TestTokenizer tokenizer = ours(model);
  ASSERT_EQ(tokenizer.bad_field(), "");
  const Oracle oracle(model);
  for (const std::string& text : test::torture_texts()) {
    ASSERT_NO_FATAL_FAILURE(expect_same(tokenizer, oracle, text));
  }
  std::mt19937 random(1);
  for (uint32_t i = 0; i < random_texts; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_same(tokenizer, oracle, test::random_text(random, 100)));
    std::vector<uint32_t> ids(random() % 12);
    for (uint32_t& id : ids) {
      id = random() % std::min<uint32_t>(random() % 2 ? 300 : 32000, tokenizer.get().vocabulary_size());
    }
    ASSERT_EQ(tokenizer.decode(ids), oracle.decode(ids)) << testing::PrintToString(ids);
  }
}

std::string training_text() {
  std::string text;
  for (const std::string& line : test::torture_texts()) {
    if (line.find('\0') == std::string::npos) text += line + "\n";
  }
  for (int i = 0; i < 40; ++i) {
    text += "the cat sat on the mat and the other cat ate the rat  number " + std::to_string(i * 37) + "\n";
  }
  return text;
}

// A small BPE model with the given options besides the usual ones.
std::string train(std::unordered_map<std::string, std::string> options) {
  const test::TemporaryFolder folder;
  options.insert({{"input", folder.write("text", training_text())},
                  {"model_type", "bpe"},
                  {"vocab_size", "600"},
                  {"character_coverage", "0.98"},
                  {"hard_vocab_limit", "false"},
                  {"minloglevel", "2"}});
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(options, nullptr, &model);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return model;
}

class RealModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto path = test::shared_data(GetParam());
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    model_ = test::read_text(path);
  }
  std::string model_;
};

TEST_P(RealModel, GivesSentencePiecesIdsAndTextsForTortureAndRandomStrings) {
  expect_same_everywhere(model_, 3000);
}

TEST_P(RealModel, GivesSentencePiecesIdsForWholeTextsAndTheirLines) {
  const TestTokenizer tokenizer = ours(model_);
  const Oracle oracle(model_);
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_data("text"))) {
    const std::string text = test::read_text(entry.path());
    ASSERT_NO_FATAL_FAILURE(expect_same(tokenizer, oracle, text));
    std::istringstream lines(text.substr(0, 100000));
    for (std::string line; std::getline(lines, line);) {
      ASSERT_NO_FATAL_FAILURE(expect_same(tokenizer, oracle, line));
    }
  }
}

TEST_P(RealModel, EncodesLongLinesWithoutSpaces) {
  const TestTokenizer tokenizer = ours(model_);
  const Oracle oracle(model_);
  std::mt19937 random(2);
  std::string letters;
  for (int i = 0; i < 100000; ++i) letters += static_cast<char>('a' + random() % 26);
  expect_same(tokenizer, oracle, letters);
  expect_same(tokenizer, oracle, std::string(100000, 'a'));
  expect_same(tokenizer, oracle, std::string(100000, ' '));
}

INSTANTIATE_TEST_SUITE_P(SentencePiece, RealModel,
                         testing::Values("tokenizer/llama2-tokenizer.model", "stories260K/tok512.model"),
                         [](const auto& model) { return model.index == 0 ? "Llama2" : "Stories"; });

struct TrainedModel {
  const char* name;
  std::unordered_map<std::string, std::string> options;
};

// How the name of a test case is printed.
void PrintTo(const TrainedModel& model, std::ostream* out) { *out << model.name; }

class TrainedModels : public testing::TestWithParam<TrainedModel> {};

TEST_P(TrainedModels, GiveSentencePiecesIdsAndTexts) {
  expect_same_everywhere(train(GetParam().options), 2000);
}

INSTANTIATE_TEST_SUITE_P(
    SentencePiece, TrainedModels,
    testing::Values(
        TrainedModel{"NmtNfkc", {}},
        TrainedModel{"NmtNfkcCaseFold", {{"normalization_rule_name", "nmt_nfkc_cf"}}},
        TrainedModel{"NfkcByteFallback", {{"normalization_rule_name", "nfkc"}, {"byte_fallback", "true"}}},
        TrainedModel{"KeepSpaces",
                     {{"normalization_rule_name", "identity"}, {"remove_extra_whitespaces", "false"}}},
        TrainedModel{"NmtNfkcKeepSpaces", {{"remove_extra_whitespaces", "false"}, {"byte_fallback", "true"}}},
        TrainedModel{"NoDummyPrefix", {{"add_dummy_prefix", "false"}}},
        TrainedModel{"NoDummyPrefixKeepSpaces",
                     {{"add_dummy_prefix", "false"}, {"remove_extra_whitespaces", "false"}}},
        TrainedModel{"UserDefined",
                     {{"user_defined_symbols", "cat,the,  ,at the,\xE4\xBD\xA0,<|im_start|>"}}},
        TrainedModel{"UserDefinedByteFallback",
                     {{"user_defined_symbols", "he,hello,o w,aa,aaa"}, {"byte_fallback", "true"}}},
        TrainedModel{"Control", {{"control_symbols", "<sep>,<cls>"}}},
        TrainedModel{"UnknownSurface", {{"unk_surface", "?"}}},
        TrainedModel{"PiecesAcrossSpaces", {{"split_by_whitespace", "false"}}}),
    [](const auto& model) { return model.param.name; });

// Rewrites the type of every `step`-th normal piece. Types are the last field of a piece as the trainer
// writes it only if they are not normal, so that a field is appended and the lengths are made anew.
std::string with_unused_pieces(const std::string& model, uint32_t step) {
  std::string result;
  uint32_t normal = 0;
  for (size_t at = 0; at < model.size();) {
    if (model[at] != 0x0A) return result + model.substr(at);
    const auto length = static_cast<uint8_t>(model[at + 1]);
    EXPECT_LT(length, 0x7D);
    std::string piece = model.substr(at + 2, length);
    const bool is_normal = piece.find('\x18', piece.size() - 2) == std::string::npos;
    if (is_normal && normal++ % step == 0) piece += "\x18\x05";
    result += '\x0A';
    result += static_cast<char>(piece.size());
    result += piece;
    at += 2 + length;
  }
  return result;
}

TEST(SentencePiece, SplitsUnusedPiecesIntoTheirParts) {
  for (const uint32_t step : {2u, 3u, 7u}) {
    const std::string model = with_unused_pieces(train({}), step);
    ASSERT_TRUE(ours(model).get().tables().has_unused());
    expect_same_everywhere(model, 2000);
  }
}

TEST(SentencePiece, RefusesOtherModelTypesByName) {
  for (const std::string type : {"unigram", "char", "word"}) {
    const std::string model = train({{"model_type", type}, {"vocab_size", "400"}});
    try {
      ours(model);
      FAIL() << type << " was taken";
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(type), std::string::npos) << error.what();
    }
  }
}

TEST(SentencePiece, RefusesModelsThatAreCutOffAnywhere) {
  const std::string model = train({{"vocab_size", "150"}});
  for (size_t bytes = 0; bytes < model.size(); bytes += bytes < 4000 ? 1 : 97) {
    // Cut between two fields a model stays well-formed, so that only a throw or a sound blob will do.
    try {
      EXPECT_EQ(ours(model.substr(0, bytes)).bad_field(), "");
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()).rfind("model: ", 0), 0u) << error.what();
    }
  }
}

TEST(SentencePiece, SurvivesDamagedModels) {
  const std::string model = train({{"vocab_size", "150"}});
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    std::string damaged = model;
    for (uint32_t n = 1 + random() % 3; n > 0; --n) {
      const size_t at = random() % std::min<size_t>(damaged.size(), i % 2 ? 4000 : damaged.size());
      damaged[at] = static_cast<char>(random());
    }
    try {
      const TestTokenizer tokenizer = ours(damaged);
      tokenizer.decode(tokenizer.encode("the cat \xEF\xB7\xBA sat"));
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()).rfind("model: ", 0), 0u) << error.what();
    }
  }
}

TEST(Llama2c, GivesTheIdsOfTheModelThatItWasExportedFrom) {
  const auto bin = test::shared_data("stories260K/tok512.bin");
  if (!std::filesystem::exists(bin)) GTEST_SKIP() << bin << " is not there";
  const TestTokenizer exported(build_tokenizer(bin));
  const TestTokenizer original(build_tokenizer(test::shared_data("stories260K/tok512.model")));
  std::vector<std::string> texts = test::torture_texts();
  for (const auto& entry : std::filesystem::directory_iterator(test::shared_data("text"))) {
    texts.push_back(test::read_text(entry.path()));
  }
  for (const std::string& text : texts) {
    const auto ids = original.encode(text, {.add_bos = true});
    ASSERT_EQ(exported.encode(text, {.add_bos = true}), ids) << text.substr(0, 300);
    ASSERT_EQ(exported.decode(ids), original.decode(ids)) << text.substr(0, 300);
  }
}

}  // namespace
}  // namespace brim
