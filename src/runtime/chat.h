// A conversation with a model: turns become tokens in the layout that the model was trained with, and what
// was said stays in the KV cache.
#pragma once

#include <string>
#include <string_view>

#include "runtime/session.h"
#include "tokenizer/chat_program.h"

namespace brim {

class Chat {
 public:
  // `system` opens the conversation if it is not empty and the model's layout has a place for it. `program`
  // writes the conversation if it is not null and has a template, with these options; else the image's chat
  // table does.
  Chat(Session& session, std::string system, const ChatProgram* program = nullptr,
       ChatPromptOptions prompt_options = {})
      : session_(session),
        system_(std::move(system)),
        program_(program),
        prompt_options_(std::move(prompt_options)) {}

  // The model's answer to `user`. Throws Error if the turn does not fit into the rest of the context: then
  // nothing was said, and `reset` makes room.
  Generation answer(std::string_view user, HostSampler& sampler, const GenerateOptions& options);

  // Forgets the conversation.
  void reset();

  Session& session() { return session_; }
  const Session& session() const { return session_; }

 private:
  Generation answer_by_program(std::string_view user, HostSampler& sampler, const GenerateOptions& options);

  Session& session_;
  std::string system_;
  const ChatProgram* program_;
  ChatPromptOptions prompt_options_;
  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();  // of program_
};

}  // namespace brim
