// The firmware in QEMU, with `brim board` in the accelerator's place, from the outside: what stands on the
// console.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "image/baked_prompt.h"
#include "image/card/sd_card.h"
#include "image/mapped_image.h"
#include "tests/support/board_process.h"

namespace brim {
namespace {

using test::Board;
using test::read_file;

class BoardTest : public testing::Test {
 protected:
  void SetUp() override {
    BRIM_NEED_BOARD();
    std::filesystem::create_directories(directory_ / "tmp");
  }

  std::string file(const std::string& name) const { return (directory_ / name).string(); }

  // The demo model's image.
  std::string image(const std::string& context = "512", const std::string& board = "kv260") {
    const std::string path = file("demo" + context + ".brim");
    const std::string command = std::string(BRIM_BINARY) +
                                " pack --quant rtn " BRIM_SOURCE_DIR "/models/demo -o " + path +
                                " --context " + context + " --board " + board + " >/dev/null 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return path;
  }

  // The same for a board whose first memory has no room for all of it: a card gets two files.
  std::string image_in_two_memories() {
    std::ifstream in(BRIM_SOURCE_DIR "/boards/kv260.json");
    auto board = nlohmann::json::parse(in);
    auto& regions = board["regions"];
    regions.push_back({{"name", "rest"}, {"base", "0x300000"}, {"bytes", "0x7FD00000"}});
    regions[0]["bytes"] = "0x300000";
    std::ofstream(file("board.json")) << board;
    return image("512", file("board.json"));
  }

  std::string card(const std::vector<ImagePart>& parts) {
    write_sd_card(parts, file("card.img"));
    return file("card.img");
  }

  // A card with one file of these bytes.
  std::string card(const std::string& name, const std::vector<uint8_t>& bytes) {
    return card({ImagePart{name, bytes}});
  }

  std::vector<uint8_t> contents(const std::string& path) {
    const MappedFile mapped(path);
    return {mapped.bytes().begin(), mapped.bytes().end()};
  }

  // Boots from the card; nothing is to be left to go on with after `message`.
  void expect_halt(const std::vector<std::string>& arguments, const std::string& message) {
    Board board(file("tmp"), arguments);
    EXPECT_TRUE(board.shows(message));
    EXPECT_TRUE(board.shows("Halted: there is nothing to go on with."));
    EXPECT_EQ(board.finish(), 1);
  }

