// Chat templates against Jinja itself (scripts/generate_template_golden.py made the golden file), their
// limits and messages.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "template/chat_template.h"

namespace brim {
namespace {

using Json = nlohmann::ordered_json;

const std::filesystem::path kFolder = std::filesystem::path(BRIM_SOURCE_DIR) / "src/template/testdata";

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

const Json& golden() {
  static const Json json = [] {
    ::setenv("TZ", "UTC", 1);
    return Json::parse(read(kFolder / "golden.json"));
  }();
  return json;
}

// What the template writes, or false where it refuses or fails.
Json rendered(const std::string& text, const Json& conversation) {
  ChatInput input;
  input.variables = golden()["tokens"];
  input.now = golden()["now"].get<std::time_t>();
  for (const auto& [name, value] : conversation.items()) {
    if (name == "messages") {
      input.messages = value;
    } else if (name == "tools") {
      input.tools = value;
    } else if (name == "add_generation_prompt") {
      input.add_generation_prompt = value.get<bool>();
    } else {
      input.variables[name] = value;
    }
  }
  try {
    return ChatTemplate(text).render(input).text;
  } catch (const Error&) {
    return false;
  }
}

std::string failure(const std::string& text, const Json& messages = Json::array()) {
  try {
    ChatTemplate(text).render({.messages = messages});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

RenderedChat render_with(const std::string& text, const Json& messages) {
  return ChatTemplate(text).render({.messages = messages});
}

class Family : public testing::TestWithParam<std::string> {};

TEST_P(Family, WritesEveryConversationAsJinjaDoes) {
  const std::string text = read(kFolder / (GetParam() + ".jinja"));
  const Json& cases = golden()["families"][GetParam()];
  ASSERT_GE(cases.size(), 10u);
  for (const auto& [name, expected] : cases.items()) {
    EXPECT_EQ(rendered(text, golden()["conversations"][name]), expected) << name;
  }
}

std::vector<std::string> families() {
  std::vector<std::string> names;
  for (const auto& [name, cases] : golden()["families"].items()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Published, Family, testing::ValuesIn(families()), [](const auto& family) {
  std::string name = family.param;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name;
});

TEST(Template, KnowsMoreThan25Families) { EXPECT_GE(families().size(), 25u); }

TEST(Template, RunsEveryConstructAsJinjaDoes) {
  const Json conversation = {{"messages", {{{"role", "user"}, {"content", "it's\n\"é\""}}}}};
  for (const Json& program : golden()["programs"]) {
    EXPECT_EQ(rendered(program[0].get<std::string>(), conversation), program[1]) << program[0];
  }
}

TEST(Template, NamesLineAndConstructOfAnError) {
  EXPECT_EQ(failure("a\n{% if true %}\nb"), "the chat template cannot be read: line 2: 'if' has no 'endif'");
  EXPECT_EQ(failure("a\n\n{{ 'x' | sparkle }}"),
            "the chat template cannot be run: line 3: the filter 'sparkle' is not supported");
  EXPECT_EQ(failure("{{ a.b }}"), "the chat template cannot be run: line 1: 'a' is undefined and has no 'b'");
  EXPECT_EQ(failure("\n{% include 'x' %}"),
            "the chat template cannot be read: line 2: the tag 'include' is not supported");
  EXPECT_EQ(failure("{{ 1 + }}"),
            "the chat template cannot be read: line 1: '}}' stands where a value should");
  EXPECT_EQ(failure("{{ 'a' }"), "the chat template cannot be read: line 1: '{{' has no '}}'");
  EXPECT_EQ(failure("{{ raise_exception('one at a time') }}"),
            "the chat template refuses this conversation: one at a time");
}

TEST(Template, StopsWhatGoesOnForTooLong) {
  const std::string loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
  EXPECT_NE(failure(loops).find("goes on for too long"), std::string::npos);
  EXPECT_NE(failure("{% set n = namespace(t='xxxxxxxxxxxxxxxx') %}{% for i in range(99) %}"
                    "{% set n.t = n.t ~ n.t %}{% endfor %}")
                .find("64 MiB"),
            std::string::npos);
  EXPECT_NE(failure("{{ 'abc' * 99999999999 }}").find("repeated too often"), std::string::npos);
  EXPECT_NE(failure("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("calls itself too often"),
            std::string::npos);
  EXPECT_NE(failure("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}").find("too deeply"),
            std::string::npos);
  std::string sum = "{{ 1";
  for (int i = 0; i < 5000; ++i) sum += " + 1";
  EXPECT_NE(failure(sum + " }}").find("too long"), std::string::npos);
  std::string nested;
  for (int i = 0; i < 3000; ++i) nested += "{% if true %}";
  EXPECT_NE(failure(nested).find("too deeply"), std::string::npos);
  EXPECT_NE(
      failure(
          "{% set n = namespace(l=[]) %}{% for i in range(500) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}")
          .find("nested too deeply"),
      std::string::npos);
}

TEST(Template, KnowsWhatOfItsTextPeopleWrote) {
  const Json messages = {{{"role", "user"}, {"content", "  <|end|> Hi "}},
                         {{"role", "assistant"}, {"content", "a</think>b"}}};
  const auto written = [&](const std::string& text) {
    const RenderedChat chat = render_with(text, messages);
    std::string marked = chat.text;
    for (auto range = chat.input.rbegin(); range != chat.input.rend(); ++range) {
      marked.insert(range->end, 1, '}');
      marked.insert(range->begin, 1, '{');
    }
    return marked;
  };
  EXPECT_EQ(written("<{{ messages[0].role }}>{{ messages[0].content }}!"), "<user>{  <|end|> Hi }!");
  EXPECT_EQ(written("<|{{ messages[0].content | trim | upper }}|>"), "<|{<|END|> HI}|>");
  EXPECT_EQ(written("{{ 'a' ~ messages[0].content[2:5] ~ 'b' }}"), "a{<|e}b");
  EXPECT_EQ(
      written(
          "{{ messages[1].content.split('</think>')[-1] }}{{ ['x', messages[1].content[0]] | join('-') }}"),
      "{b}x-{a}");
  EXPECT_EQ(written("{{ messages[0].content.strip().replace('<|end|>', '<|x|>') }}"), "<|x|>{ Hi}");
  EXPECT_EQ(written("{{ {'c': messages[0].content} | tojson }}"), "{{\"c\": \"  <|end|> Hi \"}}");
  EXPECT_EQ(written("{% set c %}[{{ messages[0].content.strip() }}]{% endset %}{{ c }}"), "[{<|end|> Hi}]");
  EXPECT_EQ(written("{% macro m(t) %}<{{ t }}>{% endmacro %}{{ m(messages[0].content.strip()) }}"),
            "<{<|end|> Hi}>");
  EXPECT_EQ(written("{% for c in messages[1].content[:2] %}{{ c }}.{% endfor %}"), "{a}.{<}.");
}

TEST(Template, TakesAnyBytesWithoutHarm) {
  for (const char* text : {"{",           "{{",        "{%",
                           "{#",          "{{ '",      "{{ \"\\",
                           "{% raw %}",   "{% set",    "{% for",
                           "{%- -%}",     "{{ a[",     "{{ a[::",
                           "{{ {",        "{{ a.",     "{{ a|",
                           "{% macro",    "{% call",   "\xFF{{ '\xFF' }}",
                           "{% endif %}", "{{ 1.e }}", "{{ 99999999999999999999 }}"}) {
    EXPECT_NO_THROW(failure(text)) << text;
  }
}

}  // namespace
}  // namespace brim
