#include <iostream>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "tokenizer/chat_program.h"

namespace brim {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string image;
  std::string messages;
  std::string tools;
  std::vector<std::string> variables;
  bool no_generation_prompt = false;
  bool json = false;
};

Json read_json(const std::string& path) { return parse_json<Json>(read_text(path), path); }

// A list of messages, or an object with "messages" and, if wanted, "tools", as chat servers take it.
void chat_prompt(const Options& options) {
  const MappedImage image(options.image);
  const Text text(image);
  Json messages = read_json(options.messages);
  ChatPromptOptions prompt_options{.add_generation_prompt = !options.no_generation_prompt};
  if (messages.is_object() && messages.contains("messages")) {
    if (messages.contains("tools")) prompt_options.tools = messages["tools"];
    messages = Json(messages["messages"]);
  }
  if (!options.tools.empty()) prompt_options.tools = read_json(options.tools);
  if (!prompt_options.tools.is_null() && !prompt_options.tools.is_array())
    throw Error("the tools are no list");
  for (const std::string& variable : options.variables)
    add_template_variable(variable, prompt_options.variables);

  const ChatPrompt prompt = [&] {
    try {
      return ChatProgram(text.tokenizer()).prompt(messages, prompt_options);
    } catch (const Error& error) {
      throw Error(concat(options.messages, ": ", error.what()));
    }
  }();
  if (options.json) {
    std::cout << nlohmann::json{{"text", prompt.text}, {"ids", prompt.ids}}.dump(
                     -1, ' ', false, nlohmann::json::error_handler_t::replace)
              << '\n';
  } else {
    std::cout << prompt.text << '\n';
    for (size_t i = 0; i < prompt.ids.size(); ++i) std::cout << (i ? "," : "") << prompt.ids[i];
    std::cout << '\n';
  }
  finish_output();
}

}  // namespace

void add_chat_prompt(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "chat-prompt", "Print a conversation as an image's chat template writes it, and its token ids");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command
      ->add_option(
          "--messages", options->messages,
          "JSON file, - for standard input: [{\"role\": ..., \"content\": ...}], or an object with that as "
          "\"messages\" and \"tools\"")
      ->required();
  command->add_option("--tools", options->tools,
                      "JSON file with a list of functions that the model may call");
  command->add_option(
      "--template-var", options->variables,
      "NAME=VALUE that the template sees, as enable_thinking=false; can be given several times");
  command->add_flag("--no-generation-prompt", options->no_generation_prompt,
                    "The conversation ends here: nothing makes the model answer");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { chat_prompt(*options); });
}

}  // namespace brim
