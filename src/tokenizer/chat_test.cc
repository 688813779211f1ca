// Conversations as chat tables write them, and the tables that come from templates.
#include "tokenizer/chat.h"

#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/concat.h"
#include "template/chat_template.h"
#include "tokenizer/chat_table.h"
#include "tokenizer/test_texts.h"

namespace brim {
namespace {

using Json = nlohmann::ordered_json;

struct Rendered {
  std::string text;
  std::vector<std::string> verbatim;
};

Rendered render(const ChatTable& table, const std::vector<ChatTurn>& turns, const ChatOptions& options = {}) {
  std::vector<char> out(chat_text_bytes(table, turns));
  std::vector<TextRange> ranges(turns.size());
  const ChatText chat = render_chat(table, turns, options, out, ranges);
  EXPECT_TRUE(chat.fits);
  Rendered rendered{std::string(chat.text), {}};
  for (const TextRange& range : chat.verbatim) {
    rendered.verbatim.push_back(rendered.text.substr(range.begin, range.end - range.begin));
  }
  return rendered;
}

const std::vector<ChatTurn> kTurns = {{ChatRole::kSystem, "Be brief."},
                                      {ChatRole::kUser, "Hi"},
                                      {ChatRole::kAssistant, "Hello."},
                                      {ChatRole::kUser, "Bye"}};

const std::filesystem::path kTemplates = std::filesystem::path(BRIM_SOURCE_DIR) / "src/template/testdata";

// What a table is derived from: a template, its tokens, and those that end an answer in any of the families.
TokenizerParts parts_with(const std::string& jinja) {
  TokenizerParts parts;
  parts.pieces = {"<s>",
                  "</s>",
                  "<|eot_id|>",
                  "<|im_end|>",
                  "<|end|>",
                  "<end_of_turn>",
                  "<|end_of_turn|>",
                  "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
                  "<|END_OF_TURN_TOKEN|>",
                  "<|end_of_text|>",
                  "[|endofturn|]"};
  for (uint32_t id = 1; id < parts.pieces.size(); ++id) parts.ends.push_back(id);
  parts.templates = {{"default", jinja}};
  parts.template_variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  return parts;
}

TokenizerParts derived(const std::string& jinja) {
  TokenizerParts parts = parts_with(jinja);
  derive_chat_table(parts);
  return parts;
}

TokenizerParts derived_from(const std::string& family) {
  return derived(test::read_text(kTemplates / (family + ".jinja")));
}

bool has_note(const TokenizerParts& parts, const std::string& part) {
  for (const std::string& note : parts.notes) {
    if (note.find(part) != std::string::npos) return true;
  }
  return false;
}

// What Jinja makes of the turns, through the program.
std::string run(const std::string& jinja, const std::vector<ChatTurn>& turns) {
  constexpr const char* kRoles[] = {"system", "user", "assistant"};
  ChatInput input;
  input.messages = Json::array();
  for (const ChatTurn& turn : turns) {
    input.messages.push_back({{"role", kRoles[static_cast<size_t>(turn.role)]}, {"content", turn.text}});
  }
  input.variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  input.now = std::time(nullptr);
  return ChatTemplate(jinja).render(input).text;
}

TEST(ChatTable, IsWhatTheTemplateWritesRoundTheTurns) {
  const TokenizerParts parts = derived_from("llama3");
  EXPECT_EQ(parts.notes, std::vector<std::string>());
  const ChatTable table = parts.chat.table();
  EXPECT_EQ(table.flags, kHasChatTable | kTakesSystem | kTrimsSystem | kTrimsUser | kTrimsAnswer);
  EXPECT_EQ(table[kChatBegin], "<s><|start_header_id|>user<|end_header_id|>\n\n");
  EXPECT_EQ(table[kChatSystemOpen], "<s><|start_header_id|>system<|end_header_id|>\n\n");
  EXPECT_EQ(table[kChatSystemClose], "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n");
  EXPECT_EQ(table[kChatAnswerPrompt], "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(table[kChatAnswerOpen], table[kChatAnswerPrompt]);
  EXPECT_EQ(table[kChatAnswerEnd], "<|eot_id|>");
  EXPECT_EQ(table[kChatUserOpen], "<|start_header_id|>user<|end_header_id|>\n\n");
}

TEST(ChatTable, CarriesTheDefaultSystemPrompt) {
  EXPECT_EQ(derived_from("qwen2").chat.table()[kChatBegin],
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n");
  EXPECT_EQ(derived_from("qwen2").notes, std::vector<std::string>());
}

TEST(ChatTable, DropsThinkingWhereTheTemplateDoes) {
  const TokenizerParts qwen3 = derived_from("qwen3");
  EXPECT_TRUE(qwen3.chat.table().has(kDropsThinking) && qwen3.chat.table().has(kTrimsThoughtEnd));
  EXPECT_FALSE(answers_stay(qwen3.chat.table()));
  EXPECT_EQ(answer_in_history(qwen3.chat.table(), "<think>\nso\n</think>\n\nYes."), "Yes.");
  const TokenizerParts r1 = derived_from("deepseek-r1");
  EXPECT_TRUE(r1.chat.table().has(kDropsThinking));
  EXPECT_FALSE(r1.chat.table().has(kTrimsThoughtEnd));
  EXPECT_EQ(r1.chat.table()[kChatAnswerPrompt], "<\uFF5CAssistant\uFF5C><think>\n");
  EXPECT_EQ(r1.chat.table()[kChatAnswerOpen], "<\uFF5CAssistant\uFF5C>");
  EXPECT_TRUE(answers_stay(derived_from("chatml").chat.table()));
}

TEST(ChatTable, ToldWhatATableCannotSay) {
  EXPECT_TRUE(has_note(derived_from("gemma"), "takes no system prompt"));
  EXPECT_FALSE(derived_from("gemma").chat.table().has(kTakesSystem));
  EXPECT_TRUE(has_note(derived_from("mistral-v0.3"), "several turns with a system prompt"));
  EXPECT_TRUE(has_note(derived_from("llama3.2"), "writes the date"));
  EXPECT_TRUE(has_note(derived_from("solar"), "ends answers with no token"));
  EXPECT_TRUE(has_note(derived("{{ messages | tojson }}{{ 1 + none }}"),
                       "refuses a conversation of one question (the chat template cannot be run: line 1"));
  EXPECT_TRUE(has_note(derived("{{ 'fixed' }}"), "does not write a question as it is"));
  EXPECT_TRUE(has_note(derived("{% if %}"), "cannot be read: line 1"));
  EXPECT_EQ(derived("{% if %}").chat.flags, 0u);
}

// Every family's table against its own program, for conversations of its own and as they grow.
class Family : public testing::TestWithParam<std::string> {};

TEST_P(Family, HasATableThatWritesWhatItsProgramWrites) {
  const std::string jinja = test::read_text(kTemplates / (GetParam() + ".jinja"));
  const TokenizerParts parts = derived(jinja);
  const ChatTable table = parts.chat.table();
  ASSERT_TRUE(table.has(kHasChatTable));
  const std::vector<ChatTurn> talk = {{ChatRole::kUser, "What\nis it? "},
                                      {ChatRole::kAssistant, "It is."},
                                      {ChatRole::kUser, "\u3053\u3093 <|x|>"},
                                      {ChatRole::kAssistant, "So?"},
                                      {ChatRole::kUser, "No."}};
  if (!has_note(parts, "several turns")) {
    EXPECT_EQ(render(table, talk).text, run(jinja, talk));
    EXPECT_EQ(render(table, {talk[0]}).text, run(jinja, {talk[0]}));
  }
  if (table.has(kTakesSystem)) {
    const std::vector<ChatTurn> turns = {{ChatRole::kSystem, "Be\nshort."}, talk[0]};
    EXPECT_EQ(render(table, turns).text, run(jinja, turns));
  }
  if (answers_stay(table) && !table[kChatAnswerEnd].empty()) {
    EXPECT_EQ(concat(render(table, {talk[0]}).text, "It is.", table[kChatAnswerEnd],
                     render(table, {talk[2]}, {.continues = true}).text),
              render(table, {talk[0], talk[1], talk[2]}).text);
  }
}

std::vector<std::string> families() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kTemplates)) {
    if (entry.path().extension() == ".jinja") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Published, Family, testing::ValuesIn(families()), [](const auto& family) {
  std::string name = family.param;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
});

TEST(Chat, MarksWhatPeopleWroteAsVerbatim) {
  const TokenizerParts llama3 = derived_from("llama3");
  for (const ChatTable& table : {llama3.chat.table(), ChatTable()}) {
    EXPECT_EQ(render(table, kTurns).verbatim, (std::vector<std::string>{"Be brief.", "Hi", "Hello.", "Bye"}));
  }
}

TEST(Chat, PutsTurnsOnLinesWithoutATable) {
  EXPECT_EQ(render(ChatTable(), kTurns).text, "Be brief.\nHi\nHello.\nBye\n");
}

TEST(Chat, ReportsSmallBuffers) {
  const TokenizerParts parts = derived_from("llama3");
  std::vector<char> out(20);
  std::vector<TextRange> ranges(4);
  EXPECT_FALSE(render_chat(parts.chat.table(), kTurns, {}, out, ranges).fits);
  out.resize(2000);
  EXPECT_FALSE(render_chat(parts.chat.table(), kTurns, {}, out, std::span(ranges).first(1)).fits);
}

}  // namespace
}  // namespace brim
