// Conversations as tokens on a host: by the chat template itself where the image carries it, else by its chat
// table. Hosted code.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "template/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace brim {

struct ChatPrompt {
  std::string text;
  std::vector<uint32_t> ids;
};

// NOLINTNEXTLINE(bugprone-exception-escape): to be null throws nothing
struct ChatPromptOptions {
  nlohmann::ordered_json tools = nullptr;      // a list of functions, or null
  nlohmann::ordered_json variables = nullptr;  // "enable_thinking": false; an object or null
  bool add_generation_prompt = true;           // the model is to answer next
};

class ChatProgram {
 public:
  // The tokenizer must outlive it. Throws Error if its template cannot be read.
  explicit ChatProgram(const Tokenizer& tokenizer);

  // Whether there is a template, or only a table or plain lines.
  bool has_template() const { return program_.has_value(); }

  // `messages` is [{"role": "user", "content": "..."}, ...]. What people wrote never becomes a special token.
  // Throws Error naming the message that is none, ConversationRefused where the template does.
  ChatPrompt prompt(const nlohmann::ordered_json& messages, const ChatPromptOptions& options = {}) const;

 private:
  ChatPrompt prompt_by_table(const nlohmann::ordered_json& messages, const ChatPromptOptions& options) const;

  const Tokenizer& tokenizer_;
  std::optional<ChatTemplate> program_;
  std::optional<ChatTemplate> tool_program_;  // where there is one for conversations with tools
  nlohmann::ordered_json variables_;
};

// The texts of a section of names and texts: kTemplates, kTemplateVariables.
std::vector<std::pair<std::string, std::string>> named_texts(const Tokenizer& tokenizer,
                                                             TokenizerSection section);

// "enable_thinking=false" as a name and a value: true, false, none, a number, JSON in brackets, else a
// string. Adds it to `variables`. Throws Error if there is no name.
void add_template_variable(const std::string& definition, nlohmann::ordered_json& variables);

}  // namespace brim
