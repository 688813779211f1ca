#include "template/chat_template.h"

#include "base/concat.h"
#include "template/builtins.h"
#include "template/interpreter.h"
#include "template/parser.h"

namespace brim {

struct ChatTemplate::Program {
  tmpl::Body body;
};

ChatTemplate::ChatTemplate(std::string_view text) {
  constexpr size_t kMaxBytes = size_t{1} << 20;
  if (text.size() > kMaxBytes) throw Error("the chat template is longer than 1 MiB");
  try {
    program_ = std::make_unique<Program>(Program{tmpl::parse(text)});
  } catch (const Error& error) {
    throw Error(concat("the chat template cannot be read: ", error.what()));
  }
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

RenderedChat ChatTemplate::render(const ChatInput& input) const {
  tmpl::Heap heap;
  tmpl::Interpreter interpreter(heap, input.now);
  try {
    interpreter.set("messages", tmpl::from_json(input.messages, true, heap));
    interpreter.set("tools", tmpl::from_json(input.tools, true, heap));
    interpreter.set("documents", tmpl::Value());
    interpreter.set("add_generation_prompt", tmpl::Value(input.add_generation_prompt));
    for (const auto& [name, value] : input.variables.items()) {
      interpreter.set(name, tmpl::from_json(value, false, heap));
    }
    const tmpl::Text text = interpreter.run(program_->body);
    RenderedChat chat{text.bytes(), {}};
    for (uint32_t i = 0; i < text.size(); ++i) {
      if (!text.is_input(i)) continue;
      if (chat.input.empty() || chat.input.back().end != i) chat.input.push_back({i, i});
      chat.input.back().end = i + 1;
    }
    return chat;
  } catch (const tmpl::Raised& raised) {
    throw ConversationRefused(raised.what());
  } catch (const Error& error) {
    throw Error(concat("the chat template cannot be run: ", error.what()));
  }
}

}  // namespace brim
