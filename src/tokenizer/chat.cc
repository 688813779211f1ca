#include "tokenizer/chat.h"

namespace brim {
namespace {

// What a family writes around the turns. Sources: the chat_template texts published with
// Llama-2-7b-chat-hf, Meta-Llama-3-8B-Instruct, Qwen2-7B-Instruct, TinyLlama-1.1B-Chat-v1.0 and
// Mistral-7B-Instruct-v0.2.
struct Layout {
  std::string_view begin = {};  // before the first turn of a conversation
  std::string_view system_open = {};
  std::string_view system_close = {};
  std::string_view user_open = {};
  std::string_view user_close = {};
  std::string_view assistant_open = {};   // before an answer that is already there
  std::string_view assistant_close = {};  // up to and including the token that ends the answer
  std::string_view after_answer = {};     // between that token and the next turn
  std::string_view answer_prompt = {};    // makes the model answer
  bool system_in_user = false;            // the system turn stands inside the first user turn
  bool trims = false;                     // spaces round a turn's text are dropped
};

constexpr Layout kPlain = {.user_close = "\n", .assistant_close = "\n"};

constexpr Layout kLlama2Layout = {
    .system_open = "<<SYS>>\n",
    .system_close = "\n<</SYS>>\n\n",
    .user_open = "<s>[INST] ",
    .user_close = " [/INST]",
    .assistant_open = " ",
    .assistant_close = " </s>",
    .system_in_user = true,
    .trims = true,
};

constexpr Layout kLlama3Layout = {
    .begin = "<|begin_of_text|>",
    .system_open = "<|start_header_id|>system<|end_header_id|>\n\n",
    .system_close = "<|eot_id|>",
    .user_open = "<|start_header_id|>user<|end_header_id|>\n\n",
    .user_close = "<|eot_id|>",
    .assistant_open = "<|start_header_id|>assistant<|end_header_id|>\n\n",
    .assistant_close = "<|eot_id|>",
    .answer_prompt = "<|start_header_id|>assistant<|end_header_id|>\n\n",
    .trims = true,
};

constexpr Layout kChatMlLayout = {
    .system_open = "<|im_start|>system\n",
    .system_close = "<|im_end|>\n",
    .user_open = "<|im_start|>user\n",
    .user_close = "<|im_end|>\n",
    .assistant_open = "<|im_start|>assistant\n",
    .assistant_close = "<|im_end|>",
    .after_answer = "\n",
    .answer_prompt = "<|im_start|>assistant\n",
};

constexpr Layout kZephyrLayout = {
    .system_open = "<|system|>\n",
    .system_close = "</s>\n",
    .user_open = "<|user|>\n",
    .user_close = "</s>\n",
    .assistant_open = "<|assistant|>\n",
    .assistant_close = "</s>",
    .after_answer = "\n",
    .answer_prompt = "<|assistant|>\n",
};

constexpr Layout kMistralLayout = {
    .begin = "<s>",
    .system_close = "\n\n",
    .user_open = "[INST] ",
    .user_close = " [/INST]",
    .assistant_close = "</s>",
    .system_in_user = true,
};

const Layout& layout_of(ChatTemplate family) {
  switch (family) {
    case ChatTemplate::kLlama2:
      return kLlama2Layout;
    case ChatTemplate::kLlama3:
      return kLlama3Layout;
    case ChatTemplate::kChatMl:
      return kChatMlLayout;
    case ChatTemplate::kZephyr:
      return kZephyrLayout;
    case ChatTemplate::kMistral:
      return kMistralLayout;
    case ChatTemplate::kNone:
      break;
  }
  return kPlain;
}

// More than any layout writes round one turn, the conversation's beginning and the answer's prompt.
constexpr uint64_t kMarkupBytes = 256;

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

class Renderer {
 public:
  Renderer(const Layout& layout, std::span<char> out, std::span<TextRange> ranges)
      : layout_(layout), out_(out), ranges_(ranges) {}

  ChatText render(std::span<const ChatTurn> turns, const ChatOptions& options) {
    put(options.continues ? layout_.after_answer : layout_.begin);
    std::string_view waiting_system;
    for (const ChatTurn& turn : turns) {
      if (turn.role == ChatRole::kSystem && layout_.system_in_user) {
        waiting_system = turn.text;
      } else if (turn.role == ChatRole::kSystem) {
        put_turn(layout_.system_open, turn.text, layout_.system_close);
      } else if (turn.role == ChatRole::kUser) {
        put(layout_.user_open);
        if (!waiting_system.empty()) put_turn(layout_.system_open, waiting_system, layout_.system_close);
        waiting_system = {};
        put_turn({}, turn.text, layout_.user_close);
      } else {
        put_turn(layout_.assistant_open, turn.text, layout_.assistant_close);
        put(layout_.after_answer);
      }
    }
    if (options.open_answer) put(layout_.answer_prompt);
    return {{out_.data(), used_}, ranges_.first(turns_), fits_};
  }

 private:
  void put(std::string_view text) {
    if (text.size() > out_.size() - used_) {
      fits_ = false;
      return;
    }
    for (const char c : text) out_[used_++] = c;
  }

  void put_turn(std::string_view open, std::string_view text, std::string_view close) {
    put(open);
    const auto begin = static_cast<uint32_t>(used_);
    put(layout_.trims ? trim(text) : text);
    if (turns_ == ranges_.size()) {
      fits_ = false;
    } else {
      ranges_[turns_++] = {begin, static_cast<uint32_t>(used_)};
    }
    put(close);
  }

  const Layout& layout_;
  const std::span<char> out_;
  const std::span<TextRange> ranges_;
  size_t used_ = 0;
  size_t turns_ = 0;
  bool fits_ = true;
};

}  // namespace

std::array<std::string_view, 4> chat_tokens(ChatTemplate family) {
  switch (family) {
    case ChatTemplate::kLlama2:
    case ChatTemplate::kMistral:
      return {"<s>", "</s>"};
    case ChatTemplate::kLlama3:
      return {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
    case ChatTemplate::kChatMl:
      return {"<|im_start|>", "<|im_end|>"};
    case ChatTemplate::kZephyr:
      return {"</s>"};
    case ChatTemplate::kNone:
      break;
  }
  return {};
}

std::string_view answer_end(ChatTemplate family) { return trim(layout_of(family).assistant_close); }

uint64_t chat_text_bytes(std::span<const ChatTurn> turns) {
  uint64_t bytes = kMarkupBytes;
  for (const ChatTurn& turn : turns) bytes += turn.text.size() + kMarkupBytes;
  return bytes;
}

ChatText render_chat(ChatTemplate family, std::span<const ChatTurn> turns, const ChatOptions& options,
                     std::span<char> out, std::span<TextRange> ranges) {
  return Renderer(layout_of(family), out, ranges).render(turns, options);
}

}  // namespace brim
