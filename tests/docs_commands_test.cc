// The commands of the documents, as a reader would type them: each has a command and options that there are,
// and those that need nothing but a small image are run.
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/process.h"

namespace brim::test {
namespace {

namespace fs = std::filesystem;

struct Command {
  std::string file;
  std::string line;  // without what a comment says of it
};

// README and docs, with their text.
std::map<std::string, std::string> documents() {
  const fs::path root = BRIM_SOURCE_DIR;
  std::map<std::string, std::string> texts = {{"README.md", read_file((root / "README.md").string())}};
  for (const auto& entry : fs::recursive_directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md")
      texts[fs::relative(entry.path(), root).string()] = read_file(entry.path().string());
  }
  return texts;
}

// Lines of indented blocks in which brim is run, alone or behind a pipe.
std::vector<Command> block_commands() {
  static const std::regex kRun(R"(^    ((?:\S.*\| )?(?:build/release/)?brim [a-z].*)$)");
  std::vector<Command> commands;
  for (const auto& [file, text] : documents()) {
    std::istringstream lines(text);
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
      if (!std::regex_match(line, match, kRun)) continue;
      std::string command = match[1];
      command = command.substr(0, command.find("  #"));
      commands.push_back({file, command.substr(0, command.find(" # "))});
    }
  }
  return commands;
}

// `brim COMMAND ...` within sentences.
std::vector<Command> sentence_commands() {
  static const std::regex kRun("`(brim [a-z-]+ [^`]*)`");
  std::vector<Command> commands;
  for (auto [file, text] : documents()) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    for (std::sregex_iterator at(text.begin(), text.end(), kRun), end; at != end; ++at)
      commands.push_back({file, (*at)[1]});
  }
  return commands;
}

// Every word that begins with a hyphen is an option of the command.
void expect_options(const Command& command) {
  static std::map<std::string, std::string> helps;
  static const std::regex kBrim(R"(brim ([a-z-]+)(.*))");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(command.line, match, kBrim)) << command.line;
  const std::string name = match[1];
  if (!helps.contains(name)) helps[name] = run_process({BRIM_BINARY, name, "--help"}).out;
  const std::string& help = helps[name];
  ASSERT_NE(help.find("brim " + name), std::string::npos)
      << command.file << ": there is no command " << name << " in: " << command.line;
  std::string rest = match[2];
  rest = std::regex_replace(rest, std::regex("\"[^\"]*\""), "TEXT");  // a prompt may have hyphens
  std::istringstream words(rest);
  for (std::string word; words >> word && word != "|";) {
    static const std::regex kOption("(--?[a-z][a-z-]*)(=.*)?[,.;:)]?");
    if (!std::regex_match(word, match, kOption)) continue;
    const std::regex listed("(^|[ ,])" + match[1].str() + "([ ,={\n]|$)");
    EXPECT_TRUE(std::regex_search(help, listed))
        << command.file << ": " << name << " has no " << match[1] << " in: " << command.line;
  }
}

TEST(DocsCommands, HaveCommandsAndOptionsThatThereAre) {
  const std::vector<Command> blocks = block_commands(), sentences = sentence_commands();
  EXPECT_GE(blocks.size(), 25u);
  EXPECT_GE(sentences.size(), 10u);
  for (const Command& command : blocks) expect_options(command);
  for (const Command& command : sentences) expect_options(command);
}

// What the documents call their files, as far as they are small.
class DocsCommandsRun : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(path("models"));
    fs::create_directory_symlink(fs::path(BRIM_SOURCE_DIR) / "models/demo", path("models/demo"));
    fs::create_directory_symlink(fs::path(BRIM_SOURCE_DIR) / "models/demo", path("MODEL"));
    fs::create_directories(path("build"));
    fs::create_directory_symlink(fs::path(BRIM_BINARY).parent_path(), path("build/release"));
    const ProcessResult packed = shell(
        "brim pack models/demo -o demo.brim --quant rtn --context 512 && ln demo.brim tiny.brim && ln "
        "demo.brim IMAGE");
    ASSERT_EQ(packed.exit_code, 0) << packed.err;
    pack_line_ = packed.out;
    folder_.write("FILE", "First Citizen: Before we proceed any further, hear me speak.\n");
    folder_.write("talk.json", R"([{"role": "user", "content": "Who are you?"}])");
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  ProcessResult shell(const std::string& line, const std::string& input = "") const {
    return run_process(
        {"/bin/sh", "-c", "cd '" + folder_.path() + "' && PATH=build/release:$PATH && " + line}, input);
  }

  const TemporaryFolder folder_;
  std::string pack_line_;
};

// Not run here: what takes minutes, wants a large model, one with a chat template, or an emulator.
bool takes_long(const std::string& line) {
  for (const char* part : {"llama2-7b", "tinyllama", "7b.brim", "path/to", "brim board ", "perf ", "time ",
                           "--quant", "brim pack", "brim verify", "chat-prompt", "brim serve", "..."}) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST_F(DocsCommandsRun, AsTheyAreWritten) {
  std::set<std::string> names;
  size_t count = 0;
  for (const Command& command : block_commands()) {
    if (takes_long(command.line)) continue;
    static const std::regex kFiles(R"(\b(demo\.brim|tiny\.brim|IMAGE|MODEL)\b)");
    if (!std::regex_search(command.line, kFiles)) continue;
    const ProcessResult result = shell(command.line, "ROMEO:\n");
    EXPECT_EQ(result.exit_code, 0) << command.file << ": " << command.line << '\n' << result.err;
    EXPECT_NE(result.out, "") << command.file << ": " << command.line;
    std::smatch match;
    if (std::regex_search(command.line, match, std::regex("brim ([a-z-]+)"))) names.insert(match[1]);
    ++count;
  }
  EXPECT_GE(count, 8u);
  for (const char* name : {"run", "inspect", "eval", "bench", "sim", "export"})
    EXPECT_TRUE(names.contains(name)) << name << " is shown nowhere";
}

// Numbers are other ones, words are the same.
std::string shape_of(const std::string& line) {
  return std::regex_replace(line, std::regex("[0-9][0-9,.]*"), "N");
}

TEST_F(DocsCommandsRun, ALineThatPackPrintsIsShownAsItIsPrinted) {
  std::istringstream lines(read_file(BRIM_SOURCE_DIR "/docs/board.md"));
  std::string shown;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("7b.brim: llama2-7b for kv260") != std::string::npos) shown = line.substr(4);
  }
  ASSERT_NE(shown, "");
  const auto with = [](std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  };
  std::string printed = pack_line_.substr(0, pack_line_.find('\n'));
  printed = with(printed, "demo.brim: demo for", "7b.brim: llama2-7b for");
  printed = std::regex_replace(printed, std::regex(R"(\([a-z ]+\))"), "(as much as fits into the memory)");
  EXPECT_EQ(shape_of(printed), shape_of(shown));
}

}  // namespace
}  // namespace brim::test