  const test::TemporaryFolder folder_;
  const std::filesystem::path directory_ = folder_.path();
};

class BoardEntry : public BoardTest, public testing::WithParamInterface<int> {};

TEST_P(BoardEntry, BootsAndTalks) {
  const std::string level = std::to_string(GetParam());
  Board board(file("tmp"), {image(), "--el", level});
  EXPECT_TRUE(board.shows(", EL" + level + ","));
  EXPECT_TRUE(board.shows("Self test passed"));
  EXPECT_TRUE(board.shows("> "));
  board.send("/tokens 3\nROMEO:\n");
  EXPECT_TRUE(board.shows("[3 tokens; /tokens sets the limit]"));
  EXPECT_EQ(board.finish(), 0);
}
INSTANTIATE_TEST_SUITE_P(Levels, BoardEntry, testing::Values(1, 2, 3));

// Token ids whose K and V are in the cache after the passes.
std::vector<uint32_t> last_conversation(const std::string& path) {
  std::vector<uint32_t> ids;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    uint32_t position = 0;
    words >> position;
    EXPECT_LE(position, ids.size()) << line;
    ids.resize(position);  // what was there is run anew
    for (uint32_t id = 0; words >> id;) ids.push_back(id);
  }
  return ids;
}

class BoardTarget : public BoardTest, public testing::WithParamInterface<std::string> {};

TEST_P(BoardTarget, ChatsGreedilyWithTheTokensOfRun) {
  if (GetParam() == "rtl" && !BRIM_HAS_RTL) GTEST_SKIP() << "verilator is missing";
  const std::string path = image();
  const std::string command =
      std::string(BRIM_BINARY) + " run " + path + " -p 'ROMEO:\n' -n 16 --json > " + file("run.json");
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream in(file("run.json"));
  auto expected = nlohmann::json::parse(in)["token_ids"].get<std::vector<uint32_t>>();
  ASSERT_EQ(expected.size(), 6u + 16u);
  expected.pop_back();  // chosen, but never run

  Board board(file("tmp"), {path, "--target", GetParam(), "--passes", file("passes")});
  board.send(
      "/tokens 16\nROMI\x7f"
      "EO\xC3\xA9\x7f:\n");  // two characters are taken back, one of them of two bytes
  EXPECT_TRUE(board.shows("[16 tokens;"));
  EXPECT_EQ(board.finish(), 0);
  auto run = last_conversation(file("passes"));
  ASSERT_GE(run.size(), expected.size());
  run.resize(expected.size());  // behind them, drafts that were not kept
  EXPECT_EQ(run, expected);
}
INSTANTIATE_TEST_SUITE_P(Targets, BoardTarget, testing::Values("cpu", "reference", "rtl"));

class BoardFourBits : public BoardTest, public testing::WithParamInterface<std::string> {};

// The demo model has rotated q and k then.
TEST_P(BoardFourBits, OfKAndVGiveTheTextOfTheReference) {
  if (GetParam() == "rtl" && !BRIM_HAS_RTL) GTEST_SKIP() << "verilator is missing";
  const std::string path = file("kv4.brim");
  for (const std::string& command :
       {BRIM_BINARY " pack --quant rtn " BRIM_SOURCE_DIR "/models/demo --kv 4 --context 256 >/dev/null -o " +
            path,
        BRIM_BINARY " run --target reference " + path + " -p 'ROMEO:\n' -n 8 --json > " + file("run.json")})
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream in(file("run.json"));
  const std::string expected = nlohmann::json::parse(in)["generated_text"];

  Board board(file("tmp"), {path, "--target", GetParam()});
  EXPECT_TRUE(board.shows("Self test passed", 200));
  board.send("/tokens 8\nROMEO:\n");
  EXPECT_TRUE(board.shows("[8 tokens;", 200));
  EXPECT_EQ(board.finish(), 0);
  std::string console = board.console();
  std::erase(console, '\r');
  EXPECT_NE(console.find("> ROMEO:\n" + expected + "\n[8 tokens;"), std::string::npos) << expected << "\n"
                                                                                       << console;
}
INSTANTIATE_TEST_SUITE_P(Targets, BoardFourBits, testing::Values("cpu", "rtl"));

class BoardRows : public BoardTest {
 protected:
  std::string image_with_rows_on_the_card() {
    const std::string command = BRIM_BINARY " pack --quant rtn " BRIM_SOURCE_DIR "/models/demo -o " +
                                file("rows.brim") + " --embedding q8,card >/dev/null 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return file("rows.brim");
  }
};

// The self test compares logits with those of the packer; the text is that of the host.
TEST_F(BoardRows, OfAnEmbeddingOnTheCardAreReadBeforeEachPass) {
  const std::string path = image_with_rows_on_the_card();
  const std::string prompt = "ROMEO: Now is the winter of our discontent";  // some passes
  const std::string command = BRIM_BINARY " run " + path + " -p '" + prompt + "\n' -n 12 > " + file("text");
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream in(file("text"));
  std::string text((std::istreambuf_iterator<char>(in)), {});
  text = text.substr(prompt.size() + 1);  // the answer alone
  text = text.substr(0, text.find('\n'));

  Board board(file("tmp"), {path});
  EXPECT_TRUE(board.shows("Self test passed"));
  board.send("/tokens 12\n" + prompt + "\n/stats\n");
  EXPECT_TRUE(board.shows(text));
  EXPECT_TRUE(board.shows("rows of the embedding, waited for "));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardRows, ThatAreMissingOnTheCardAreAskedFor) {
  const MappedImage image(image_with_rows_on_the_card());
  std::vector<ImagePart> parts = image_parts(image);
  ASSERT_EQ(parts.back().name, kRowsName);
  parts.pop_back();
  expect_halt({card(parts)}, "brimrows.img with the rows of the embedding is not on the card.");
}

class BoardTemplate : public BoardTest, public testing::WithParamInterface<std::string> {
 protected:
  // The demo model's image with a chat template of a family.
  std::string image_with(const std::string& family) {
    std::filesystem::copy(BRIM_SOURCE_DIR "/models/demo", file("model"),
                          std::filesystem::copy_options::recursive);
    std::filesystem::copy_file(BRIM_SOURCE_DIR "/src/template/testdata/" + family + ".jinja",
                               file("model/chat_template.jinja"));
    run("pack " + file("model") + " -o " + file("model.brim") + " --context 512", "/dev/null");
    return file("model.brim");
  }

  // The tokens that the template itself gives on the host.
  std::vector<uint32_t> prompt(const std::string& image, const nlohmann::json& messages) {
    std::ofstream(file("messages.json")) << messages;
    run("chat-prompt " + image + " --messages " + file("messages.json") + " --json", file("prompt.json"));
    std::ifstream in(file("prompt.json"));
    return nlohmann::json::parse(in)["ids"].get<std::vector<uint32_t>>();
  }

