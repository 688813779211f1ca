// What tokenizer files say besides their vocabulary: added, first and last tokens, defaults of absent keys,
// chat templates, and what is told because it is not followed.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"
#include "tokenizer/build.h"
#include "tokenizer/chat_program.h"
#include "tokenizer/recognise.h"
#include "tokenizer/sources.h"
#include "tokenizer/summary.h"
#include "tokenizer/test_texts.h"

namespace brim {
namespace {

using Ids = std::vector<uint32_t>;
using OrderedJson = nlohmann::ordered_json;
using test::TestTokenizer;

// A folder with the files of a tokenizer.
class Folder {
 public:
  Folder& with(const std::string& file, const std::string& content) {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file, std::ios::binary) << content;
    return *this;
  }
  const std::filesystem::path& path() const { return path_; }
  TestTokenizer build() const { return TestTokenizer(build_tokenizer(path_)); }
  std::string refusal() const {
    try {
      build_tokenizer(path_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

 private:
  const test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path();
};

// The letters of a small vocabulary of characters, ids 3 on; <unk>, <s>, </s> before them.
const std::string kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:<>|/_'\n";

std::vector<std::string> small_pieces() {
  std::vector<std::string> pieces = {"<unk>", "<s>", "</s>"};
  for (const char c : kLetters) pieces.emplace_back(1, c);
  pieces.emplace_back("\xE2\x96\x81");
  return pieces;
}

uint32_t small_id(char c) {
  return c == ' ' ? static_cast<uint32_t>(kLetters.size() + 3) : static_cast<uint32_t>(kLetters.find(c) + 3);
}
const uint32_t kSpace = small_id(' ');
const uint32_t kAdded = kSpace + 1;  // the first id behind the vocabulary

Ids letters(std::string_view text) {
  Ids ids;
  for (const char c : text) ids.push_back(small_id(c));
  return ids;
}
Ids operator+(Ids left, const Ids& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// A tokenizer.json like LLaMA-2's.
OrderedJson small_json() {
  OrderedJson vocabulary;
  const auto pieces = small_pieces();
  for (uint32_t id = 0; id < pieces.size(); ++id) vocabulary[pieces[id]] = id;
  const auto special = [](uint32_t id, const char* content) {
    return OrderedJson{{"id", id}, {"content", content}, {"special", true}, {"normalized", false}};
  };
  return {
      {"model",
       {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", OrderedJson::array()}, {"unk_token", "<unk>"}}},
      {"added_tokens", {special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")}},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         {{{"type", "Prepend"}, {"prepend", "\u2581"}},
          {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}}}}}};
}

OrderedJson added(uint32_t id, const std::string& content, bool special) {
  return {{"id", id}, {"content", content}, {"special", special}, {"normalized", false}};
}

std::string json_with(const std::vector<OrderedJson>& tokens) {
  OrderedJson json = small_json();
  for (const OrderedJson& token : tokens) json["added_tokens"].push_back(token);
  return json.dump();
}

// A SentencePiece model of the same vocabulary: field 1 are pieces (text, score, type), 2 the trainer (3:
// BPE).
std::string small_model() {
  const auto field = [](int number, const std::string& bytes) {
    return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(bytes.size()) + bytes;
  };
  std::string model;
  const auto pieces = small_pieces();
  for (uint32_t id = 0; id < pieces.size(); ++id) {
    std::string piece = field(1, pieces[id]) + std::string("\x15\0\0\0\0", 5) + '\x18';
    piece += static_cast<char>(id == 0  ? TokenType::kUnknown
                               : id < 3 ? TokenType::kControl
                                        : TokenType::kNormal);
    model += field(1, piece);
  }
  return model + field(2, "\x18\x02") + field(3, std::string("\x18\x01\x20\0", 4));
}

const char* const kChatMl =
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% "
    "endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

Ids chat_ids(const TestTokenizer& tokenizer, const std::string& question) {
  return ChatProgram(tokenizer.get()).prompt({{{"role", "user"}, {"content", question}}}).ids;
}

std::vector<std::string> notes(const TestTokenizer& tokenizer) {
  return tokenizer_notes(tokenizer.get().tables());
}

bool has_note(const TestTokenizer& tokenizer, const std::string& part) {
  for (const std::string& note : notes(tokenizer)) {
    if (note.find(part) != std::string::npos) return true;
  }
  return false;
}

// ---- added tokens

TEST(AddedTokens, GiveTheIdsOfTheTokenizersLibraryWhateverTheirFlags) {
  const auto golden = nlohmann::json::parse(
      test::read_text(std::filesystem::path(BRIM_SOURCE_DIR) / "src/tokenizer/testdata/added_tokens.json"));
  ASSERT_GE(golden["cases"].size(), 20u);
  for (const auto& each : golden["cases"]) {
    TokenizerParts parts = read_huggingface(each["tokenizer"].dump(), "golden");
    finish_parts(parts);
    const TestTokenizer tokenizer(write_blob(parts));
    for (size_t i = 0; i < golden["texts"].size(); ++i) {
      EXPECT_EQ(tokenizer.encode(golden["texts"][i].get<std::string>(), {.parse_special = true}),
                each["ids"][i].get<Ids>())
          << each["shape"] << each["flags"] << golden["texts"][i];
    }
  }
}

TEST(AddedTokens, BesideASentencePieceModelAreReadFromEitherFile) {
  const std::string ends =
      R"("eos_token": "<|im_end|>", "bos_token": "<s>", "chat_template": )" + OrderedJson(kChatMl).dump();
  const std::string token = R"(": {"content": ")";
  const std::string decoder =
      concat(R"({"added_tokens_decoder": {")", kAdded, token,
             R"(<|im_end|>", "special": true, "normalized": false}, ")", kAdded + 1, token,
             R"(<|im_start|>", "special": true, "normalized": false}}, )", ends, "}");
  Folder by_decoder;
  by_decoder.with("tokenizer.model", small_model()).with("tokenizer_config.json", decoder);
  Folder by_list;
  by_list.with("tokenizer.model", small_model())
      .with("tokenizer_config.json", concat("{", ends, R"(, "additional_special_tokens": ["<|im_start|>"]})"))
      .with("added_tokens.json",
            concat(R"({"<|im_end|>": )", kAdded, R"(, "<|im_start|>": )", kAdded + 1, "}"));
  for (const Folder* folder : {&by_decoder, &by_list}) {
    const TestTokenizer tokenizer = folder->build();
    EXPECT_EQ(tokenizer.get().vocabulary_size(), kAdded + 2);
    EXPECT_TRUE(tokenizer.get().is_end(kAdded));
    // LLaMA's legacy behaviour: a space before every text behind a special token.
    EXPECT_EQ(chat_ids(tokenizer, "hi"), Ids{kAdded + 1} + letters(" user\nhi") + Ids{kAdded} +
                                             letters(" \n") + Ids{kAdded + 1} + letters(" assistant\n"));
    EXPECT_EQ(notes(tokenizer), std::vector<std::string>());
    EXPECT_EQ(tokenizer.decode({kAdded + 1, small_id('a')}), "a");
  }
}

TEST(AddedTokens, AreNotFollowedByASpaceWhereLegacyIsOff) {
  Folder folder;
  folder.with("tokenizer.model", small_model())
      .with("tokenizer_config.json", concat(R"({"legacy": false, "added_tokens_decoder": {")", kAdded,
                                            R"(": {"content": "<x>", "special": true}}})"));
  EXPECT_EQ(folder.build().encode("a<x>b", {.parse_special = true}),
            letters(" a") + Ids{kAdded} + letters("b"));
}

