#include "runtime/chat_command.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/concat.h"

namespace brim {
namespace {

class ChatCommandTest : public testing::Test {
 protected:
  ChatLine read(std::string_view line) { return read_chat_line(line, settings_, room_); }

  ChatSettings settings_;
  char room_[kChatMessageBytes];
};

TEST_F(ChatCommandTest, LinesAreTurnsAndTwoSlashesBeginOneWithASlash) {
  EXPECT_EQ(read("Hello /temp").action, ChatAction::kSay);
  EXPECT_EQ(read("Hello /temp").text, "Hello /temp");
  EXPECT_EQ(read("//usr/bin").action, ChatAction::kSay);
  EXPECT_EQ(read("//usr/bin").text, "/usr/bin");
  EXPECT_EQ(read("//").text, "/");
}

TEST_F(ChatCommandTest, EveryOptionOfTheSamplerIsACommand) {
  for (const SamplerOption& option : kSamplerOptions) {
    const char* good = option.flag != nullptr     ? "on"
                       : option.biases != nullptr ? "5+1"
                       : option.order != nullptr  ? "top_k;temperature"
                                                  : "1";
    const ChatLine line = read(concat("/", option.name, "  ", good, " "));
    EXPECT_EQ(line.action, ChatAction::kSampler) << option.name;
    if (option.texts != nullptr) continue;  // any text is one
    for (const char* bad : {" -101", " nan", " 99999999999999999999999", " 1x", " 1 1"}) {
      EXPECT_EQ(read(concat("/", option.name, bad)).action, ChatAction::kRefuse) << option.name << bad;
    }
  }
  EXPECT_EQ(read("/temp 0.8").text,
            "temp 0.8, top-k 1, top-p 1, min-p 1, typical 1, repeat-penalty 1, repeat-last-n 1, "
            "presence-penalty 1, "
            "frequency-penalty 1, ignore-eos on, logit-bias 1, stop 1, samplers top_k;temperature, seed 1")
      << "refusals have changed nothing";
  EXPECT_EQ(read("/logit-bias").action, ChatAction::kSampler) << "lists are emptied by no value";
  EXPECT_TRUE(settings_.sampler.logit_bias.empty());
  EXPECT_EQ(read("/seed").action, ChatAction::kRefuse);
  EXPECT_EQ(read("/temp hot").text, "/temp takes a number from 0 to 100");
  EXPECT_EQ(read("/seed x").text, "/seed takes a whole number");
  EXPECT_EQ(read("/seed 18446744073709551615").action, ChatAction::kSampler);
  EXPECT_EQ(settings_.sampler.seed, UINT64_MAX);
}

TEST_F(ChatCommandTest, TokensSetsTheLimit) {
  EXPECT_EQ(read("/tokens 7").action, ChatAction::kTokens);
  EXPECT_EQ(settings_.max_tokens, 7u);
  for (const char* bad : {"/tokens", "/tokens 0", "/tokens -1", "/tokens many", "/tokens 99999999999"})
    EXPECT_EQ(read(bad).action, ChatAction::kRefuse) << bad;
  EXPECT_EQ(settings_.max_tokens, 7u);
}

TEST_F(ChatCommandTest, UnknownCommandsAndNeedlessValuesAreRefused) {
  for (const char* bad : {"/", "/ help", "/nonsense", "/Help", "/helpme", "/reset now", "/quit 1"})
    EXPECT_EQ(read(bad).action, ChatAction::kRefuse) << bad;
  EXPECT_EQ(read("/reset now").text, "/reset takes no value");
  EXPECT_EQ(read("/quit ").action, ChatAction::kQuit);
}

TEST_F(ChatCommandTest, HelpNamesEveryCommandOnce) {
  std::multiset<std::string> named;
  write_help([&](std::string_view line) {
    EXPECT_LE(line.size(), 120u);
    named.insert(std::string(line.substr(0, line.find(' '))));
  });
  for (const ChatCommand& command : kChatCommands)
    EXPECT_EQ(named.count(concat("/", command.name)), 1u) << command.name;
  for (const SamplerOption& option : kSamplerOptions)
    EXPECT_EQ(named.count(concat("/", option.name)), 1u) << option.name;
}

}  // namespace
}  // namespace brim
