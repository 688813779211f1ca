// The program as its users meet it: every command on a trained model, and what happens on bad input.
#include <gtest/gtest.h>

#include <cstring>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/concat.h"
#include "tests/support/brim_command.h"
#include "tests/support/small_models.h"

namespace brim::test {
namespace {

using nlohmann::json;

TEST(CliPack, SaysWhatIsWrongWithAModelOrABoard) {
  const TemporaryFolder folder;
  const std::string image = folder.path() + "/image.brim";
  expect_failure(brim({"pack", folder.path() + "/absent.bin", "-o", image}), "absent.bin");
  expect_failure(brim({"pack", "synthetic:nothing", "-o", image}), "llama2-7b");
  expect_failure(brim({"pack", "synthetic:llama3-8b", "-o", image, "--board", "ultra96-v2"}), "llama3-8b");
  expect_failure(brim({"pack", "synthetic:llama2-7b", "-o", image, "--board", "nonesuch"}), "nonesuch");
  expect_failure(brim({"pack", folder.write("empty.bin", ""), "-o", image}), "empty.bin");
  EXPECT_FALSE(std::filesystem::exists(image));
}

// A trained model's image, packed once for every build of the program: each test is a process of its own.
class CliImage : public testing::Test {
 protected:
  void use_image(const std::string& name, Arguments pack) {
    const auto built = std::filesystem::last_write_time(BRIM_BINARY).time_since_epoch().count();
    const std::string shared = concat(BRIM_TEST_CACHE, '/', name, '.', built, ".brim");
    if (!std::filesystem::exists(shared)) {
      std::filesystem::create_directories(BRIM_TEST_CACHE);
      const std::string own = shared + "." + std::to_string(getpid());
      pack.insert(pack.end(), {"-o", own, "-t", "2"});
      const ProcessResult result = brim(pack);
      ASSERT_EQ(result.exit_code, 0) << result.err;
      ASSERT_EQ(result.err, "") << "no progress bar without a terminal";
      for (const auto& entry : std::filesystem::directory_iterator(BRIM_TEST_CACHE)) {  // of earlier builds
        if (entry.path().filename().string().find(std::to_string(built)) == std::string::npos)
          std::filesystem::remove(entry.path());
      }
      std::filesystem::rename(own, shared);  // whoever else has packed it has packed the same
    }
    std::filesystem::copy_file(shared, image_);
  }

  const TemporaryFolder folder_;
  const std::string image_ = folder_.path() + "/image.brim";
};

// The model that comes with Brim.
class CliDemo : public CliImage {
 protected:
  void SetUp() override { use_image("demo", pack_); }

  const Arguments pack_ = {"pack", BRIM_SOURCE_DIR "/models/demo", "--quant", "rtn"};
};

// The model of the shared data.
class CliStories : public CliImage {
 protected:
  void SetUp() override {
    BRIM_NEED_STORIES260K();
    use_image("stories260K", {"pack", model_, "--tokenizer", tokenizer_, "--quant", "rtn"});
  }

  // The head of an ELF program for AArch64, for what ends before it is started.
  std::string any_firmware() const {
    std::string head(64, '\0');
    head.replace(0, 6,
                 std::string("\x7F"
                             "ELF\x02\x01",
                             6));
    head.replace(16, 4, std::string("\x02\0\xB7\0", 4));
    return folder_.write("firmware.elf", head);
  }

  const std::string model_ = stories260k_folder() + "stories260K.bin";
  const std::string tokenizer_ = stories260k_folder() + "tok512.bin";
};

TEST_F(CliStories, PackingCalibratesWhereItCanAndSaysWithWhat) {
  const std::string image = folder_.path() + "/best.brim";
  const ProcessResult result = brim({"pack", model_, "-o", image, "--tokenizer", tokenizer_});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.err.find("best calibrates with a short text of its own"), std::string::npos) << result.err;
  EXPECT_EQ(json_of({"inspect", image, "--json"})["model"]["quantiser"], "best");
  EXPECT_FALSE(std::filesystem::exists(image + ".unfinished"));