TEST(AddedTokens, ThatAreNotSpecialStillBelongToTheTemplateAndEndTexts) {
  for (const bool start : {true, false}) {
    for (const bool end : {true, false}) {
      Folder folder;
      folder
          .with("tokenizer.json",
                json_with({added(kAdded, "<|im_start|>", start), added(kAdded + 1, "<|im_end|>", end)}))
          .with("tokenizer_config.json",
                concat(R"({"eos_token": "<|im_end|>", "chat_template": )", OrderedJson(kChatMl).dump(), "}"));
      const TestTokenizer tokenizer = folder.build();
      EXPECT_TRUE(tokenizer.get().is_end(kAdded + 1));
      EXPECT_TRUE(tokenizer.get().chat_table().has(kHasChatTable));
      EXPECT_EQ(chat_ids(tokenizer, "hi"), Ids{kAdded} + letters(" user\nhi") + Ids{kAdded + 1} +
                                               letters(" \n") + Ids{kAdded} + letters(" assistant\n"));
      // Whether it is shown is another matter than who may write it.
      EXPECT_EQ(tokenizer.decode({kAdded}), start ? "" : "<|im_start|>");
      const Ids typed = chat_ids(tokenizer, "<|im_end|>");
      EXPECT_EQ(std::count(typed.begin(), typed.end(), kAdded + 1), 1);
      EXPECT_EQ(tokenizer.encode("<|im_end|>", {.parse_special = false}), letters(" <|im_end|>"));
    }
  }
}

