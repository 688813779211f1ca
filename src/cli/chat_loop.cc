#include "cli/chat_loop.h"

#include <unistd.h>

#include <iostream>
#include <string>

#include "base/error.h"
#include "tokenizer/decoder.h"

namespace brim {

namespace {

constexpr const char* kHelp =
    "/reset  forget the conversation\n"
    "/quit   leave (or end the input: Ctrl-D)\n"
    "Ctrl-C  ends an answer\n";

}  // namespace

void chat_loop(Chat& chat, const Tokenizer& tokenizer, Sampler& sampler, uint32_t max_tokens,
               std::atomic<bool>& interrupted) {
  const bool interactive = isatty(STDIN_FILENO) != 0;
  if (interactive) std::cout << "Type /help for what can be done here.\n";
  for (std::string line; std::cout.good();) {
    if (interactive) std::cout << "> " << std::flush;
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    if (line == "/quit") break;
    if (line == "/reset") {
      chat.reset();
      continue;
    }
    if (line == "/help") {
      std::cout << kHelp;
      continue;
    }
    interrupted = false;
    StreamDecoder decoder(tokenizer);
    std::string room(decoder.max_text_bytes(), '\0');
    try {
      const Generation answer =
          chat.answer(line, sampler, {.max_tokens = max_tokens, .on_token = [&](uint32_t token) {
                                        std::cout << decoder.push(token, room) << std::flush;
                                        return !interrupted && std::cout.good();
                                      }});
      std::cout << decoder.finish(room) << '\n';
      if (answer.reason == StopReason::kContextFull) {
        std::cerr << "brim: the context is full; /reset starts a new conversation\n";
      }
    } catch (const Error& error) {
      // The conversation is as it was, and goes on.
      std::cerr << "brim: " << error.what() << "; /reset starts a new conversation\n";
    }
  }
}

}  // namespace brim
