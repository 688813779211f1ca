// What the program says of its usage: help, wrong options and values, completions and the man page.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "tests/support/brim_command.h"
#include "tests/support/temporary_folder.h"

namespace brim::test {
namespace {

constexpr const char* kCommands[] = {"pack",   "inspect", "run",        "tokenize", "chat-prompt",
                                     "eval",   "logits",  "bench",      "verify",   "sim",
                                     "export", "board",   "board-file", "serve",    "bake"};

TEST(CliUsage, HelpAndVersionSucceedOnStandardOutput) {
  EXPECT_NE(output({"--help"}).find("brim pack"), std::string::npos);
  EXPECT_EQ(output({"--version"}).find("brim "), 0u);
  for (const char* command : kCommands) {
    const std::string help = output({command, "--help"});
    EXPECT_NE(help.find("Usage"), std::string::npos) << command;
    for (const char c : help)
      EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << command << ": control byte in\n"
                                                                      << help;
  }
}

TEST(CliUsage, HelpSaysWhatAnEnumerationTakes) {
  EXPECT_NE(output({"pack", "--help"}).find("fp16|q8|q4[,card]"), std::string::npos)
      << output({"pack", "--help"});
  EXPECT_NE(
      output({"board", "--help"}).find("{bus-error,flipped-bit,flipped-logits,silent,stuck-bit,wrong-bit}"),
      std::string::npos);
  EXPECT_EQ(output({"bench", "--help"}).find("rtl"), std::string::npos) << "it measures this machine";
  const ProcessResult wrong = brim({"pack", "m", "-o", "x", "--embedding", "q5"});
  EXPECT_NE(wrong.err.find("--embedding: must be fp16, q8 or q4"), std::string::npos) << wrong.err;
}

TEST(CliUsage, AMisspeltNameIsToldWithWhatWasMeant) {
  struct Case {
    Arguments arguments;
    const char* message;
  };
  for (const auto& [arguments, message] :
       {Case{{"run", "x.brim", "--promt", "hi"}, "run has no option --promt; did you mean --prompt?"},
        {{"sim", "--sweeep", "x=1"}, "sim has no option --sweeep; did you mean --sweep?"},
        {{"tokenize", "x", "--decod=1"}, "tokenize has no option --decod; did you mean --decode?"},
        {{"pack", "m", "--ouptut", "x"}, "did you mean --output?"},
        {{"pakc", "m"}, "there is no command pakc; did you mean pack?"},
        {{"frobnicate"}, "there is no command frobnicate;"},
        {{"--verison"}, "did you mean --version?"}}) {
    const ProcessResult result = brim(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.error_lines(), 1u) << result.err;
    EXPECT_NE(result.err.find(message), std::string::npos) << result.err;
  }
}

TEST(CliUsage, OptionsWithoutEffectAreRefused) {
  for (const Arguments& arguments :
       {Arguments{"sim", "synthetic:smollm2-135m", "--trace-from", "5"},
        {"sim", "synthetic:smollm2-135m", "--trace-cycles", "5"},
        {"sim", "synthetic:smollm2-135m", "--replay", "f", "--generate", "5"},
        {"sim", "synthetic:smollm2-135m", "--board", "kv260", "--sweep", "board=kv260"},
        {"board", "x.brim", "--fault-after", "2"},
        {"bench", "x.brim", "--set", "ddr.clock_mhz=1"},
        {"bench", "x.brim", "--board", "kv260"},
        {"run", "x.brim", "--chat", "--passes", "f"},
        {"run", "x.brim", "--chat", "--no-special"},
        {"inspect", "x.brim", "--json", "--program"},
        {"tokenize", "x.brim", "--decode", "1", "--no-special"}}) {
    const ProcessResult result = brim(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments[0] << ' ' << result.err;
    EXPECT_EQ(result.error_lines(), 1u) << result.err;
  }
}

TEST(CliUsage, AValueThatIsNoNumberIsToldWithItsOption) {
  const ProcessResult result = brim({"run", "x.brim", "-n", "-3"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("--tokens: '-3' is no number that it takes"), std::string::npos) << result.err;
}

TEST(CliUsage, BadUsageExitsWith2AndSaysSoOnStandardError) {
  for (const Arguments& arguments : {Arguments{},
                                     {"frobnicate"},
                                     {"pack"},
                                     {"pack", "model.bin"},
                                     {"pack", "model.bin", "-o"},
                                     {"pack", "model.bin", "-o", "x", "--embedding", "q5"},
                                     {"pack", "model.bin", "-o", "x", "--kv", "5"},
                                     {"pack", "model.bin", "-o", "x", "--embedding", "q8,disk"},
                                     {"pack", "model.bin", "-o", "x", "--context", "many"},
                                     {"pack", "model.bin", "-o", "x", "--context", "0"},
                                     {"run"},
                                     {"run", "x.brim", "--temp", "-1"},
                                     {"run", "x.brim", "--temp", "warm"},
                                     {"run", "x.brim", "--temp", "nan"},
                                     {"run", "x.brim", "--temp", "0.5x"},
                                     {"run", "x.brim", "--top-k", "-1"},
                                     {"run", "x.brim", "--top-p", "inf"},
                                     {"run", "x.brim", "--min-p", "1.5"},
                                     {"run", "x.brim", "--typical", "1.5"},
                                     {"run", "x.brim", "--repeat-penalty", "0"},
                                     {"run", "x.brim", "--repeat-last-n", "-2"},
                                     {"run", "x.brim", "--presence-penalty", "many"},
                                     {"run", "x.brim", "--logit-bias", "15043"},
                                     {"run", "x.brim", "--logit-bias", "1+1", "--logit-bias", "x"},
                                     {"run", "x.brim", "--stop", ""},
                                     {"run", "x.brim", "--samplers", "dry"},
                                     {"run", "x.brim", "--temp", "1", "--temp", "2"},
                                     {"run", "x.brim", "--grammar", "a", "--json-schema", "{}"},
                                     {"run", "x.brim", "--seed", "-1"},
                                     {"run", "x.brim", "--seed", "12345678901234567890123"},
                                     {"run", "x.brim", "--seed", "7 "},
                                     {"run", "x.brim", "--spec-type", "magic"},
                                     {"run", "x.brim", "--spec-draft-n-max", "0"},
                                     {"sim", "x.brim", "--accept", "1.5"},
                                     {"sim", "x.brim", "--spec-draft-n-max", "3"},
                                     {"run", "x.brim", "--rtl-tokens", "4"},
                                     {"run", "x.brim", "--board", "kv260"},
                                     {"run", "x.brim", "--top-p", "2"},
                                     {"run", "x.brim", "-n", "-3"},
                                     {"run", "x.brim", "--target", "abacus"},
                                     {"run", "x.brim", "--target", "rtl", "--rtl-tokens", "2"},
                                     {"board", "x.brim", "--target", "rtl", "--rtl-tokens", "2"},
                                     {"run", "x.brim", "-p", "a", "--prompt-file", "b"},
                                     {"run", "x.brim", "--no-such-option"},
                                     {"tokenize", "x.brim"},
                                     {"tokenize", "x.brim", "-p", "a", "--file", "b"},
                                     {"logits", "x.brim"},
                                     {"eval", "x.brim"},
                                     {"export", "x.brim"},
                                     {"verify"},
                                     {"inspect"}}) {
    const ProcessResult result = brim(arguments);
    std::string line;
    for (const std::string& argument : arguments) line += argument + ' ';
    EXPECT_EQ(result.exit_code, 2) << line << result.err;
    EXPECT_EQ(result.error_lines(), 1u) << line << result.err;
    EXPECT_EQ(result.err.find("brim: "), 0u) << line << result.err;
    EXPECT_EQ(result.out, "") << line;
  }
}

// What bash offers for the last of `words`.
std::set<std::string> offered(const std::string& words) {
  const ProcessResult result =
      run_process({"/bin/bash", "-c",
                   R"(eval "$1"; read -ra COMP_WORDS <<< "$2"; [[ $2 == *' ' ]] && COMP_WORDS+=('')
          COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _brim; printf '%s\n' "${COMPREPLY[@]}")",
                   "-", output({"completions", "bash"}), words});
  EXPECT_EQ(result.err, "");
  std::istringstream lines(result.out);
  std::set<std::string> words_offered;
  for (std::string line; std::getline(lines, line);) words_offered.insert(line);
  return words_offered;
}

TEST(CliCompletions, BashOffersCommandsOptionsAndValues) {
  const auto commands = offered("brim ");
  for (const char* command : {"pack", "run", "sim", "verify"})
    EXPECT_TRUE(commands.contains(command)) << command;
  EXPECT_FALSE(commands.contains("completions")) << "hidden commands stay hidden";
  EXPECT_EQ(offered("brim pa"), (std::set<std::string>{"pack"}));
  EXPECT_TRUE(offered("brim run --t").contains("--temp"));
  EXPECT_FALSE(offered("brim run --").contains("--embedding")) << "an option of another command";
  EXPECT_EQ(offered("brim run x.brim --target avx"), (std::set<std::string>{"avx2", "avx512"}));
  EXPECT_EQ(offered("brim pack --kv = k"), (std::set<std::string>{"k8v4"}));
  EXPECT_EQ(offered("brim run /proc/self/stat"),
            (std::set<std::string>{"/proc/self/stat", "/proc/self/statm", "/proc/self/status"}));
}

TEST(CliCompletions, EveryShellIsToldOfEveryOption) {
  const std::string help = output({"run", "--help"});
  const std::string texts[] = {output({"completions", "bash"}), output({"completions", "zsh"}),
                               output({"completions", "fish"}), output({"completions", "man"})};
  size_t options = 0;
  for (size_t at = 0; (at = help.find("\n  ", at)) != std::string::npos; ++at) {
    const size_t name = help.find("--", at);
    constexpr size_t kWithShortName = 8;  // further to the right stand descriptions
    if (name == std::string::npos || name > at + kWithShortName) continue;
    const std::string option = help.substr(name + 2, help.find_first_of(" ,\n{", name) - name - 2);
    ++options;
    EXPECT_NE(texts[0].find("--" + option), std::string::npos) << option;
    EXPECT_NE(texts[1].find("--" + option), std::string::npos) << option;
    EXPECT_NE(texts[2].find("-l " + option), std::string::npos) << option;
    std::string dashes;
    for (const char c : option) dashes += c == '-' ? std::string("\\-") : std::string(1, c);
    EXPECT_NE(texts[3].find("\\-\\-" + dashes), std::string::npos) << option;
  }
  EXPECT_GT(options, 15u);
}

TEST(CliCompletions, TheManPageRendersWithoutWarnings) {
  if (!std::filesystem::exists("/usr/bin/groff")) GTEST_SKIP() << "groff is not installed";
  const ProcessResult result = run_process({"/usr/bin/groff", "-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=80n"},
                                           output({"completions", "man"}));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find("EXIT STATUS"), std::string::npos);
}

}  // namespace
}  // namespace brim::test