TEST(AddedTokens, WithTheIdOfAnotherTokenAreRefused) {
  Folder folder;
  folder.with("tokenizer.model", small_model()).with("added_tokens.json", R"({"<x>": 5})");
  EXPECT_NE(folder.refusal().find("added_tokens.json calls token 5 \"<x>\", the tokenizer calls it \"c\""),
            std::string::npos)
      << folder.refusal();
}

TEST(AddedTokens, BeyondTheModelsVocabularyAreLeftOutAndTold) {
  Folder folder;
  folder.with("tokenizer.json", json_with({added(kAdded, "<pad>", true), added(kAdded + 1, "<x>", false)}))
      .with("tokenizer_config.json", R"({"eos_token": "</s>", "pad_token": "<pad>"})");
  const TestTokenizer tokenizer(build_tokenizer(folder.path(), {}, kAdded));
  EXPECT_EQ(tokenizer.get().vocabulary_size(), kAdded);
  EXPECT_EQ(notes(tokenizer).size(), 2u);
  EXPECT_TRUE(has_note(tokenizer, concat("added token \"<pad>\" (", kAdded, ") is left out")));
  EXPECT_EQ(tokenizer.encode("<x>", {.parse_special = true}), letters(" <x>"));
  // Others than added tokens are not left out: then the files are of different models.
  EXPECT_EQ(TestTokenizer(build_tokenizer(folder.path(), {}, 5)).get().vocabulary_size(), kAdded + 2);
}

// ---- first and last tokens

TEST(EndTokens, AreThoseOfAllFilesHoweverMany) {
  std::vector<OrderedJson> tokens;
  for (uint32_t i = 0; i < 9; ++i) tokens.push_back(added(kAdded + i, concat("<|p", i, "|>"), true));
  Folder folder;
  folder.with("tokenizer.json", json_with(tokens))
      .with("tokenizer_config.json", R"({"eos_token": "<|p0|>"})")
      .with("generation_config.json",
            concat(R"({"eos_token_id": [)", kAdded + 1, ",", kAdded + 2, ",", kAdded + 3, "]}"))
      .with("config.json", concat(R"({"eos_token_id": )", kAdded + 7, "}"));
  const TestTokenizer tokenizer = folder.build();
  for (const uint32_t i : {0u, 1u, 2u, 3u, 7u}) EXPECT_TRUE(tokenizer.get().is_end(kAdded + i)) << i;
  for (const uint32_t i : {4u, 5u, 6u, 8u}) EXPECT_FALSE(tokenizer.get().is_end(kAdded + i)) << i;
  EXPECT_TRUE(tokenizer.get().is_end(2));  // </s>, by convention
  EXPECT_EQ(summarise(tokenizer.get()).ends.size(), 6u);
}

TEST(EndTokens, OfTheModelCountForATokenizerFromElsewhere) {
  Folder model;
  model.with("config.json", concat(R"({"eos_token_id": [2, )", kAdded, "]}"));
  Folder tokenizer;
  tokenizer.with("tokenizer.json", json_with({added(kAdded, "<|end|>", false)}));
  EXPECT_TRUE(TestTokenizer(build_tokenizer(tokenizer.path(), model.path())).get().is_end(kAdded));
}

TEST(EndTokens, ThatTheVocabularyLacksAreTold) {
  Folder folder;
  folder.with("tokenizer.json", small_json().dump())
      .with("tokenizer_config.json", R"({"eos_token": "<|nowhere|>"})")
      .with("generation_config.json", R"({"eos_token_id": 99999})")
      .with("config.json", R"({"eos_token_id": -1})");
  const TestTokenizer tokenizer = folder.build();
  EXPECT_TRUE(has_note(tokenizer, "eos_token \"<|nowhere|>\" is not in the vocabulary"));
  EXPECT_TRUE(has_note(tokenizer, "generation_config.json: eos_token_id 99999 is no token"));
  EXPECT_TRUE(has_note(tokenizer, "config.json: eos_token_id -1 is no token"));
}

TEST(FirstToken, IsAddedAsTheClassOfTheTokenizerHasItWhereTheKeyIsAbsent) {
  const auto adds = [](const std::string& config) {
    Folder folder;
    folder.with("tokenizer.json", small_json().dump()).with("tokenizer_config.json", config);
    return folder.build().get().adds_bos();
  };
  EXPECT_TRUE(adds(R"({"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>"})"));
  EXPECT_TRUE(adds(R"({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>"})"));
  EXPECT_FALSE(adds(R"({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "add_bos_token": false})"));
  EXPECT_FALSE(adds(R"({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>"})"));
  EXPECT_FALSE(adds(R"({"tokenizer_class": "Qwen2Tokenizer", "bos_token": "<s>"})"));
  EXPECT_TRUE(adds(R"({"tokenizer_class": "LlamaTokenizer"})"));  // its <s>
  EXPECT_FALSE(adds(R"({"tokenizer_class": "LlamaTokenizer", "bos_token": null})"));
}

