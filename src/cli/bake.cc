#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "cli/command.h"
#include "image/baked_prompt.h"
#include "runtime/model_drafter.h"
#include "runtime/passes.h"
#include "runtime/turn.h"
#include "tokenizer/chat_program.h"

namespace brim {

namespace {

struct Options {
  std::string image;
  std::string output;
  std::string prompt, prompt_file;
  std::string system, system_file;
  Target target;
  bool special = true;
  bool json = false;
};

// The tokens of a chat's first turn.
std::vector<uint32_t> first_turn(const Text& text, const std::string& system, const std::string& user) {
  std::optional<ChatProgram> program;
  try {
    program.emplace(text.tokenizer());
  } catch (const Error&) {
    // A template that cannot be read: turns are plain lines, as in brim run --chat.
  }
  if (program && program->has_template()) {
    const auto messages = nlohmann::ordered_json::array(
        {{{"role", "system"}, {"content", system}}, {{"role", "user"}, {"content", user}}});
    return program->prompt(messages, {}).ids;
  }
  const std::array<ChatTurn, 2> turns = {ChatTurn{ChatRole::kSystem, system}, {ChatRole::kUser, user}};
  std::vector<char> room(chat_text_bytes(text.tokenizer().chat_table(), turns));
  std::vector<uint8_t> scratch(text.tokenizer().scratch_bytes(room.size()));
  std::vector<uint32_t> ids(text.tokenizer().max_ids(room.size()));
  const EncodeResult result = encode_turns(text.tokenizer(), turns, false, {room, scratch}, ids);
  if (result.status != EncodeStatus::kOk) throw Error("the system prompt is too long to tokenize at once");
  ids.resize(result.count);
  return ids;
}

// What the first turns of chats with this system prompt begin with, whatever the user says.
std::vector<uint32_t> opening(const Text& text, const std::string& system) {
  std::vector<uint32_t> ids = first_turn(text, system, "0");
  const std::vector<uint32_t> other = first_turn(text, system, "x");
  ids.erase(std::ranges::mismatch(ids, other).in1, ids.end());
  if (text.decode(ids).find(trim(system)) == std::string::npos) {
    throw Error(
        "the chat template has no place for a system prompt before the user's words; bake a text with "
        "-p");
  }
  return ids;
}

// K and V of the tokens, which are run.
std::vector<std::span<const uint8_t>> cache_behind(Executor& executor, std::span<const uint32_t> tokens) {
  run_passes(executor, tokens, 0, tokens.size(), [](size_t, std::span<const float>) {});
  const auto parts = executor.cache_memory(0, static_cast<uint32_t>(tokens.size()));
  return {parts.begin(), parts.end()};
}

// `of_chat`: a system prompt, else a text.
void bake(const Options& options, bool of_chat) {
  LoadedModel model(options.image, options.target);
  BakedPrompt prompt{.kind = of_chat ? PromptKind::kSystem : PromptKind::kText,
                     .text = !options.system_file.empty()   ? read_text(options.system_file)
                             : of_chat                      ? options.system
                             : !options.prompt_file.empty() ? read_text(options.prompt_file)
                                                            : options.prompt,
                     .tokens = {},
                     .cache = {},
                     .draft_cache = {}};
  prompt.tokens =
      of_chat ? opening(model.text(), prompt.text) : model.text().encode_prompt(prompt.text, options.special);
  Executor& executor = model.executor();
  if (trim(prompt.text).empty()) throw Error("the prompt is empty: there is nothing to bake");
  if (prompt.tokens.size() >= executor.context()) {
    throw Error(concat("the prompt has ", prompt.tokens.size(), " tokens, and the context of ",
                       executor.context(),
                       " has to hold what follows, too; shorten it or pack with a larger "
                       "--context"));
  }
  prompt.cache = cache_behind(executor, prompt.tokens);
  Executor* const draft = executor.draft();
  if (draft != nullptr && prompt.tokens.size() <= draft->context()) {
    std::vector<uint32_t> tokens = prompt.tokens;
    for (uint32_t& token : tokens) token = ModelDrafter::token_of(*draft, token);
    prompt.draft_cache = cache_behind(*draft, tokens);
  }
  write_with_prompt(model.image(), prompt, options.output);

  const uint64_t bytes = MappedImage(options.output).view().prompt->file_bytes;
  if (options.json) {
    print_json({{"image", options.output},
                {"kind", of_chat ? "system prompt" : "text"},
                {"tokens", prompt.tokens.size()},
                {"bytes", bytes}});
  } else {
    std::printf("%s: %s with %zu tokens of a %s, %.1f MiB of K and V\n", options.output.c_str(),
                options.image.c_str(), prompt.tokens.size(), of_chat ? "system prompt" : "text",
                static_cast<double>(bytes) / (1 << 20));
  }
  finish_output();
}

}  // namespace

void add_bake(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "bake", "Put a prompt's KV cache into an image: brim run, serve and the board start behind it");
  command->add_option("IMAGE", options->image, "Image file")->required();
  command->add_option("-o,--output", options->output, "Image file to write")->required();
  const std::vector<CLI::Option*> forms = {
      command->add_option("-p,--prompt", options->prompt,
                          "Text that brim run goes on from; its -p comes behind"),
      command->add_option("--prompt-file", options->prompt_file, "File with that text, - for standard input"),
      command->add_option("--system", options->system,
                          "What opens conversations: of brim run --chat, brim serve, the board"),
      command->add_option("--system-file", options->system_file, "File with that, - for standard input")};
  for (size_t i = 0; i < forms.size(); ++i) {
    for (size_t j = 0; j < i; ++j) forms[i]->excludes(forms[j]);
  }
  command->add_flag(
      "--special,!--no-special", options->special,
      "Take special tokens that the text writes out for those tokens (default), as brim run does");
  add_target_options(*command, options->target);
  command->add_flag("--json", options->json, "Print one JSON object when done");
  command->callback([options, forms] {
    if (std::ranges::none_of(forms, [](const CLI::Option* form) { return form->count() > 0; }))
      throw CLI::RequiredError("bake: -p TEXT, --prompt-file, --system or --system-file");
    bake(*options, forms[2]->count() + forms[3]->count() > 0);
  });
}

}  // namespace brim