  void run(const std::string& arguments, const std::string& output) {
    const std::string command = BRIM_BINARY " " + arguments + " > " + output;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
};

TEST_P(BoardTemplate, TalksInTheTokensOfTheTemplate) {
  constexpr uint32_t kEnd = 2;
  const std::string path = image_with(GetParam());
  const nlohmann::json first = {{{"role", "user"}, {"content", "ROMEO: x"}}};
  nlohmann::json second = first;
  second.push_back({{"role", "assistant"}, {"content", "Ay"}});
  second.push_back({{"role", "user"}, {"content", "And?"}});
  const std::vector<uint32_t> opening = prompt(path, first);
  const std::vector<uint32_t> whole = prompt(path, second);
  // What stands behind the end of the answer in the history.
  const auto end = std::find(whole.begin() + static_cast<std::ptrdiff_t>(opening.size()), whole.end(), kEnd);
  ASSERT_NE(end, whole.end());

  Board board(file("tmp"), {path, "--passes", file("passes")});
  board.send("/tokens 1\nROMEO: x\nAnd?\n");
  for (int prompts = 0; prompts < 4; ++prompts) EXPECT_TRUE(board.shows("> "));
  EXPECT_EQ(board.finish(), 0);
  const std::vector<uint32_t> ids = last_conversation(file("passes"));
  ASSERT_GE(ids.size(), opening.size());
  EXPECT_TRUE(std::equal(opening.begin(), opening.end(), ids.begin()));
  ASSERT_GE(ids.size() - opening.size(), static_cast<size_t>(whole.end() - end));
  EXPECT_TRUE(std::equal(end, whole.end(), ids.end() - (whole.end() - end)));
}
INSTANTIATE_TEST_SUITE_P(Families, BoardTemplate, testing::Values("zephyr", "llama2", "olmo2"));

// With 4,160 positions the scores of four tokens fit into the eight lanes' buffer, not those of seven.
TEST_F(BoardTest, AsksTheAcceleratorForNoPassThatItRefuses) {
  if (!BRIM_HAS_RTL) GTEST_SKIP() << "verilator is missing";
  const std::string path = file("long.brim");
  const std::string pack =
      BRIM_BINARY " pack --quant rtn " BRIM_SOURCE_DIR "/models/demo --context 4160 >/dev/null -o " + path;
  ASSERT_EQ(std::system(pack.c_str()), 0) << pack;
  Board board(file("tmp"), {path, "--preload", "--target", "rtl", "--rtl-tokens", "8"});
  EXPECT_TRUE(board.shows("Self test passed"));
  board.send("/tokens 2\nROMEO:\n");
  EXPECT_TRUE(board.shows("[2 tokens;"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, KeepsTheConversationOverTurnsAndForgetsItOnRequest) {
  const std::string path = image();
  Board board(file("tmp"), {path, "--passes", file("passes")});
  board.send("/spec none\n/tokens 5\nROMEO:\nJULIET:\n/stats\n");
  EXPECT_TRUE(board.shows("[5 tokens;"));
  EXPECT_TRUE(board.shows("[5 tokens;"));
  EXPECT_TRUE(board.shows("of 512 tokens used"));
  EXPECT_TRUE(board.shows("token/s"));
  EXPECT_TRUE(board.shows("bytes per token"));
  EXPECT_GT(last_conversation(file("passes")).size(), 16u) << "the second turn follows the first";
  board.send("/reset\nROMEO:\n");
  EXPECT_TRUE(board.shows("forgotten"));
  EXPECT_TRUE(board.shows("[5 tokens;"));
  EXPECT_EQ(board.finish(), 0);
  EXPECT_EQ(last_conversation(file("passes")).size(), 6u + 4u);
}

TEST_F(BoardTest, SamplesTheSameTextForTheSameSeed) {
  Board board(file("tmp"), {image(), "--passes", file("passes")});
  std::vector<std::vector<uint32_t>> texts;
  for (const char* seed : {"7", "7", "8"}) {
    board.send(std::string("/reset\n/temp 0.9\n/seed ") + seed + "\n/tokens 12\nROMEO:\n");
    ASSERT_TRUE(board.shows("[12 tokens;"));
    texts.push_back(last_conversation(file("passes")));
    ASSERT_GE(texts.back().size(), 6u + 11u);
    texts.back().resize(6 + 11);  // behind them, drafts that were not kept
  }
  EXPECT_EQ(board.finish(), 0);
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_NE(texts[0], texts[2]);
}

TEST_F(BoardTest, DraftsGiveTheSameText) {
  // Four texts: greedy and sampled, with drafts and without; each fills most of the context.
  std::vector<std::string> texts;
  Board board(file("tmp"), {image()});
  EXPECT_TRUE(board.shows("> "));
  for (const char* settings : {"/temp 0", "/temp 0.8\n/seed 7\n/min-p 0.1"}) {
    for (const char* spec : {"none", "ngram"}) {
      board.send(std::string("/reset\n") + settings + "\n/spec " + spec + "\n/tokens 200\nROMEO:\n");
      ASSERT_TRUE(board.shows("> ROMEO:"));
      ASSERT_TRUE(board.shows("[200 tokens;", 100));
      const size_t begin = board.console().rfind("> ROMEO:");
      texts.push_back(board.console().substr(begin, board.console().find("[200 tokens;", begin) - begin));
    }
  }
  board.send("/stats\n");
  EXPECT_TRUE(board.shows("drafted tokens accepted"));
  EXPECT_EQ(board.finish(), 0);
  EXPECT_EQ(texts[1], texts[0]);
  EXPECT_EQ(texts[3], texts[2]);
  EXPECT_NE(texts[2], texts[0]);
}

TEST_F(BoardTest, ADraftModelDraftsAndChangesNoToken) {
  const std::string path = file("draft.brim");
  const std::string command = BRIM_BINARY " pack --quant rtn " BRIM_SOURCE_DIR
                                          "/models/demo --draft " BRIM_SOURCE_DIR
                                          "/models/demo/draft --draft-quant rtn --context 256 -o " +
                              path + " >/dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::vector<std::string> texts;
  Board board(file("tmp"), {path});
  EXPECT_TRUE(board.shows("> "));
  for (const char* settings : {"/temp 0", "/temp 0.8\n/seed 7"}) {
    for (const char* spec : {"none", "draft", "auto"}) {
      board.send(std::string("/reset\n") + settings + "\n/spec " + spec + "\n/tokens 60\nROMEO:\n");
      ASSERT_TRUE(board.shows("> ROMEO:"));
      ASSERT_TRUE(board.shows("[60 tokens;", 100));
      const size_t begin = board.console().rfind("> ROMEO:");
      texts.push_back(board.console().substr(begin, board.console().find("[60 tokens;", begin) - begin));
    }
  }
  board.send("/stats\n");
  EXPECT_TRUE(board.shows("of them the draft model's"));
  EXPECT_EQ(board.finish(), 0);
  for (const size_t with_drafts : {1, 2}) {
    EXPECT_EQ(texts[with_drafts], texts[0]);
    EXPECT_EQ(texts[3 + with_drafts], texts[3]);
  }
}

TEST_F(BoardTest, StartsWithAnImageThatIsInMemoryAlready) {
  Board board(file("tmp"), {image(), "--preload"});
  EXPECT_TRUE(board.shows("The image is in memory already"));
  EXPECT_TRUE(board.shows("Self test passed"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, EndsWithOneObjectOfJson) {
  const std::string command = "printf '/quit\\n' | TMPDIR=" + file("tmp") +
                              " " BRIM_BINARY " board -t 1 --json " + image() + " >" + file("out") + " 2>" +
                              file("err");
  EXPECT_EQ(std::system(command.c_str()), 0);
  const auto report = nlohmann::json::parse(read_file(file("out")));
  EXPECT_EQ(report["exit_code"], 0);
  EXPECT_EQ(report["ended"], true);
  EXPECT_GE(report["passes"], 2) << "those of the self test";
  EXPECT_NE(read_file(file("err")).find("Self test passed"), std::string::npos);
}

TEST_F(BoardTest, ShowsNoneOfQemusOwnMessages) {
  const std::string command = "printf '/quit\\n' | TMPDIR=" + file("tmp") + " " BRIM_BINARY " board -t 1 " +
                              image() + " >" + file("out") + " 2>" + file("err");
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(std::filesystem::file_size(file("err")), 0u) << std::ifstream(file("err")).rdbuf();
  EXPECT_GT(std::filesystem::file_size(file("out")), 0u);
}

TEST_F(BoardTest, SaysThatThereIsNoCard) {
  expect_halt({image(), "--no-card"}, "there is no SD card in the slot");
}

TEST_F(BoardTest, SaysThatTheFileIsMissing) {
  expect_halt({card("NOTES.TXT", {1, 2, 3})}, "there is no brim.img on the card");
}

TEST_F(BoardTest, SaysThatTheFileIsTruncated) {
  auto bytes = contents(image());
  bytes.resize(bytes.size() - 8192);
  expect_halt({card("brim.img", bytes)}, "it is truncated or of another image");
}

TEST_F(BoardTest, NamesTheRegionInWhichABitIsFlipped) {
  const std::string path = image();
  auto bytes = contents(path);
  const MappedImage mapped(path);
  for (const RegionEntry& region : mapped.regions()) {
    if (region.kind == RegionKind::kWeights) bytes[region.file_offset + region.file_bytes / 2] ^= 4;
  }
  expect_halt({card("brim.img", bytes)}, "the checksum of region weights.0 is wrong");
}

TEST_F(BoardTest, NamesTheHeaderInWhichABitIsFlipped) {
  auto bytes = contents(image());
  bytes[offsetof(ImageHeader, context)] ^= 4;
  expect_halt({card("brim.img", bytes)}, "Error: brim.img: the header's checksum is wrong");
}

TEST_F(BoardTest, LoadsAnImageInTwoFilesAndNamesTheOneThatIsMissing) {
  const std::string path = image_in_two_memories();
  const MappedImage mapped(path);
  const auto parts = image_parts(mapped);
  ASSERT_EQ(parts.size(), 2u);
  {
    Board board(file("tmp"), {card(parts)});
    EXPECT_TRUE(board.shows("Self test passed"));
    EXPECT_EQ(board.finish(), 0);
  }
  expect_halt({card({parts[0]})}, "Error: brim1.img is missing on the card");
}

TEST_F(BoardTest, IgnoresAFileThatAnEarlierLargerImageHasLeft) {
  const auto bytes = contents(image());
  const std::vector<uint8_t> stale(100'000, 1);
  Board board(file("tmp"), {card({{"brim.img", bytes}, {"brim1.img", stale}})});
  EXPECT_TRUE(board.shows("Self test passed"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, SaysThatTheBoardHasLessMemoryThanTheImageIsFor) {
  expect_halt({image(), "--memory", "2048"}, "MiB of memory at 0x800000000; this board");
}

TEST_F(BoardTest, SaysThatTheAcceleratorNeverAnswers) {
  Board board(file("tmp"), {image(), "--fault", "silent"});
  EXPECT_TRUE(board.shows("did not finish a pass of 8 tokens at position 0 within"));
  EXPECT_TRUE(board.shows("It does not react to a reset either"));
  EXPECT_TRUE(board.shows("Error: self test: a pass failed"));
  EXPECT_EQ(board.finish(), 1);
}

TEST_F(BoardTest, NamesExpectedAndComputedChecksumOfASelfTestThatFails) {
  const std::string path = image();
  std::ostringstream expected;
  expected << std::hex << std::uppercase << "0x" << MappedImage(path).header().known_pass.logits_crc;
  // In the pass of eight tokens, then in that of one.
  for (const char* after : {"0", "1"}) {
    Board board(file("tmp"), {path, "--fault", "wrong-bit", "--fault-after", after});
    EXPECT_TRUE(board.shows(
        after[0] == '0' ? "Error: self test: 8 tokens from position 0: the checksum of the logits is 0x"
                        : "Error: self test: 1 token from position 7: the checksum of the logits is 0x"));
    EXPECT_TRUE(board.shows(", expected " + expected.str() + ". The accelerator cannot be trusted."));
    EXPECT_EQ(board.finish(), 1);
  }
}

TEST_F(BoardTest, SaysThatAnImageCarriesNoKnownPassAndTalksAllTheSame) {
  auto bytes = contents(image());
  auto* header = reinterpret_cast<ImageHeader*>(bytes.data());
  header->known_pass = {};
  header->crc = header_checksum(bytes.data());
  Board board(file("tmp"), {card("brim.img", bytes)});
  EXPECT_TRUE(board.shows("No self test: the image carries no known pass."));
  board.send("/tokens 2\nROMEO:\n");
  EXPECT_TRUE(board.shows("[2 tokens;"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, SurvivesABusErrorDuringAnAnswer) {
  // The self test is two passes, the prompt one; the answer's fourth token fails, and everything from then
  // on.
  Board board(file("tmp"), {image(), "--fault", "bus-error", "--fault-after", "6"});
  EXPECT_TRUE(board.shows("Self test passed"));
  board.send("/spec none\nROMEO:\n");
  EXPECT_TRUE(
      board.shows("Error: accelerator: bus error on a read (code 4) at address 0x202000, position 9"));
  EXPECT_TRUE(board.shows("It has been reset."));
  EXPECT_TRUE(board.shows("> "));
  board.send("/stats\n");
  EXPECT_TRUE(board.shows("9 of 512 tokens used"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, SurvivesAnAcceleratorThatFallsSilentDuringAnAnswer) {
  Board board(file("tmp"), {image(), "--fault", "silent", "--fault-after", "5"});
  EXPECT_TRUE(board.shows("Self test passed"));
  board.send("/spec none\nROMEO:\n");
  EXPECT_TRUE(board.shows("Error: the accelerator did not finish a pass of 1 tokens at position 8 within"));
  EXPECT_TRUE(board.shows("It does not react to a reset either: reset the board."));
  board.send("/help\n");
  EXPECT_TRUE(board.shows(" forget the conversation"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, RepairsDamagedWeightsFromTheCardAndGoesOnWithTheSameText) {
  const std::string path = image();
  std::vector<std::vector<uint32_t>> texts;
  for (const bool damaged : {false, true}) {
    std::vector<std::string> arguments = {path, "--passes", file("passes")};
    if (damaged) arguments.insert(arguments.end(), {"--fault", "flipped-bit", "--fault-after", "5"});
    Board board(file("tmp"), arguments);
    board.send("/spec none\n/tokens 8\nROMEO:\n/stats\n");
    if (damaged) {
      EXPECT_TRUE(board.shows("[weights.0 is damaged at 0x"));
      EXPECT_TRUE(board.shows("read from the card again in 0."));
    }
    EXPECT_TRUE(board.shows("[8 tokens;"));
    EXPECT_TRUE(board.shows(damaged ? "1 repairs, the last at 0x" : "0 repairs;"));
    EXPECT_EQ(board.finish(), 0);
    texts.push_back(last_conversation(file("passes")));
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST_F(BoardTest, RunsAPassAgainWhoseLogitsAreDamagedAndGoesOnWithTheSameText) {
  const std::string path = image();
  std::vector<std::vector<uint32_t>> texts;
  for (const bool damaged : {false, true}) {
    std::vector<std::string> arguments = {path, "--passes", file("passes")};
    if (damaged) arguments.insert(arguments.end(), {"--fault", "flipped-logits", "--fault-after", "5"});
    Board board(file("tmp"), arguments);
    board.send("/spec none\n/tokens 8\nROMEO:\n/stats\n");
    if (damaged) {
      EXPECT_TRUE(board.shows("[logits is damaged at 0x"));
    }
    EXPECT_TRUE(board.shows("[8 tokens;"));
    EXPECT_TRUE(board.shows(damaged ? "1 repairs, the last at 0x" : "0 repairs;"));
    EXPECT_EQ(board.finish(), 0);
    texts.push_back(last_conversation(file("passes")));
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST_F(BoardTest, NamesTheMemoryThatDoesNotKeepWhatIsWrittenToIt) {
  Board board(file("tmp"), {image(), "--fault", "stuck-bit", "--fault-after", "5"});
  board.send("/spec none\nROMEO:\n");
  EXPECT_TRUE(
      board.shows("does not keep what is written to it. Pack the model around it: brim pack --avoid 0x"));
  EXPECT_TRUE(board.shows("Error: accelerator: damaged memory (code 8) at address 0x"));
  board.send("/help\n");
  EXPECT_TRUE(board.shows(" forget the conversation"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, SaysThatThereIsNoCardToRepairFrom) {
  Board board(file("tmp"), {image(), "--preload", "--fault", "flipped-bit", "--fault-after", "5"});
  board.send("/spec none\nROMEO:\n");
  EXPECT_TRUE(board.shows("there is no card to read it from again"));
  EXPECT_EQ(board.finish(), 0);
}

// The known pass stands where the conversation begins.
TEST_F(BoardTest, ASelfCheckLeavesTheConversationAsItWas) {
  const std::string path = image();
  const auto passes = [&] {
    std::vector<std::string> lines;
    std::ifstream in(file("passes"));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  };
  std::vector<std::vector<std::string>> second_turns;
  for (const bool checked : {false, true}) {
    Board board(file("tmp"), {path, "--passes", file("passes")});
    board.send("/spec none\n/tokens 5\nROMEO:\n");
    EXPECT_TRUE(board.shows("[5 tokens;"));
    if (checked) {
      board.send("/selfcheck\n");
      EXPECT_TRUE(board.shows("Self test passed"));
    }
    EXPECT_TRUE(board.shows("> "));
    const size_t before = passes().size();
    board.send("JULIET:\n");
    EXPECT_TRUE(board.shows("[5 tokens;"));
    EXPECT_EQ(board.finish(), 0);
    auto turn = passes();
    turn.erase(turn.begin(), turn.begin() + static_cast<std::ptrdiff_t>(before));
    second_turns.push_back(turn);
  }
  EXPECT_EQ(second_turns[0], second_turns[1]);
}

TEST_F(BoardTest, SurvivesLinesThatAreTooLongOrNoText) {
  Board board(file("tmp"), {image()});
  EXPECT_TRUE(board.shows("> "));
  board.send(std::string(10'000, 'x') + "\n");
  EXPECT_TRUE(board.shows("bytes and was dropped."));
  board.send("\xff\xfe\x80\n");
  EXPECT_TRUE(board.shows("Error: the line is no valid UTF-8"));
  board.send("/nonsense\n/temp hot\n");
  EXPECT_TRUE(board.shows("there is no such command"));
  EXPECT_TRUE(board.shows("/temp takes a number"));
  board.send("/tokens 2\nROMEO:\n");
  EXPECT_TRUE(board.shows("[2 tokens;"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, ControlCEndsAnAnswerAndTheChatGoesOn) {
  Board board(file("tmp"), {image()});
  EXPECT_TRUE(board.shows("> "));
  board.send("/tokens 500\nROMEO:\n");
  EXPECT_TRUE(board.shows("ROMEO:\n"));
  EXPECT_TRUE(board.shows("\n")) << "the first line of the answer";
  board.send("\x03");
  EXPECT_TRUE(board.shows("[stopped]"));
  board.send("/tokens 2\nJULIET:\n");
  EXPECT_TRUE(board.shows("[2 tokens;"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, SaysThatTheContextIsFullAndGoesOnAfterAReset) {
  Board board(file("tmp"), {image("64")});
  board.send("/tokens 500\nROMEO:\n");
  EXPECT_TRUE(
      board.shows("[the context of 64 tokens is full; /reset begins a new conversation, /shift on drops the "
                  "older half]"));
  board.send("JULIET:\n");
  EXPECT_TRUE(board.shows("Error: the context of 64 tokens is full"));
  board.send("/reset\n/tokens 2\nJULIET:\n");
  EXPECT_TRUE(board.shows("[2 tokens;"));
  EXPECT_EQ(board.finish(), 0);
}

TEST_F(BoardTest, AContextThatShiftsGoesOnWithTheTextOfRun) {
  const std::string path = image("64");
  const std::string command = std::string(BRIM_BINARY) + " run " + path +
                              " -p 'ROMEO:\n' -n 150 --context-shift --json > " + file("run.json") +
                              " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream in(file("run.json"));
  const auto expected = nlohmann::json::parse(in);
  ASSERT_GE(expected["context_shifts"].get<int>(), 2);
  Board board(file("tmp"), {path});
  board.send("/shift on\n/tokens 150\nROMEO:\n");
  EXPECT_TRUE(board.shows("goes on"));
  EXPECT_TRUE(board.shows("were run again]"));
  EXPECT_EQ(board.finish(), 0);
  std::string text = expected["generated_text"], console = board.console();
  std::erase(console, '\r');
  EXPECT_NE(console.find(text), std::string::npos) << text;
}

// The demo model with a window of 64 positions in two of its three layers: rings of 256 in a context of 512.
// The self check writes to the first places of rings whose positions there are later ones.
TEST_F(BoardTest, ATextThatGoesRoundTheRingsOfWindowsIsThatOfTheReference) {
  std::filesystem::copy(BRIM_SOURCE_DIR "/models/demo", file("model"),
                        std::filesystem::copy_options::recursive);
  std::ifstream plain(file("model/config.json"));
  auto config = nlohmann::json::parse(plain);
  config["model_type"] = "mistral";
  config["sliding_window"] = 64;
  config["layer_types"] = {"sliding_attention", "full_attention", "sliding_attention"};
  std::ofstream(file("model/config.json")) << config;
  const std::string path = file("window.brim");
  for (const std::string& command :
       {BRIM_BINARY " pack --quant rtn " + file("model") + " --context 512 -o " + path + " >/dev/null 2>&1",
        BRIM_BINARY " run --target reference " + path + " -p 'ROMEO:\n' -n 400 --json > " + file("run.json")})
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::ifstream in(file("run.json"));
  auto expected = nlohmann::json::parse(in)["token_ids"].get<std::vector<uint32_t>>();
  ASSERT_EQ(expected.size(), 6u + 400u);

  Board board(file("tmp"), {path, "--passes", file("passes")});
  EXPECT_TRUE(board.shows("Self test passed"));
  board.send("/tokens 400\nROMEO:\n/selfcheck\n/tokens 2\nAnd\n");
  EXPECT_TRUE(board.shows("[400 tokens;", 200));
  EXPECT_TRUE(board.shows("Self test passed"));
  EXPECT_TRUE(board.shows("[2 tokens;"));
  EXPECT_EQ(board.finish(), 0);
  const auto run = last_conversation(file("passes"));
  ASSERT_GE(run.size(), expected.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), run.begin()));
}

class BoardPrompt : public BoardTest {
 protected:
  static constexpr const char* kSystem =
      "The scene is a street in Verona. Two gentlemen of the house of Capulet walk by, and a fool.";

  // `image` behind a system prompt.
  std::string baked(const std::string& image, const std::string& system) {
    std::ofstream(file("system.txt")) << system;
    run("bake " + image + " --system-file " + file("system.txt") + " -o " + file("baked.brim"), "/dev/null");
    return file("baked.brim");
  }

  void run(const std::string& arguments, const std::string& output) {
    const std::string command = BRIM_BINARY " " + arguments + " > " + output;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  // What the host, without baking it, answers to lines of a chat.
  std::string answers_to(const std::string& lines, const std::string& image, const std::string& system) {
    std::ofstream(file("system.txt")) << system;
    const std::string command = "printf '" + lines + "' | " BRIM_BINARY " run " + image +
                                " --chat --system \"$(cat " + file("system.txt") + ")\" -n 12 > " +
                                file("run.txt");
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    std::string answers = read_file(file("run.txt"));
    answers.pop_back();
    return answers;
  }

  // The passes of the board so far: position, and how many tokens.
  std::vector<std::pair<uint32_t, uint32_t>> passes() const {
    std::vector<std::pair<uint32_t, uint32_t>> result;
    std::ifstream in(file("passes"));
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      uint32_t position = 0, width = 0;
      words >> position;
      for (uint32_t id = 0; words >> id;) ++width;
      result.emplace_back(position, width);
    }
    return result;
  }

  // Behind the two passes of the self test: one for the turn, which brings the first token of its answer.
  void expect_first_token_after_one_pass(uint32_t baked_tokens) const {
    const auto all = passes();
    ASSERT_GT(all.size(), 4u);
    EXPECT_GE(all[2].first + 1, baked_tokens) << "nothing of the prompt but perhaps its last token";
    EXPECT_EQ(all[3].first, all[2].first + all[2].second);
    EXPECT_EQ(all[3].second, 1u) << "the first token of the answer came after one pass";
  }

  static std::string without_returns(std::string console) {
    std::erase(console, '\r');
    return console;
  }
};

TEST_F(BoardPrompt, ThatIsBakedIsReadFromTheCardAndTheFirstTokenComesAfterOnePass) {
  const std::string path = baked(image(), kSystem);
  const auto tokens = static_cast<uint32_t>(baked_prompt(MappedImage(path))->tokens.size());
  ASSERT_GT(tokens, 30u);
  const std::string first = answers_to("Hi\\n", image(), kSystem);
  const std::string second = answers_to("Hi\\nHo\\n", image(), kSystem).substr(first.size() + 1);

  Board board(file("tmp"), {path, "--passes", file("passes")});
  board.send("/spec none\n/tokens 12\nHi\nHo\n");
  EXPECT_TRUE(board.shows("tokens stand in the KV cache already"));
  EXPECT_TRUE(board.shows("[12 tokens;"));
  EXPECT_TRUE(board.shows("[12 tokens;"));
  board.send("/selfcheck\n/reset\nHi\n");
  EXPECT_TRUE(board.shows("[12 tokens;"));
  EXPECT_EQ(board.finish(), 0);
  expect_first_token_after_one_pass(tokens);

  // Each answer as on the host, the first one a second time after the self check.
  const std::string console = without_returns(board.console());
  const size_t once = console.find("> Hi\n" + first);
  ASSERT_NE(once, std::string::npos) << first << "\n" << console;
  EXPECT_NE(console.find("> Hi\n" + first, once + 1), std::string::npos) << console;
  EXPECT_NE(console.find("> Ho\n" + second), std::string::npos) << second << "\n" << console;
}

// An image with a draft model, whose cache is baked too: drafts come without reading the prompt.
TEST_F(BoardPrompt, OfFiveHundredTokensIsBehindTheFirstAnswerOfBothModels) {
  const std::string path = file("draft.brim");
  // Trained for 512, which are less than prompt and answer.
  std::filesystem::copy(BRIM_SOURCE_DIR "/models/demo/draft", file("draft"));
  std::ifstream trained(file("draft/config.json"));
  auto config = nlohmann::json::parse(trained);
  config["max_position_embeddings"] = 1024;
  std::ofstream(file("draft/config.json")) << config;
  run("pack --quant rtn " BRIM_SOURCE_DIR "/models/demo --draft " + file("draft") +
          " --draft-quant rtn --context 1024 -o " + path + " 2>/dev/null",
      "/dev/null");
  std::string system = read_file(BRIM_SOURCE_DIR "/src/quantize/calibration.txt").substr(0, 1900);
  system.resize(system.rfind(' '));
  const std::string with_prompt = baked(path, system);
  const MappedImage image(with_prompt);
  const auto prompt = baked_prompt(image);
  ASSERT_GE(prompt->tokens.size(), 512u);
  ASSERT_FALSE(prompt->draft_cache.empty());
  const std::string expected = answers_to("Hi\\n", path, system);

  Board board(file("tmp"), {with_prompt, "--passes", file("passes")});
  board.send("/spec draft\n/tokens 12\nHi\n/stats\n");
  EXPECT_TRUE(board.shows("tokens stand in the KV cache already"));
  EXPECT_TRUE(board.shows("[12 tokens;"));
  EXPECT_TRUE(board.shows("of them the draft model's"));
  EXPECT_EQ(board.finish(), 0);
  EXPECT_NE(without_returns(board.console()).find("> Hi\n" + expected), std::string::npos) << expected << "\n"
                                                                                           << board.console();
  // No pass of either model behind the self test's runs any of the prompt but perhaps its last token.
  const auto all = passes();
  ASSERT_GT(all.size(), 4u);
  for (size_t i = 2; i < all.size(); ++i) EXPECT_GE(all[i].first + 1, prompt->tokens.size()) << "pass " << i;
}

TEST_F(BoardPrompt, ThatIsDamagedOrMissingOnTheCardIsAskedFor) {
  const MappedImage image(baked(BoardTest::image(), kSystem));
  auto parts = image_parts(image);
  ASSERT_EQ(parts.back().name, "brimkv.img");
  std::vector<uint8_t> damaged(parts.back().bytes.begin(), parts.back().bytes.end());
  damaged[damaged.size() / 2] ^= 1;
  auto other = parts;
  other.back().bytes = damaged;
  expect_halt({card(other)}, "brimkv.img with the baked prompt has a wrong checksum");
  other.back().bytes = std::span(damaged).first(512);
  expect_halt({card(other)}, "brimkv.img with the baked prompt has a wrong size");
  other.pop_back();
  expect_halt({card(other)}, "brimkv.img with the baked prompt is not on the card");
}

TEST_F(BoardTest, PrintsAnExceptionInsteadOfDyingInSilence) {
  // start.S ends with mov x29, xzr; mov x30, xzr; bl firmware_main. The call becomes brk #0.
  auto program = contents(BRIM_FIRMWARE);
  const std::vector<uint8_t> before = {0xFD, 0x03, 0x1F, 0xAA, 0xFE, 0x03, 0x1F, 0xAA};
  const auto at = std::search(program.begin(), program.end(), before.begin(), before.end());
  ASSERT_NE(at, program.end());
  const std::vector<uint8_t> breakpoint = {0x00, 0x00, 0x20, 0xD4};
  std::copy(breakpoint.begin(), breakpoint.end(), at + static_cast<ptrdiff_t>(before.size()));
  std::ofstream(file("broken.elf"), std::ios::binary)
      .write(reinterpret_cast<const char*>(program.data()), static_cast<std::streamsize>(program.size()));
  for (const char* level : {"1", "2", "3"}) {
    expect_halt(
        {image(), "--preload", "--firmware", file("broken.elf"), "--el", level},
        std::string("EXCEPTION at EL") + level + ", vector 4 (synchronous): breakpoint or trap instruction");
  }
}

TEST_F(BoardTest, LeavesNothingBehindWhenItIsTerminated) {
  Board board(file("tmp"), {image()});
  EXPECT_TRUE(board.shows("> "));
  EXPECT_FALSE(std::filesystem::is_empty(directory_ / "tmp"));
  board.terminate();
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "tmp"));
}

}  // namespace
}  // namespace brim