TokenizerArrays small_arrays(const std::string& model, const std::string& pre) {
  TokenizerArrays arrays{.name = "test", .model = model, .pre = pre};
  arrays.tokens = small_pieces();
  arrays.tokens.emplace_back("<|eot|>");
  arrays.types.assign(arrays.tokens.size(), 1);
  arrays.types[0] = 2;
  arrays.types[1] = arrays.types[2] = arrays.types.back() = 3;
  return arrays;
}

TEST(FirstToken, OfGgufFilesIsAddedAsLlamaCppDoesWhereTheKeyIsAbsent) {
  const auto adds = [](const char* model, const char* pre, std::optional<bool> key) {
    TokenizerArrays arrays = small_arrays(model, pre);
    arrays.bos = 1;
    arrays.add_bos = key;
    return TestTokenizer(build_tokenizer_from_arrays(arrays)).get().adds_bos();
  };
  for (const char* pre : {"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"})
    EXPECT_TRUE(adds("gpt2", pre, {})) << pre;
  for (const char* pre : {"qwen2", "smollm", "gpt-2", "deepseek-r1-qwen"})
    EXPECT_FALSE(adds("gpt2", pre, {})) << pre;
  EXPECT_TRUE(adds("llama", "", {}));
  EXPECT_FALSE(adds("gpt2", "llama-bpe", false));
  EXPECT_TRUE(adds("gpt2", "qwen2", true));
}

TEST(EndTokens, OfGgufFilesHaveLlamaCppsDefaults) {
  TokenizerArrays arrays = small_arrays("llama", "");
  const TestTokenizer plain(build_tokenizer_from_arrays(arrays));
  EXPECT_EQ(plain.get().bos(), 1u);
  EXPECT_TRUE(plain.get().is_end(2) && plain.get().is_end(kAdded));  // "<|eot|>" ends turns by its name
  arrays.eos = 5;
  arrays.ends = {6, 7, 8, 9};
  const TestTokenizer many(build_tokenizer_from_arrays(arrays));
  for (const uint32_t end : {2u, 5u, 6u, 7u, 8u, 9u}) EXPECT_TRUE(many.get().is_end(end)) << end;
}

TEST(Gguf, SaysWhatIsWrongWithItsPreTokenizer) {
  const auto refusal = [](const char* pre) {
    try {
      build_tokenizer_from_arrays(small_arrays("gpt2", pre));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal("").find("says nothing of its pre-tokenizer"), std::string::npos);
  EXPECT_NE(refusal("tekken").find("\"tekken\" is not supported"), std::string::npos);
}

// ---- chat templates and notes

TEST(Templates, ComeFromTheirOwnFileFirst) {
  const auto text_of = [](const Folder& folder) {
    const TestTokenizer tokenizer = folder.build();
    return ChatProgram(tokenizer.get()).prompt({{{"role", "user"}, {"content", "q"}}}).text;
  };
  Folder folder;
  folder.with("tokenizer.json", small_json().dump())
      .with("tokenizer_config.json", R"({"chat_template": "c{{ messages[0].content }}"})");
  EXPECT_EQ(text_of(folder), "cq");
  folder.with("chat_template.json", R"({"chat_template": "j{{ messages[0].content }}"})");
  EXPECT_EQ(text_of(folder), "jq");
  folder.with("chat_template.jinja", "f{{ messages[0].content }}");
  EXPECT_EQ(text_of(folder), "fq");
}

TEST(Templates, ForToolsAreUsedForConversationsWithTools) {
  Folder folder;
  folder.with("tokenizer.json", small_json().dump())
      .with("tokenizer_config.json",
            R"({"chat_template": [{"name": "default", "template": "d{{ messages[0].content }}"},
                                  {"name": "tool_use", "template": "t{{ tools | length }}{{ mode }}"},
                                  {"name": "rag", "template": "r"}]})");
  const TestTokenizer tokenizer = folder.build();
  const ChatProgram program(tokenizer.get());
  const OrderedJson messages = {{{"role", "user"}, {"content", "q"}}};
  EXPECT_EQ(program.prompt(messages).text, "dq");
  ChatPromptOptions options{.tools = OrderedJson::array({1, 2})};
  add_template_variable("mode=fast", options.variables);
  EXPECT_EQ(program.prompt(messages, options).text, "t2fast");
  EXPECT_EQ(summarise(tokenizer.get()).templates, (std::vector<std::string>{"default", "tool_use", "rag"}));
  EXPECT_TRUE(has_note(tokenizer, "the chat template \"rag\" is not used"));
}

