#include "tokenizer/chat_program.h"

#include <ctime>

#include "base/concat.h"
#include "base/error.h"
#include "tokenizer/chat.h"

namespace brim {
namespace {

using Json = nlohmann::ordered_json;

void check_messages(const Json& messages) {
  if (!messages.is_array() || messages.empty())
    throw Error("the messages are no list: [{\"role\": ..., \"content\": ...}]");
  for (size_t i = 0; i < messages.size(); ++i) {
    const Json& message = messages[i];
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string()) {
      throw Error(concat("message ", i + 1, " has no \"role\""));
    }
    if (!message.contains("content") && !message.contains("tool_calls")) {
      throw Error(concat("message ", i + 1, " has no \"content\""));
    }
  }
}

std::vector<uint32_t> encode(const Tokenizer& tokenizer, std::string_view text,
                             const EncodeOptions& options) {
  std::vector<uint8_t> scratch(tokenizer.scratch_bytes(text.size()));
  std::vector<uint32_t> ids(tokenizer.max_ids(text.size()));
  const EncodeResult result = tokenizer.encode(text, options, scratch, ids);
  if (result.status != EncodeStatus::kOk) {
    throw Error(concat("a conversation of ", text.size(), " bytes is too long to tokenize at once"));
  }
  ids.resize(result.count);
  return ids;
}

}  // namespace

ChatProgram::ChatProgram(const Tokenizer& tokenizer) : tokenizer_(tokenizer), variables_(Json::object()) {
  for (const auto& [name, text] : named_texts(tokenizer, kTemplates)) {
    if (name == "default") program_.emplace(text);
    if (name == "tool_use") tool_program_.emplace(text);
  }
  for (const auto& [name, text] : named_texts(tokenizer, kTemplateVariables)) variables_[name] = text;
}

ChatPrompt ChatProgram::prompt(const Json& messages, const ChatPromptOptions& options) const {
  check_messages(messages);
  const bool by_tool_program = !options.tools.is_null() && tool_program_;
  if (!program_ && !by_tool_program) return prompt_by_table(messages, options);
  ChatInput input{.messages = messages,
                  .tools = options.tools,
                  .variables = variables_,
                  .add_generation_prompt = options.add_generation_prompt,
                  .now = std::time(nullptr)};
  for (const auto& [name, value] : options.variables.items()) input.variables[name] = value;
  RenderedChat chat = (by_tool_program ? *tool_program_ : *program_).render(input);
  std::vector<TextRange> verbatim;
  for (const InputRange& range : chat.input) verbatim.push_back({range.begin, range.end});
  // The template writes BOS itself where the model wants it.
  std::vector<uint32_t> ids = encode(tokenizer_, chat.text, {.parse_special = true, .verbatim = verbatim});
  return {std::move(chat.text), std::move(ids)};
}

ChatPrompt ChatProgram::prompt_by_table(const Json& messages, const ChatPromptOptions& options) const {
  if (!options.tools.is_null() || !options.variables.empty()) {
    throw Error("the image carries no chat template that tools or template variables could reach");
  }
  std::vector<std::string> texts;
  std::vector<ChatTurn> turns;
  texts.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    const auto role = messages[i]["role"].get<std::string>();
    if (role != "system" && role != "user" && role != "assistant") {
      throw Error(concat("message ", i + 1, ": the image carries no chat template that knows the role \"",
                         role, "\""));
    }
    if (!messages[i].contains("content") || !messages[i]["content"].is_string()) {
      throw Error(concat("message ", i + 1, ": without a chat template its \"content\" must be a string"));
    }
    texts.push_back(messages[i]["content"].get<std::string>());
    turns.push_back({role == "system" ? ChatRole::kSystem
                     : role == "user" ? ChatRole::kUser
                                      : ChatRole::kAssistant,
                     texts.back()});
  }
  const ChatTable table = tokenizer_.chat_table();
  std::string room(chat_text_bytes(table, turns), '\0');
  std::vector<TextRange> ranges(turns.size());
  const ChatText chat =
      render_chat(table, turns, {.open_answer = options.add_generation_prompt}, room, ranges);
  std::vector<uint32_t> ids = encode(tokenizer_, chat.text,
                                     {.add_bos = !table.has(kHasChatTable) && tokenizer_.adds_bos(),
                                      .parse_special = true,
                                      .verbatim = chat.verbatim});
  return {std::string(chat.text), std::move(ids)};
}

std::vector<std::pair<std::string, std::string>> named_texts(const Tokenizer& tokenizer,
                                                             TokenizerSection section) {
  std::vector<std::pair<std::string, std::string>> result;
  const auto bytes = tokenizer.tables().section(section);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto next = [&] {
    const size_t size = std::min(rest.find('\0'), rest.size());
    std::string text(rest.substr(0, size));
    rest.remove_prefix(std::min(size + 1, rest.size()));
    return text;
  };
  while (!rest.empty()) {
    std::string name = next();
    result.emplace_back(std::move(name), next());
  }
  return result;
}

void add_template_variable(const std::string& definition, Json& variables) {
  const size_t equals = definition.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(
        concat("'", definition, "' is no template variable; give NAME=VALUE, as enable_thinking=false"));
  }
  const std::string text = definition.substr(equals + 1);
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (text == "True" || text == "False") {
    value = text == "True";
  } else if (text == "none" || text == "None") {
    value = nullptr;
  } else if (value.is_discarded()) {
    value = text;
  }
  if (variables.is_null()) variables = Json::object();
  variables[definition.substr(0, equals)] = std::move(value);
}

}  // namespace brim