  const std::string text = folder_.write("text", "Once upon a time there was a brim of a hat.");
  expect_failure(brim({"pack", model_, "-o", image, "--quant", "rtn", "--calib", text}), "--calib");
  expect_failure(brim({"pack", model_, "-o", image, "--calib", text}), "--tokenizer");
  expect_failure(brim({"pack", model_, "-o", image, "--quant", "gptq"}), "--tokenizer");
  expect_failure(
      brim({"pack", model_, "-o", image, "--tokenizer", tokenizer_, "--calib", folder_.path() + "/absent"}),
      "absent");
}

TEST_F(CliStories, RunDecodesTheTextItReports) {
  const json report = json_of({"run", image_, "-p", "Once upon a time", "-n", "40", "--json"});
  expect_keys(report, {"text", "token_ids", "prompt_tokens", "generated_tokens", "prompt_seconds",
                       "decode_seconds", "decode_tokens_per_second"});
  EXPECT_EQ(report["generated_tokens"], 40);
  EXPECT_EQ(report["token_ids"].size(), report["prompt_tokens"].get<size_t>() + 40);
  const std::string text = report["text"];
  EXPECT_EQ(text.find("Once upon a time, there was a"), 0u) << text;
  EXPECT_EQ(output({"run", image_, "-p", "Once upon a time", "-n", "40"}), text + "\n");
}

TEST_F(CliDemo, FourBitCachesArePackedInspectedAndRun) {
  const std::string image = folder_.path() + "/kv4.brim";
  const auto pack = [&](Arguments more) {
    Arguments arguments = pack_;
    arguments.insert(arguments.end(), {"-o", image});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult result = brim(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.err;
  };
  const auto cache = [&] { return json_of({"inspect", image, "--json"})["model"]["kv_cache"]; };
  pack({"--kv", "4"});
  EXPECT_EQ(cache(), "4 bit, rotated");
  EXPECT_NE(output({"inspect", image}).find("KV cache 4 bit, rotated"), std::string::npos);
  EXPECT_EQ(output({"run", image, "-p", "Once upon a time", "-n", "20"}),
            output({"run", image, "-p", "Once upon a time", "-n", "20", "--target", "reference"}));
  pack({"--kv", "4", "--no-kv-rotation"});
  EXPECT_EQ(cache(), "4 bit");
  pack({"--kv", "k8v4"});
  EXPECT_EQ(cache(), "keys 8 bit, values 4 bit");
  // Eight bits hold the whole context.
  EXPECT_EQ(pack({"--kv", "auto"}).find("4 bits"), std::string::npos);
  EXPECT_EQ(cache(), "8 bit");
}

TEST_F(CliDemo, AnEmbeddingOnTheCardGivesTheSameText) {
  const std::string image = folder_.path() + "/card.brim";
  Arguments pack = pack_;
  pack.insert(pack.end(), {"-o", image, "--embedding", "q8,card"});
  output(pack);
  const json report = json_of({"inspect", image, "--json"});
  EXPECT_EQ(report["model"]["embedding"], "q8");
  EXPECT_EQ(report["model"]["embedding_on_card"], true);
  EXPECT_EQ(output({"run", image, "-p", "Once upon a time", "-n", "20"}),
            output({"run", image, "-p", "Once upon a time", "-n", "20", "--target", "reference"}));
  EXPECT_NE(output({"export", image, folder_.path() + "/sd"}).find("brimrows.img"), std::string::npos);
  if (BRIM_HAS_RTL) {
    EXPECT_EQ(output({"run", image, "-p", "Once", "-n", "3"}),
              output({"run", image, "-p", "Once", "-n", "3", "--target", "rtl"}));
  }
}

TEST_F(CliDemo, ASavedTextGoesOnAsIfItHadNeverStopped) {
  const std::string file = folder_.path() + "/context";
  for (const Arguments& sampling : {Arguments{}, {"--temp", "0.9", "--seed", "3"}}) {
    const auto with = [&](Arguments arguments) {
      arguments.insert(arguments.end(), sampling.begin(), sampling.end());
      return output(arguments);
    };
    const std::string whole = with({"run", image_, "-p", "Once upon a time", "-n", "24"});
    with({"run", image_, "-p", "Once upon a time", "-n", "10", "--save", file});
    EXPECT_EQ(with({"run", image_, "-n", "14", "--load", file}), whole);
    EXPECT_EQ(with({"run", image_, "-n", "14", "--load", file, "--target", "reference"}), whole);
    // Saved again, and with more text behind it.
    with({"run", image_, "-n", "4", "--load", file, "--save", file});
    EXPECT_EQ(with({"run", image_, "-n", "10", "--load", file}), whole);
    EXPECT_NE(with({"run", image_, "-n", "1", "-p", " The end.", "--load", file}).find("The end."),
              std::string::npos);
  }
  if (BRIM_HAS_RTL) {
    // Saved by one, loaded by the other.
    const std::string whole = output({"run", image_, "-p", "Once upon", "-n", "6"});
    for (const auto& [first, second] : {std::pair("cpu", "rtl"), {"rtl", "reference"}}) {
      output({"run", image_, "-p", "Once upon", "-n", "3", "--save", file, "--target", first});
      EXPECT_EQ(output({"run", image_, "-n", "3", "--load", file, "--target", second}), whole);
    }
  }
  const ProcessResult other = brim({"run", image_, "-n", "1", "--load", image_});
  expect_failure(other, "is no saved context (wrong magic)");
  expect_failure(brim({"run", image_, "-n", "1", "--load", folder_.path() + "/absent"}), "absent");
}

TEST_F(CliStories, ABakedTextIsGoneOnFromWithTheSameTextAndWithoutBeingRun) {
  const std::string baked = folder_.path() + "/baked.brim";
  const std::string text = "Once upon a time there was a big dog. The dog";
  EXPECT_NE(output({"bake", image_, "-p", text, "-o", baked}).find("tokens of a text"), std::string::npos);
  EXPECT_EQ(output({"run", baked, "-n", "16"}), output({"run", image_, "-p", text, "-n", "16"}));
  // The rest may change the last token of what was baked: " l" is part of another one.
  for (const char* rest : {" liked to", "s", " and the cat"}) {
    const json alone = json_of({"run", image_, "-p", text + rest, "-n", "16", "--json"});
    const json behind = json_of({"run", baked, "-p", rest, "-n", "16", "--json"});
    EXPECT_EQ(behind["token_ids"], alone["token_ids"]);
    EXPECT_EQ(behind["text"], alone["text"]);
    EXPECT_LE(behind["prompt_tokens_run"], 6) << alone["prompt_tokens_run"];
  }
  EXPECT_EQ(output({"run", baked, "-n", "6", "--target", "reference"}),
            output({"run", image_, "-p", text, "-n", "6"}));
  if (BRIM_HAS_RTL) {
    EXPECT_EQ(output({"run", baked, "-n", "2", "--target", "rtl"}),
              output({"run", image_, "-p", text, "-n", "2"}));
  }
  const json report = json_of({"inspect", baked, "--json"});
  EXPECT_EQ(report["prompt"]["text"], text);
  EXPECT_EQ(report["prompt"]["kind"], "text");
  EXPECT_NE(output({"inspect", baked}).find("tokens of a text, run already: Once upon"), std::string::npos);
  EXPECT_NE(output({"export", baked, folder_.path() + "/sdkv"}).find("brimkv.img"), std::string::npos);
  output({"verify", baked});
  const ProcessResult chat = brim({"run", baked, "--chat", "-n", "3"}, "Lily\n");
  EXPECT_NE(chat.err.find("is not used"), std::string::npos) << chat.err;
  EXPECT_EQ(chat.out, output({"run", image_, "--chat", "-n", "3"}, "Lily\n"));
}

TEST_F(CliStories, ABakedSystemPromptOpensEveryConversation) {
  const std::string baked = folder_.path() + "/baked.brim";
  const std::string system = "Lily is a girl who has a red ball and a big dog.";
  output({"bake", image_, "--system", system, "-o", baked});
  EXPECT_EQ(json_of({"inspect", baked, "--json"})["prompt"]["kind"], "system prompt");
  const std::string turns = "Lily\nBen\n/reset\nBen\n";
  EXPECT_EQ(output({"run", baked, "--chat", "-n", "7"}, turns),
            output({"run", image_, "--chat", "--system", system, "-n", "7"}, turns));
  // One turn's tokens are all that is run, also behind a self check.
  for (const char* before : {"", "/selfcheck\n", "Ben\n/reset\n"}) {
    const std::string stats =
        output({"run", baked, "--chat", "-n", "3"}, before + std::string("Lily\n/stats\n"));
    const size_t prompt = stats.find("prompt       ");
    ASSERT_NE(prompt, std::string::npos) << stats;
    EXPECT_LE(std::stoi(stats.substr(prompt + 13)), 5) << stats;
  }
  expect_failure(brim({"bake", image_, "--system", std::string(4000, 'x'), "-o", baked}),
                 "tokens, and the context");
  EXPECT_EQ(brim({"bake", image_, "-o", baked}).exit_code, 2);
  EXPECT_EQ(brim({"bake", image_, "-p", "x", "--system", "y", "-o", baked}).exit_code, 2);
  expect_failure(brim({"board", baked, "--no-card"}), "its baked prompt is read from the card");
}

TEST_F(CliStories, RunTakesItsPromptFromAnArgumentAFileOrStandardInput) {
  const std::string expected = output({"run", image_, "-p", "Lily and Ben", "-n", "8"});
  EXPECT_EQ(output({"run", image_, "--prompt-file", folder_.write("prompt", "Lily and Ben"), "-n", "8"}),
            expected);
  EXPECT_EQ(output({"run", image_, "--prompt-file", "-", "-n", "8"}, "Lily and Ben"), expected);
  EXPECT_EQ(json_of({"run", image_, "-n", "3", "--json"})["prompt_tokens"], 1) << "BOS alone";
}

TEST_F(CliStories, RunIsReproducibleBySeed) {
  const auto text = [&](const std::string& seed) {
    return output(
        {"run", image_, "-p", "One day", "-n", "24", "--temp", "1.2", "--top-p", "0.95", "--seed", seed});
  };
  const std::string seven = text("7");
  EXPECT_EQ(text("7"), seven);
  EXPECT_NE(text("8"), seven);
  const auto greedy = [&](const std::string& seed) {
    return output({"run", image_, "-n", "16", "--seed", seed});
  };
  EXPECT_EQ(greedy("1"), greedy("2")) << "greedy is the default and draws nothing";
}

TEST_F(CliStories, RunGivesTheSameTextOnEveryTargetWithAnyWidthAndThreads) {
  const Arguments base = {"run", image_, "-p", "Once upon a time there was a big dog", "-n", "20"};
  const std::string expected = output(base);
  std::vector<Arguments> targets = {
      {"--target", "reference"}, {"--target", "cpu", "-t", "1"}, {"-t", "3"}, {"--tokens-per-pass", "1"}};
  if (BRIM_HAS_RTL) targets.push_back({"--target", "rtl"});
  for (const Arguments& more : targets) {
    Arguments arguments = base;
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(output(arguments), expected) << more[0] << ' ' << more[1];
  }
}

TEST_F(CliStories, MinPOfOneIsGreedyAtAnyTemperature) {
  EXPECT_EQ(output({"run", image_, "-n", "24", "--temp", "2", "--min-p", "1", "--seed", "5"}),
            output({"run", image_, "-n", "24"}));
}

TEST_F(CliStories, DraftsChangeNoToken) {
  const Arguments base = {"run", image_, "-p", "Once upon a time", "-n", "60", "--json"};
  for (const Arguments& sampling : {Arguments{}, {"--temp", "0.8", "--seed", "3", "--min-p", "0.05"}}) {
    const auto with = [&](const Arguments& more) {
      Arguments arguments = base;
      arguments.insert(arguments.end(), sampling.begin(), sampling.end());
      arguments.insert(arguments.end(), more.begin(), more.end());
      return json_of(arguments);
    };
    const json plain = with({"--spec-type", "none"});
    EXPECT_EQ(plain["passes"], 59);
    EXPECT_EQ(plain["tokens_per_pass"], 1.0);
    EXPECT_EQ(plain["drafted"]["ngram"], 0);
    for (const Arguments& spec :
         {Arguments{}, {"--spec-type", "ngram"}, {"--spec-type", "auto", "--spec-draft-n-max", "3"}}) {
      const json drafted = with(spec);
      EXPECT_EQ(drafted["token_ids"], plain["token_ids"]);
      EXPECT_LE(drafted["passes"], 59);
      EXPECT_LE(drafted["accepted"]["ngram"], drafted["drafted"]["ngram"]);
    }
  }
}

// An image whose draft model is the model itself, rounded otherwise: right most of the time.
TEST_F(CliStories, ADraftModelChangesNoTokenAndIsCountedByItself) {
  const std::string image = folder_.path() + "/draft.brim", passes = folder_.path() + "/passes";
  const Arguments pack = {"pack", model_, "-o", image, "--tokenizer", tokenizer_, "--quant", "rtn"};
  const auto pack_with = [&](const Arguments& more) {
    Arguments arguments = pack;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return brim(arguments);
  };
  const ProcessResult packed =
      pack_with({"--draft", model_, "--draft-quant", "rtn", "--draft-embedding", "q4"});
  EXPECT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_NE(packed.err.find("has no tokenizer to compare"), std::string::npos) << packed.err;
  EXPECT_NE(packed.out.find("drafts for it: context 512"), std::string::npos) << packed.out;
  const json report = json_of({"inspect", image, "--json"});
  EXPECT_EQ(report["draft"]["embedding"], "q4");
  EXPECT_EQ(report["draft"]["context_tokens"], 512);
  EXPECT_NE(output({"inspect", image}).find("draft.weights.0"), std::string::npos);
  EXPECT_NE(output({"inspect", image, "--program", "--draft"}).find("matvec"), std::string::npos);
  EXPECT_TRUE(json_of({"inspect", image_, "--json"})["draft"].is_null());

  for (const Arguments& sampling : {Arguments{}, {"--temp", "0.8", "--seed", "3"}}) {
    const auto with = [&](const std::string& from, const std::string& type, const Arguments& more) {
      Arguments arguments = {"run",    from,          "-p", "Once upon a time", "-n", "60",
                             "--json", "--spec-type", type};
      arguments.insert(arguments.end(), sampling.begin(), sampling.end());
      arguments.insert(arguments.end(), more.begin(), more.end());
      return json_of(arguments);
    };
    const json plain = with(image_, "none", {});
    EXPECT_FALSE(plain["drafted"].contains("draft"));
    for (const char* type : {"none", "ngram", "draft", "auto"}) {
      EXPECT_EQ(with(image, type, {})["token_ids"], plain["token_ids"]) << type;
    }
    const json drafted = with(image, "draft", {"--spec-draft-n-min", "3", "--passes", passes});
    EXPECT_EQ(drafted["token_ids"], plain["token_ids"]);
    EXPECT_EQ(drafted["drafted"]["ngram"], 0);
    EXPECT_GT(drafted["accepted"]["draft"], 20) << "of 59";
    EXPECT_GT(drafted["tokens_per_pass"], 1.5);
    const json replayed = json_of({"sim", image, "--replay", passes, "--json"});
    EXPECT_EQ(replayed["decode_passes"], drafted["passes"]);
    EXPECT_GE(replayed["draft_passes"], drafted["drafted"]["draft"]);
    EXPECT_GT(replayed["draft_seconds"], 0.0);
    expect_failure(brim({"sim", image_, "--replay", passes}), "does not have");
  }
  expect_failure(brim({"run", image_, "-n", "1", "--spec-type", "draft"}), "pack it with --draft");
  expect_failure(brim({"inspect", image_, "--program", "--draft"}), "has no draft model");

  std::filesystem::remove(image);
  expect_failure(pack_with({"--draft", "synthetic:smollm2-135m"}), "has 49152 tokens, not 512");
  expect_failure(pack_with({"--draft", BRIM_SOURCE_DIR "/models/demo", "--draft-quant", "rtn"}),
                 "token 262 is \"ou\"");
  EXPECT_FALSE(std::filesystem::exists(image));
}

TEST_F(CliStories, PassesOfARunAreReplayedOnABoard) {
  const std::string passes = folder_.path() + "/passes";
  const json run = json_of({"run", image_, "-p", "Once upon a time", "-n", "20", "--json", "--passes", passes,
                            "--spec-type", "none"});
  const json replayed = json_of({"sim", image_, "--replay", passes, "--json"});
  EXPECT_EQ(replayed["decode_passes"], run["passes"]);
  EXPECT_EQ(replayed["decoded_tokens"], 19);
  EXPECT_GT(replayed["decode_tokens_per_second"], 0.0);
  expect_failure(brim({"sim", image_, "--replay", folder_.path() + "/absent"}), "absent");
  expect_failure(brim({"run", image_, "-n", "1", "--passes", folder_.path() + "/absent/passes"}), "passes");
}

TEST_F(CliStories, ShownDraftsAreTheSameTextInColour) {
  std::string coloured = output({"run", image_, "-n", "60", "--show-drafts"});
  for (const char* colour : {"\033[32m", "\033[0m"}) {
    for (size_t at; (at = coloured.find(colour)) != std::string::npos;) coloured.erase(at, strlen(colour));
  }
  EXPECT_EQ(coloured, output({"run", image_, "-n", "60", "--spec-type", "none"}));
}

TEST_F(CliStories, ChatAnswersWithTheTokensOfRunAndGoesOnAfterEachTurn) {
  const std::string prompt = "Once upon a time";
  const std::string first =
      json_of({"run", image_, "-p", prompt + "\n", "-n", "9", "--json"})["generated_text"];
  EXPECT_EQ(output({"run", image_, "--chat", "-n", "9"}, prompt + "\n"), first + "\n");
  const std::string both = output({"run", image_, "--chat", "-n", "9"}, prompt + "\nLily\n");
  EXPECT_EQ(both.find(first + "\n"), 0u) << both;
  EXPECT_NE(both, first + "\n" + output({"run", image_, "--chat", "-n", "9"}, "Lily\n"))
      << "the second turn follows the first";
}

TEST_F(CliStories, ChatHasTheCommandsOfTheBoard) {
  const std::string prompt = "Once upon a time\n";
  const std::string answer = output({"run", image_, "--chat", "-n", "5"}, prompt);
  EXPECT_EQ(output({"run", image_, "--chat"}, "/tokens 5\n" + prompt), "at most 5 tokens\n" + answer);
  EXPECT_EQ(output({"run", image_, "--chat", "-n", "5"}, prompt + "/reset\n" + prompt),
            answer + "The conversation is forgotten.\n" + answer);
  const std::string stats = output({"run", image_, "--chat", "-n", "5"}, prompt + "/stats\n");
  EXPECT_NE(stats.find("context      10 of 512 tokens used"), std::string::npos) << stats;
  EXPECT_NE(stats.find("prompt       6 tokens"), std::string::npos) << stats;
  EXPECT_NE(stats.find("decoded      4 tokens"), std::string::npos) << stats;
  EXPECT_EQ(stats.find(" 0.000 s"), std::string::npos) << stats;
  const std::string help = output({"run", image_, "--chat"}, "/help\n/quit\n" + prompt);
  for (const char* name :
       {"/reset", "/stats", "/tokens", "/temp", "/top-k", "/top-p", "/min-p", "/stop", "/seed", "/quit"})
    EXPECT_NE(help.find(name), std::string::npos) << name;
  EXPECT_EQ(help.find("upon"), std::string::npos) << "/quit ended it";

  const auto sampled = [&](const std::string& seed) {
    return output({"run", image_, "--chat", "-n", "12"}, "/temp 1.2\n/seed " + seed + "\n" + prompt);
  };
  EXPECT_EQ(sampled("7"), sampled("7"));
  EXPECT_NE(sampled("7"), sampled("8"));
  EXPECT_EQ(sampled("7").substr(sampled("7").rfind("seed 7\n") + 7),
            output({"run", image_, "--chat", "-n", "12", "--temp", "1.2", "--seed", "7"}, prompt));
}

TEST_F(CliDemo, AnswersFollowAGrammarOrASchema) {
  const Arguments run = {"run", image_,   "-p", "Once there was", "-n", "200", "--temp",
                         "1",   "--seed", "3",  "--json"};
  const auto with = [&](const Arguments& more) {
    Arguments all = run;
    all.insert(all.end(), more.begin(), more.end());
    return json_of(all);
  };
  const std::string schema =
      R"({"type":"object","properties":{"name":{"type":"string","maxLength":8},"age":{"type":"integer","minimum":1,"maximum":99}},"required":["name","age"]})";
  const auto answer = with({"--json-schema", schema});
  EXPECT_EQ(answer["stop_reason"], "end of text");
  const auto value = nlohmann::json::parse(answer["generated_text"].get<std::string>());
  EXPECT_LE(value.at("age").get<int>(), 99);
  EXPECT_TRUE(value.at("name").is_string());
  EXPECT_EQ(with({"--json-schema", schema, "--spec-type", "none"})["token_ids"], answer["token_ids"]);

  const std::string file = folder_.write("words.gbnf", "root ::= \" aye\" | \" nay\"\n");
  const std::string word = with({"--grammar-file", file})["generated_text"];
  EXPECT_TRUE(word == " aye" || word == " nay") << word;
  const std::string chat =
      output({"run", image_, "--chat", "--grammar", "root ::= \"yes\" | \"no\""}, "Hello\nAgain\n");
  EXPECT_EQ(std::count(chat.begin(), chat.end(), '\n'), 2) << chat << ": each answer follows the grammar";

  expect_failure(brim({"run", image_, "-p", "A", "--grammar", "root ::= root \"a\""}),
                 "left recursion: root -> root");
  expect_failure(brim({"run", image_, "-p", "A", "--json-schema", R"({"not":{}})"}),
                 "#/not: is not supported");
  expect_failure(brim({"run", image_, "-p", "A", "--grammar-file", "/absent.gbnf"}),
                 "cannot read /absent.gbnf");
}

TEST_F(CliDemo, AStopTextEndsTheAnswerBeforeIt) {
  const Arguments run = {"run", image_, "-p", "Once upon a time", "-n", "40", "--json"};
  const std::string whole = json_of(run)["generated_text"];
  ASSERT_GT(whole.size(), 20u);
  const std::string stop = whole.substr(10, 4);
  Arguments stopped = run;
  stopped.insert(stopped.end(), {"--stop", "never there", "--stop", stop});
  const auto answer = json_of(stopped);
  EXPECT_EQ(answer["generated_text"], whole.substr(0, whole.find(stop)));
  EXPECT_EQ(answer["stop_reason"], "stop text");
  stopped.insert(stopped.end(), {"--spec-type", "none"});
  EXPECT_EQ(json_of(stopped)["token_ids"], answer["token_ids"]) << "also within drafts";
}

TEST_F(CliDemo, BiasesBanTokensAndNameThoseThatAreNone) {
  const Arguments run = {"run", image_, "-p", "Once upon a time", "-n", "8", "--json"};
  const auto ids = json_of(run)["token_ids"].get<std::vector<uint32_t>>();
  const uint32_t first = ids[ids.size() - 8];
  Arguments biased = run;
  biased.insert(biased.end(), {"--logit-bias", std::to_string(first) + "-inf"});
  const auto other = json_of(biased)["token_ids"].get<std::vector<uint32_t>>();
  EXPECT_NE(other[ids.size() - 8], first);
  expect_failure(brim({"run", image_, "-p", "A", "--logit-bias", "4000000+1"}), "there is no token 4000000");
}

TEST_F(CliStories, ChatRefusesWhatIsNoCommandAndTakesTwoSlashesForOne) {
  const ProcessResult refused = brim({"run", image_, "--chat"}, "/nonsense\n/temp nan\n/reset now\n");
  EXPECT_EQ(refused.exit_code, 0);
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(refused.error_lines(), 3u) << refused.err;
  EXPECT_NE(refused.err.find("there is no such command"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("/temp takes a number from 0 to 100"), std::string::npos) << refused.err;
  const std::string slash = json_of({"run", image_, "-p", "/quit\n", "-n", "4", "--json"})["generated_text"];
  EXPECT_EQ(output({"run", image_, "--chat", "-n", "4"}, "//quit\n"), slash + "\n");
}

TEST_F(CliStories, ATurnThatDoesNotFitEndsNoChat) {
  const std::string turn(3000, 'x');
  const ProcessResult result = brim({"run", image_, "--chat", "-n", "3"}, turn + "\nLily\n");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.error_lines(), 1u) << result.err;
  EXPECT_NE(result.err.find("does not fit"), std::string::npos) << result.err;
  EXPECT_EQ(result.out, output({"run", image_, "--chat", "-n", "3"}, "Lily\n"));
}

TEST_F(CliStories, APromptThatDoesNotFitIsRefusedBeforeItIsShown) {
  const TemporaryFolder folder;
  const std::string prompt = folder.write("prompt", std::string(4000, 'x'));
  const ProcessResult result = brim({"run", image_, "--prompt-file", prompt});
  expect_failure(result, "do not fit");
  EXPECT_EQ(result.out, "");
}

TEST_F(CliStories, AFullContextKeepsTheTextAndSaysWhatToDo) {
  const std::string small = folder_.path() + "/small.brim";
  output({"pack", model_, "-o", small, "--tokenizer", tokenizer_, "--quant", "rtn", "--context", "64"});
  const ProcessResult result = brim({"run", small, "-p", "Once upon a time", "-n", "500"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.error_lines(), 1u) << result.err;
  EXPECT_NE(result.err.find("context of 64 tokens is full"), std::string::npos) << result.err;
  EXPECT_GT(result.out.size(), 100u);
  EXPECT_EQ(json_of({"run", small, "-n", "500", "--json"})["stop_reason"], "context full");

  // Or goes on, with its first tokens and the newer half of the others.
  const json shifted =
      json_of({"run", small, "-p", "Once upon a time", "-n", "150", "--context-shift", "--json"});
  EXPECT_GE(shifted["generated_tokens"], 60) << "the model may end its story";
  const uint64_t shifts = shifted["context_shifts"];
  EXPECT_EQ(shifted["tokens_dropped"], shifts * 30);
  EXPECT_EQ(shifted["tokens_run_again"], shifts * (65 - 30 - 4 - 1));
  EXPECT_EQ(json_of({"run", small, "-p", "Once upon a time", "-n", "150", "--context-shift", "--spec-type",
                     "none", "--target", "reference", "--json"})["token_ids"],
            shifted["token_ids"]);
  const std::string context = folder_.path() + "/shifted";
  const Arguments half = {"run", small, "-n", "75", "--context-shift"};
  const auto with = [&](Arguments arguments, const Arguments& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const ProcessResult first = brim(with(half, {"-p", "Once upon a time", "--save", context}));
  EXPECT_NE(first.err.find("were run again"), std::string::npos) << first.err;
  const json rest = json_of(with(half, {"--load", context, "--json"}));
  const std::string whole = shifted["text"], last = rest["generated_text"];
  EXPECT_TRUE(whole.ends_with(last)) << whole << " / " << last;

  std::string long_prompt;
  for (int i = 0; i < 50; ++i) long_prompt += "a big dog ";
  expect_failure(brim({"run", small, "-p", long_prompt, "--json"}), "the context holds 64 tokens");
  std::string ids = "1";
  for (int i = 0; i < 64; ++i) ids += ",5";
  expect_failure(brim({"logits", small, "--ids", ids}), "context");
}

TEST_F(CliStories, TokenizeGoesBothWays) {
  const json ids = json_of({"tokenize", image_, "-p", "Once upon a time", "--json"})["ids"];
  EXPECT_EQ(ids, (json{1, 403, 407, 261, 378}));
  EXPECT_EQ(output({"tokenize", image_, "-p", "Once upon a time"}), "1,403,407,261,378\n");
  EXPECT_EQ(output({"tokenize", image_, "--decode", "1,403,407,261,378"}), "Once upon a time\n");
  EXPECT_EQ(json_of({"tokenize", image_, "--decode", "1,403,407,261,378", "--json"})["text"],
            "Once upon a time");
  EXPECT_EQ(output({"tokenize", image_, "--file", folder_.write("text", "Once upon a time")}),
            "1,403,407,261,378\n");
  EXPECT_EQ(output({"tokenize", image_, "--file", "-"}, "Once upon a time"), "1,403,407,261,378\n");
}

TEST_F(CliStories, LogitsGivesARowPerPosition) {
  const json report = json_of({"logits", image_, "--ids", "1,403,407", "--json"});
  ASSERT_EQ(report["logits"].size(), 3u);
  for (const json& row : report["logits"]) EXPECT_EQ(row.size(), 512u);
  EXPECT_EQ(json_of({"logits", image_, "--ids", "1,403,407", "--json", "--target", "reference",
                     "--tokens-per-pass", "1"})["logits"],
            report["logits"]);
  const std::string text = output({"logits", image_, "--ids", "1,403"});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(CliStories, EvalReportsPerplexityAndItsParts) {
  const std::string text = folder_.write("text", "Once upon a time, there was a little girl named Lily.");
  const json report = json_of({"eval", image_, "--text", text, "--json"});
  expect_keys(report, {"perplexity", "nll", "tokens"});
  EXPECT_GT(report["perplexity"], 1.0);
  EXPECT_LT(report["perplexity"], 10.0) << "the model was trained on such sentences";
  EXPECT_NEAR(report["perplexity"].get<double>(), std::exp(report["nll"].get<double>()), 1e-6);
  EXPECT_NE(output({"eval", image_, "--text", text}).find("perplexity "), std::string::npos);
  expect_failure(brim({"eval", image_, "--text", folder_.write("empty", "")}), "nothing to evaluate");
  expect_failure(brim({"eval", image_, "--text", folder_.path() + "/absent"}), "absent");
}

TEST_F(CliStories, InspectReportsTheMap) {
  const json report = json_of({"inspect", image_, "--json"});
  expect_keys(report, {"capacity_bytes", "used_bytes", "capacity_share", "context_tokens", "regions"});
  EXPECT_EQ(report["capacity_bytes"], uint64_t{4} << 30);
  uint64_t used = 0;
  std::set<std::string> names;
  for (const json& region : report["regions"]) {
    expect_keys(region, {"name", "address", "bytes"});
    used += region["bytes"].get<uint64_t>();
    names.insert(region["name"]);
  }
  EXPECT_EQ(report["used_bytes"], used);
  EXPECT_EQ(report["context_tokens"], 512);
  for (const char* name : {"header", "program", "parameters", "rope", "tokenizer", "embedding", "weights.0"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_NE(output({"inspect", image_}).find("stories260K"), std::string::npos);
  EXPECT_NE(output({"inspect", image_, "--program"}).find("matvec"), std::string::npos);
  const std::string svg = folder_.path() + "/map.svg";
  output({"inspect", image_, "--svg", svg});
  EXPECT_EQ(read_file(svg).find("<svg"), 0u);
}

TEST_F(CliStories, VerifyAcceptsAGoodImageAndNamesTheRegionOfABadOne) {
  EXPECT_NE(output({"verify", image_}).find("the same bits"), std::string::npos);
  std::string content = read_file(image_);
  const json regions = json_of({"inspect", image_, "--json"})["regions"];
  for (const json& region : regions) {
    if (region["name"] != "weights.0") continue;
    char& byte = content[region["file_offset"].get<size_t>() + 20000];
    byte = static_cast<char>(byte ^ 1);
  }
  const std::string bad = folder_.write("bad.brim", content);
  expect_failure(brim({"verify", bad}), "weights.0");
  expect_failure(brim({"export", bad, folder_.path() + "/sd"}), "weights.0");
}

TEST_F(CliStories, DamagedWeightsEndARunThatChecksItsStream) {
  const std::vector<std::string> run = {"run", image_, "-p", "Once", "-n", "2"};
  const auto with = [&](const std::string& image, std::vector<std::string> more) {
    more.insert(more.begin(), run.begin(), run.end());
    more[1] = image;
    return more;
  };
  EXPECT_EQ(output(with(image_, {"--check", "stream"})), output(run));
  std::string content = read_file(image_);
  const json regions = json_of({"inspect", image_, "--json"})["regions"];
  for (const json& region : regions) {
    if (region["name"] == "weights.0") content[region["file_offset"].get<size_t>() + 20000] ^= 1;
  }
  const std::string bad = folder_.write("bad.brim", content);
  expect_failure(brim(with(bad, {"--check", "stream"})), "memory of weights is damaged at address 0x");
  expect_failure(brim(with(bad, {"--target", "reference"})), "memory of weights is damaged at address 0x");
}

TEST_F(CliStories, PackLeavesOutPagesThatAreToBeAvoided) {
  const auto regions = [](const std::string& image) {
    return json_of({"inspect", image, "--json"})["regions"];
  };
  uint64_t address = 0;
  for (const json& region : regions(image_)) {
    if (region["name"] == "weights.0") address = region["address"].get<uint64_t>() + 3 * 8192 + 77;
  }
  ASSERT_NE(address, 0u);
  const std::string around = folder_.path() + "/around.brim";
  const std::vector<std::string> pack = {"pack",        model_,     "-o",      around,
                                         "--tokenizer", tokenizer_, "--quant", "rtn"};
  const auto avoiding = [&](const std::string& addresses) {
    auto arguments = pack;
    arguments.insert(arguments.end(), {"--avoid", addresses});
    return arguments;
  };
  ASSERT_EQ(brim(avoiding(std::to_string(address) + ",0x840000000")).exit_code, 0);
  const uint64_t page = address / 8192 * 8192;
  for (const json& region : regions(around)) {
    const auto first = region["address"].get<uint64_t>();
    EXPECT_TRUE(page + 8192 <= first || first + region["bytes"].get<uint64_t>() <= page) << region;
  }
  const std::vector<std::string> text = {"-p", "Once", "-n", "8"};
  const auto run = [&](const std::string& image) {
    std::vector<std::string> arguments = {"run", image};
    arguments.insert(arguments.end(), text.begin(), text.end());
    return output(arguments);
  };
  EXPECT_EQ(run(around), run(image_));
  expect_failure(brim(avoiding("here")), "--avoid here: is no address");
  expect_failure(brim(avoiding("0x700000000")), "the board has no memory there");
  expect_failure(brim(avoiding("0x1000")), "the firmware stands there");
}

TEST_F(CliStories, PackedImagesCarryAKnownPassThatVerifyComparesWith) {
  EXPECT_NE(output({"verify", image_}).find("known pass: the logits that the image carries"),
            std::string::npos);
  std::string content = read_file(image_);
  auto* header = reinterpret_cast<ImageHeader*>(content.data());
  // Offsets of docs/image-format.md.
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    std::memcpy(&value, &content[at], sizeof(value));
    return value;
  };
  EXPECT_EQ(number(4360), 8u);
  EXPECT_EQ(number(4368), 1u) << "the first token";
  std::ostringstream crc;
  crc << std::hex << std::setw(8) << std::setfill('0') << number(4364);
  EXPECT_NE(output({"inspect", image_}).find("CRC-32C " + crc.str()), std::string::npos);
  header->known_pass.logits_crc ^= 1;
  header->crc = header_checksum(content.data());
  expect_failure(brim({"verify", folder_.write("other.brim", content)}), "known pass");
}

TEST_F(CliStories, VerifyTellsJsonOfEveryExecutor) {
  const json report = json_of({"verify", image_, "-n", "4", "--json"});
  EXPECT_EQ(report["positions"], 4);
  EXPECT_EQ(report["known_pass"], true);
  ASSERT_GE(report["executors"].size(), 4u);
  EXPECT_EQ(report["executors"][0]["result"], "reference");
  EXPECT_EQ(report["executors"][1]["result"], "same");
}

TEST_F(CliStories, PackTellsItsPlanAsJson) {
  const std::string image = folder_.path() + "/again.brim";
  const json report = json_of({"pack", model_, "-o", image, "--tokenizer", tokenizer_, "--quant", "rtn",
                               "--context", "64", "--json"});
  EXPECT_EQ(report["context_tokens"], 64);
  EXPECT_EQ(report["file_bytes"], std::filesystem::file_size(image));
  EXPECT_EQ(report["used_bytes"], json_of({"inspect", image, "--json"})["used_bytes"]);
  EXPECT_EQ(report["tokenizer"], true);
}

TEST_F(CliStories, AModelAndItsImageAreSimulatedAlike) {
  const json image = json_of({"sim", image_, "--generate", "2", "--json"});
  const json model = json_of({"sim", model_, "--tokenizer", tokenizer_, "--generate", "2", "--json"});
  for (const char* key : {"cycles", "context_tokens", "memory_map", "tokens_per_second"})
    EXPECT_EQ(image[key], model[key]) << key;
}

TEST_F(CliStories, SimTakesTheBoardThatTheImageWasPackedFor) {
  const std::string image = folder_.path() + "/zcu.brim";
  output({"pack", model_, "-o", image, "--quant", "rtn", "--board", "zcu104", "--json"});
  EXPECT_EQ(json_of({"sim", image, "--json"})["board"], "zcu104");
  for (const char* option : {"--context", "--embedding", "--tokenizer"}) {
    const std::string value = option == std::string("--embedding") ? "q4" : "64";
    const ProcessResult result = brim({"sim", image, option, value});
    EXPECT_EQ(result.exit_code, 2) << option;
    EXPECT_NE(result.err.find("packed with its own"), std::string::npos) << result.err;
  }
}

TEST_F(CliStories, TracesOfAWindowBehindTheEndAreRefused) {
  const std::string trace = folder_.path() + "/trace.json";
  expect_failure(brim({"sim", image_, "--trace", trace, "--trace-from", "99999999"}), "ends at cycle");
  EXPECT_FALSE(std::filesystem::exists(trace));
}

TEST_F(CliStories, AReaderThatStopsReadingIsNoError) {
  for (const Arguments& arguments : {Arguments{"run", image_, "-n", "8"},
                                     {"run", image_, "-n", "8", "--json"},
                                     {"run", image_, "-n", "100"},
                                     {"inspect", image_},
                                     {"logits", image_, "--ids", "1,2,3"},
                                     {"verify", image_},
                                     {"sim", image_, "--json"},
                                     {"--help"}}) {
    const ProcessResult result = brim(arguments, "", Stdout::kBrokenPipe);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ' ' << result.err;
    EXPECT_EQ(result.err, "") << arguments[0];
  }
}

// The bytes of a name with which a file could take over a terminal.
constexpr const char* kBell = "a\x1B]0;owned\x07";

TEST_F(CliStories, NamesOfOthersReachNoTerminalRaw) {
  const std::string model = folder_.path() + "/" + kBell + ".bin";
  std::filesystem::copy_file(model_, model);
  const std::string image = folder_.path() + "/named.brim";
  const auto clean = [](const std::string& text) {
    return text.find('\x1B') == std::string::npos && text.find('\x07') == std::string::npos;
  };
  const ProcessResult packed = brim({"pack", model, "-o", image, "--quant", "rtn"});
  EXPECT_EQ(packed.exit_code, 0);
  EXPECT_TRUE(clean(packed.out + packed.err)) << packed.out << packed.err;
  EXPECT_NE(packed.out.find("a?]0;owned?"), std::string::npos) << packed.out;
  const ProcessResult absent = brim({"run", folder_.path() + "/" + kBell});
  EXPECT_TRUE(clean(absent.err)) << absent.err;
  EXPECT_EQ(absent.error_lines(), 1u);

  std::string content = read_file(image_);
  auto* header = reinterpret_cast<ImageHeader*>(content.data());
  std::memcpy(header->model.name, kBell, std::strlen(kBell) + 1);
  header->crc = header_checksum(content.data());
  expect_failure(brim({"inspect", folder_.write("forged.brim", content)}),
                 "the model's name has control characters");

  const std::string board =
      folder_.write("board.json", R"({"like": "kv260", "name": "k\u001b[2J", "description": "",
    "notes": []})");
  const ProcessResult refused = brim({"sim", image_, "--board", board});
  expect_failure(refused, "board.json: name has control characters");
  EXPECT_TRUE(clean(refused.err));
}

TEST_F(CliStories, ErrorsOfABoardFileLeadToTheirPlace) {
  const std::string bad = folder_.write("bad.json", "{\n  \"name\": \"x\",\n  \"ddr\" 3\n}");
  expect_failure(brim({"sim", image_, "--board", bad}), "bad.json: is not valid JSON at line 3, column 9");
  const std::string large = folder_.write("large.json", "{\n  \"clock\": 1e999}");
  expect_failure(brim({"sim", image_, "--board", large}), "large.json: has a number beyond all range, 1e999");
}

TEST_F(CliStories, AnEmptyCalibrationTextIsRefused) {
  const std::string empty = folder_.write("empty", " \n");
  expect_failure(
      brim({"pack", model_, "-o", folder_.path() + "/x.brim", "--tokenizer", tokenizer_, "--calib", empty}),
      "has no text to calibrate with");
}

TEST_F(CliStories, TheBoardRefusesWhatIsNoFirmwareAndNoCard) {
  const std::string text = folder_.write("text", "no card");
  expect_failure(brim({"board", image_, "--firmware", text}), "is no firmware");
  expect_failure(brim({"board", image_, "--firmware", folder_.path() + "/absent"}), "no firmware at");
  expect_failure(brim({"board", text, "--firmware", any_firmware()}), "neither an image nor an SD card");
  expect_failure(brim({"board", folder_.path() + "/absent", "--firmware", any_firmware()}), "absent");
}

TEST_F(CliStories, VerifySaysThatAnImageCarriesNoKnownPass) {
  std::string content = read_file(image_);
  auto* header = reinterpret_cast<ImageHeader*>(content.data());
  header->known_pass = {};
  header->crc = header_checksum(content.data());
  EXPECT_NE(
      output({"verify", folder_.write("none.brim", content)}).find("known pass: the image carries none"),
      std::string::npos);
}

TEST_F(CliStories, BenchRefusesToMeasureSimulatedHardware) {
  EXPECT_EQ(brim({"bench", image_, "--target", "rtl"}).exit_code, 2);
}

TEST_F(CliStories, BenchNamesAWrongPosition) {
  expect_failure(brim({"bench", image_, "--positions", "abc"}),
                 "'abc' is no position; give positions as 1,2,3");
  expect_failure(brim({"bench", image_, "--positions", "0,512"}), "position 512");
}

TEST_F(CliStories, BenchsTableKeepsItsColumnsAtAnySpeed) {
  const std::string text = output({"bench", image_, "--rounds", "2", "--prompt-tokens", "8", "-t", "1"});
  std::istringstream lines(text.substr(text.find('|')));
  size_t width = 0, rows = 0;
  for (std::string line; std::getline(lines, line) && line.starts_with("|"); ++rows) {
    if (width == 0) width = line.size();
    EXPECT_EQ(line.size(), width) << text;
    EXPECT_EQ(std::ranges::count(line, '|'), 6) << text;
  }
  EXPECT_EQ(rows, 5u) << text;
}

// The program in a folder without rtl/, where it looks for the Verilated accelerator.
class CliMoved : public CliStories {
 protected:
  void SetUp() override {
    CliStories::SetUp();
    std::filesystem::copy_file(BRIM_BINARY, binary_);
  }

  ProcessResult moved(Arguments arguments) const {
    arguments.insert(arguments.begin(), binary_);
    return run_process(arguments);
  }

  const std::string binary_ = folder_.path() + "/brim";
  const Arguments run_ = {"run", image_, "-n", "1", "--target", "rtl"};
  const Arguments board_ = {"board", image_, "--target", "rtl", "--no-card", "--firmware", any_firmware()};
};

TEST_F(CliMoved, WithoutTheRtlItSaysHowToBuildIt) {
  for (const Arguments& arguments : {run_, board_, {"logits", image_, "--ids", "1", "--target", "rtl"}}) {
    const ProcessResult result = moved(arguments);
    expect_failure(result, "the accelerator's RTL is not built for 1 token per pass");
    expect_failure(result, folder_.path() + "/rtl/libbrim_rtl1.so");
    expect_failure(result, "install verilator and run make rtl");
  }
  for (Arguments arguments : {run_, board_}) {
    arguments.insert(arguments.end(), {"--rtl-tokens", "4"});
    expect_failure(moved(arguments), "the accelerator's RTL is not built for 4 tokens per pass");
  }
}

TEST_F(CliMoved, WithoutTheRtlVerifyComparesTheRestAndSaysSo) {
  const ProcessResult result = moved({"verify", image_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("the same bits"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("rtl: not compared, it is not built; run make rtl"), std::string::npos)
      << result.out;
}

TEST_F(CliMoved, AnRtlThatIsNoLibraryIsRefused) {
  std::filesystem::create_directory(folder_.path() + "/rtl");
  folder_.write("rtl/libbrim_rtl1.so", "");
  for (const Arguments& arguments : {run_, board_, {"verify", image_}})
    expect_failure(moved(arguments), "cannot load " + folder_.path() + "/rtl/libbrim_rtl1.so");
}

TEST_F(CliStories, ExportWritesFilesThatAreTheImage) {
  const std::string files = output({"export", image_, folder_.path() + "/sd"});
  EXPECT_EQ(files, folder_.path() + "/sd/brim.img\n");
  const json report = json_of({"export", image_, folder_.path() + "/sd", "--json"});
  EXPECT_EQ(report["files"][0]["path"], folder_.path() + "/sd/brim.img");
  EXPECT_EQ(report["files"][0]["bytes"], std::filesystem::file_size(image_));
  EXPECT_EQ(read_file(folder_.path() + "/sd/brim.img"), read_file(image_));
}

TEST_F(CliStories, BenchReportsItsMeasurements) {
  const json report =
      json_of({"bench", image_, "--rounds", "1", "--prompt-tokens", "8", "-t", "1", "--json"});
  expect_keys(report, {"decode_tokens_per_second", "bytes_per_token", "read_bandwidth", "bandwidth_share"});
}

TEST_F(CliStories, DamagedAndUnsuitableFilesAreRefusedInOneLine) {
  const std::string model = read_file(model_);
  const std::string cut = folder_.write("cut.bin", model.substr(0, model.size() / 2));
  expect_failure(brim({"pack", cut, "-o", folder_.path() + "/out.brim"}), "cut.bin");
  const std::string wrong_tokenizer = std::string(BRIM_SHARED_DATA) + "/tokenizer/llama2-tokenizer.model";
  expect_failure(brim({"pack", model_, "-o", folder_.path() + "/out.brim", "--tokenizer", wrong_tokenizer}),
                 "32000 tokens");
  expect_failure(brim({"pack", model_, "-o", folder_.path() + "/out.brim", "--tokenizer", model_}),
                 "stories260K");
  expect_failure(brim({"pack", model_, "-o", folder_.path() + "/absent/out.brim"}), "absent/out.brim");
  expect_failure(brim({"pack", model_, "-o", folder_.path()}), "regular file");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/out.brim"));

  const std::string image = read_file(image_);
  for (const char* command : {"run", "inspect", "verify"}) {
    expect_failure(brim({command, folder_.write("cut.brim", image.substr(0, image.size() - 1))}), "cut.brim");
    expect_failure(brim({command, model_}), "no Brim image");
    expect_failure(brim({command, folder_.path() + "/absent.brim"}), "absent.brim");
    expect_failure(brim({command, folder_.path()}), "is a folder, no Brim image; if it is a model");
  }
  expect_failure(brim({"inspect", image_, "--svg", folder_.path() + "/absent/map.svg"}), "map.svg");
  expect_failure(brim({"export", image_, image_ + "/sd"}), "/sd");
}

TEST_F(CliStories, IdsOutOfRangeAreRefused) {
  expect_failure(brim({"logits", image_, "--ids", "1,512"}), "512");
  expect_failure(brim({"logits", image_, "--ids", "1,99999999999"}), "99999999999");
  expect_failure(brim({"logits", image_, "--ids", "1,x"}), "'x'");
  expect_failure(brim({"logits", image_, "--ids", "1,-2"}), "-2");
  expect_failure(brim({"tokenize", image_, "--decode", "1,512"}), "512");
}

TEST_F(CliStories, AnImageWithoutTokenizerSaysHowToGetOne) {
  const std::string image = folder_.path() + "/no-tokenizer.brim";
  EXPECT_NE(output({"pack", model_, "-o", image}).find("--tokenizer"), std::string::npos);
  for (const Arguments& arguments : {Arguments{"run", image, "-p", "a"}, {"tokenize", image, "-p", "a"}})
    expect_failure(brim(arguments), "--tokenizer");
  output({"logits", image, "--ids", "1,2"});
}

TEST_F(CliStories, AnOutputThatCannotBeWrittenIsAFailureOfOneLine) {
  for (const Stdout where : {Stdout::kClosed, Stdout::kFull}) {
    for (const Arguments& arguments : {Arguments{"run", image_, "-n", "8"},
                                       {"run", image_, "-n", "8", "--json"},
                                       {"inspect", image_},
                                       {"inspect", image_, "--json"},
                                       {"tokenize", image_, "-p", "a"},
                                       {"logits", image_, "--ids", "1"},
                                       {"verify", image_},
                                       {"pack", model_, "-o", folder_.path() + "/again.brim"}}) {
      SCOPED_TRACE(arguments[0] + ", standard output " + std::to_string(static_cast<int>(where)));
      expect_failure(brim(arguments, "", where), "standard output");
    }
  }
}

}  // namespace
}  // namespace brim::test