TEST(Templates, SeeTheNamesOfTheTokensThatThereAre) {
  Folder folder;
  folder.with("tokenizer.json", small_json().dump())
      .with("tokenizer_config.json", R"({"bos_token": {"content": "<s>"}, "unk_token": "<unk>",
          "chat_template": "{{ bos_token }}{{ unk_token }}{{ pad_token is defined }}{{ messages[0].content }}"})");
  EXPECT_EQ(chat_ids(folder.build(), "q"), (Ids{1, 0}) + letters(" Falseq"));
}

TEST(Templates, ThatCannotBeReadAreToldAndDoNoHarm) {
  Folder folder;
  folder.with("tokenizer.json", small_json().dump())
      .with("chat_template.jinja", "{% if x %}\n{{ y | nonsense(");
  const TestTokenizer tokenizer = folder.build();
  EXPECT_TRUE(has_note(tokenizer, "the chat template cannot be read: line 2"));
  EXPECT_FALSE(tokenizer.get().chat_table().has(kHasChatTable));
  EXPECT_THROW(ChatProgram{tokenizer.get()}, Error);
}

TEST(TemplateVariables, AreValuesWhereTheyLookLikeSuch) {
  OrderedJson variables;
  for (const char* definition : {"a=false", "b=True", "c=3", "d=x y", "e=none", "f=[1]", "g=\"3\"", "h="}) {
    add_template_variable(definition, variables);
  }
  EXPECT_EQ(variables.dump(), R"({"a":false,"b":true,"c":3,"d":"x y","e":null,"f":[1],"g":"3","h":""})");
  EXPECT_THROW(add_template_variable("enable_thinking", variables), Error);
  EXPECT_THROW(add_template_variable("=1", variables), Error);
}

TEST(Notes, TellWhatIsPresentAndNotFollowed) {
  Folder folder;
  OrderedJson json = small_json();
  json["truncation"] = {{"max_length", 5}};
  json["post_processor"] =
      OrderedJson::parse(R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}},
      {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "</s>"}}]})");
  folder.with("tokenizer.json", json.dump())
      .with("tokenizer_config.json",
            R"({"add_eos_token": true, "padding_side": "left", "clean_up_tokenization_spaces": true,
                                         "sp_model_kwargs": {}, "use_default_system_prompt": false, "bos_token": "<s>"})")
      .with("generation_config.json",
            R"({"temperature": 0.6, "top_p": 0.9, "suppress_tokens": [1, 2], "eos_token_id": 2})");
  const TestTokenizer tokenizer = folder.build();
  EXPECT_TRUE(has_note(tokenizer, "truncation is not followed"));
  EXPECT_TRUE(has_note(tokenizer, "post_processor puts </s> behind every text"));
  EXPECT_TRUE(has_note(tokenizer, "add_eos_token is not followed"));
  EXPECT_TRUE(has_note(
      tokenizer,
      "tokenizer_config.json: not followed: clean_up_tokenization_spaces true, padding_side \"left\""));
  EXPECT_TRUE(has_note(tokenizer,
                       "generation_config.json: not followed: suppress_tokens, temperature 0.6, top_p 0.9"));
  EXPECT_EQ(notes(tokenizer).size(), 5u);
  EXPECT_TRUE(tokenizer.get().adds_bos());
}

TEST(Notes, StayOneLineEach) {
  Folder folder;
  folder.with("tokenizer.json", small_json().dump())
      .with("tokenizer_config.json", R"({"eos_token": "a\nb\u0007"})");
  EXPECT_EQ(notes(folder.build()).size(), 1u);
}

TEST(Messages, ThatAreNoneAreRefusedByTheirNumber) {
  Folder folder;
  folder.with("tokenizer.json", small_json().dump()).with("chat_template.jinja", kChatMl);
  const TestTokenizer tokenizer = folder.build();
  const auto refusal = [&](const char* json) {
    try {
      ChatProgram(tokenizer.get()).prompt(OrderedJson::parse(json));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal("{}").find("are no list"), std::string::npos);
  EXPECT_EQ(refusal(R"([{"role": "user", "content": "x"}, {"content": "y"}])"), "message 2 has no \"role\"");
  EXPECT_EQ(refusal(R"([{"role": "user"}])"), "message 1 has no \"content\"");
}

}  // namespace
}  // namespace brim
