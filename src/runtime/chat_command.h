// What a line typed in a chat asks for: the one table of commands for host and board. Freestanding. The
// sampler's options are commands too, from their own table.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/text_writer.h"
#include "runtime/sampler_options.h"
#include "runtime/spec_type.h"

namespace brim {

// What commands set.
struct ChatSettings {
  SamplerOptions sampler;
  uint32_t max_tokens = 256;  // of an answer
  SpecType spec = SpecType::kAuto;
  bool context_shift = false;
};

enum class ChatAction : uint8_t {
  kSay,        // `text` is a turn
  kReset,      // forget the conversation
  kStats,      // tell speed and memory traffic of the last answer
  kSampler,    // the sampler's options have changed; `text` says what they are
  kSelfCheck,  // run the known pass
  kTokens,     // the limit has changed; `text` says what it is
  kSpec,       // how tokens are drafted has changed; `text` says to what
  kShift,      // whether a full context is shifted has changed; `text` says to what
  kHelp,       // write_help()
  kQuit,
  kRefuse,  // there is no such command, or its value is no good; `text` says which
};

struct ChatCommand {
  std::string_view name;      // without the slash
  std::string_view argument;  // as help shows it
  std::string_view help;
  ChatAction action;
};

inline constexpr auto kChatCommands = std::to_array<ChatCommand>({
    {"reset", "", "forget the conversation", ChatAction::kReset},
    {"stats", "", "speed and memory traffic of the last answer", ChatAction::kStats},
    {"selfcheck", "", "whether the known pass gives what it should; the conversation stays",
     ChatAction::kSelfCheck},
    {"tokens", "N", "most tokens of an answer", ChatAction::kTokens},
    {"spec", "TYPE", "how tokens are drafted: auto, ngram, draft or none; the text is the same",
     ChatAction::kSpec},
    {"shift", "on|off", "a full context drops its older half, and the rest is run again", ChatAction::kShift},
    {"help", "", "this", ChatAction::kHelp},
    {"quit", "", "stop (also Ctrl-D)", ChatAction::kQuit},
});

struct ChatLine {
  ChatAction action;
  std::string_view text;  // in the line, or in `room`
};

// What `line`, which is not empty, asks for; changes the settings if it is a command that does. A line that
// begins with two slashes is a turn that begins with one. `room`: for messages; kChatMessageBytes are enough.
inline constexpr size_t kChatMessageBytes = 512;
ChatLine read_chat_line(std::string_view line, ChatSettings& settings, std::span<char> room);

// Calls write(line) for every line of the help, each without its end.
template <typename Write>
void write_help(const Write& write) {
  const auto row = [&](std::string_view name, std::string_view argument, std::string_view help) {
    char room[192];
    TextWriter text(room);
    text.add("/").add(name);
    if (!argument.empty()) text.add(" ").add(argument);
    constexpr size_t kColumn = 22;
    while (text.text().size() < kColumn) text.add(" ");
    write(text.add(help).text());
  };
  for (const ChatCommand& command : kChatCommands) row(command.name, command.argument, command.help);
  for (const SamplerOption& option : kSamplerOptions) {
    row(option.name, option.flag != nullptr ? "on|off" : option.argument, option.help);
  }
  write("Ctrl-C                ends an answer");
  write("//...                 a turn that begins with a slash");
}

}  // namespace brim
