// A model's chat template: a program in Jinja that writes a conversation as the text that the model was
// trained on. The environment is that of Hugging Face's transformers (trim_blocks, lstrip_blocks, loop
// controls, generation blocks, raise_exception, strftime_now, tojson without escapes for HTML). Templates are
// untrusted: steps, memory and depth are bounded. Hosted code.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace brim {

// The template's own refusal of a conversation ("roles must alternate").
class ConversationRefused : public Error {
 public:
  using Error::Error;
};

struct ChatInput {
  nlohmann::ordered_json messages;             // [{"role": ..., "content": ...}, ...]
  nlohmann::ordered_json tools = nullptr;      // a list of functions, or null
  nlohmann::ordered_json variables = nullptr;  // further names that the template can see; an object or null
  bool add_generation_prompt = true;           // the model is to answer next
  std::time_t now = 0;                         // what strftime_now() shows
};

// A stretch of the written text, in bytes.
struct InputRange {
  uint32_t begin, end;
};

struct RenderedChat {
  std::string text;
  // The parts that came from messages and tools, except roles: ascending, apart. No special tokens are in
  // them.
  std::vector<InputRange> input;
};

class ChatTemplate {
 public:
  // Throws Error naming line and construct if the text is no template that can be run.
  explicit ChatTemplate(std::string_view text);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // Throws ConversationRefused if the template does, else Error naming line and construct.
  RenderedChat render(const ChatInput& input) const;

 private:
  struct Program;
  std::unique_ptr<Program> program_;
};

}  // namespace brim
