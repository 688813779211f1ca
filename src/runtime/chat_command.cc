#include "runtime/chat_command.h"

#include <algorithm>

#include "base/number.h"

namespace brim {

namespace {

// "temp 0.8, top-k 0, ..."; lists where there is something in them.
void write_options(const SamplerOptions& options, TextWriter& text) {
  bool first = true;
  for (const SamplerOption& option : kSamplerOptions) {
    if ((option.biases != nullptr && (options.*option.biases).empty()) ||
        (option.texts != nullptr && (options.*option.texts).empty())) {
      continue;
    }
    if (!first) text.add(", ");
    first = false;
    text.add(option.name).add(" ");
    write_value(option, options, text);
  }
}

ChatLine refuse(TextWriter& text, std::string_view message) {
  return {ChatAction::kRefuse, text.add(message).text()};
}

}  // namespace

ChatLine read_chat_line(std::string_view line, ChatSettings& settings, std::span<char> room) {
  if (line.front() != '/') return {ChatAction::kSay, line};
  line.remove_prefix(1);
  if (!line.empty() && line.front() == '/') return {ChatAction::kSay, line};

  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view name(line.data(), space);
  std::string_view value(line.data() + space, line.size() - space);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  TextWriter text(room);

  for (const SamplerOption& option : kSamplerOptions) {
    if (name != option.name) continue;
    if (set_option(option, value, settings.sampler)) {
      write_options(settings.sampler, text);
      return {ChatAction::kSampler, text.text()};
    }
    text.add("/").add(option.name).add(" takes ");
    write_expected(option, text);
    return {ChatAction::kRefuse, text.text()};
  }
  for (const ChatCommand& command : kChatCommands) {
    if (name != command.name) continue;
    if (command.action == ChatAction::kTokens) {
      const auto tokens = parse_whole(value);
      if (!tokens || *tokens == 0 || *tokens > UINT32_MAX) {
        return refuse(text, "/tokens takes a whole number above 0, as /tokens 100");
      }
      settings.max_tokens = static_cast<uint32_t>(*tokens);
      text.add("at most ").add(*tokens).add(" tokens");
    } else if (command.action == ChatAction::kSpec) {
      const auto type = spec_type_named(value);
      if (!type) return refuse(text, "/spec takes auto, ngram, draft or none");
      settings.spec = *type;
      text.add("drafts: ").add(name_of(*type));
    } else if (command.action == ChatAction::kShift) {
      if (value != "on" && value != "off") return refuse(text, "/shift takes on or off");
      settings.context_shift = value == "on";
      text.add("a full context ")
          .add(settings.context_shift ? "drops its older half and goes on" : "ends the answer");
    } else if (!value.empty()) {
      return refuse(text.add("/").add(name), " takes no value");
    }
    return {command.action, text.text()};
  }
  return refuse(text, "there is no such command; /help lists them, and // begins a turn with a slash");
}

}  // namespace brim
