#include "runtime/chat.h"

#include <vector>

#include "runtime/answer_text.h"

namespace brim {

namespace {

// As it was shown.
std::string text_of(const Tokenizer& tokenizer, std::span<const uint32_t> tokens, const StopTexts& stop) {
  AnswerText answer(StreamDecoder(tokenizer), stop);
  std::string room(answer.max_text_bytes(), '\0');
  std::string text;
  for (const uint32_t token : tokens) text += answer.push(token, room);
  text += answer.finish(room);
  return text;
}

}  // namespace

Generation Chat::answer(std::string_view user, HostSampler& sampler, const GenerateOptions& options) {
  if (program_ != nullptr && program_->has_template()) return answer_by_program(user, sampler, options);
  std::vector<ChatTurn> turns;
  if (session_.tokens().empty() && !system_.empty()) turns.push_back({ChatRole::kSystem, system_});
  turns.push_back({ChatRole::kUser, user});
  session_.add_turns(turns);
  return session_.generate(sampler, options);
}

// The template writes the whole conversation anew, and what of it is in the cache stays there: it may write
// earlier answers otherwise than the model gave them (without thinking), or put the system prompt somewhere
// else.
Generation Chat::answer_by_program(std::string_view user, HostSampler& sampler,
                                   const GenerateOptions& options) {
  nlohmann::ordered_json messages = messages_;
  if (messages.empty() && !system_.empty()) messages.push_back({{"role", "system"}, {"content", system_}});
  messages.push_back({{"role", "user"}, {"content", user}});
  session_.become(program_->prompt(messages, prompt_options_).ids);
  Generation result = session_.generate(sampler, options);
  messages.push_back({{"role", "assistant"},
                      {"content", text_of(session_.tokenizer(), result.tokens, sampler.options().stop)}});
  messages_ = std::move(messages);
  return result;
}

void Chat::reset() {
  session_.rewind(0);
  messages_ = nlohmann::ordered_json::array();
}

}  // namespace brim
