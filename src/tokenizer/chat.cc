#include "tokenizer/chat.h"

#include "tokenizer/utf8.h"

namespace brim {
namespace {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class Renderer {
 public:
  Renderer(const ChatTable& table, std::span<char> out, std::span<TextRange> ranges)
      : table_(table), out_(out), ranges_(ranges) {}

  ChatText render(std::span<const ChatTurn> turns, const ChatOptions& options) {
    // What has to stand before the next user's text.
    ChatString before_user = options.continues ? kChatUserOpen : kChatBegin;
    bool answered = true;
    for (const ChatTurn& turn : turns) {
      switch (turn.role) {
        case ChatRole::kSystem:
          if (!has(kTakesSystem) || before_user != kChatBegin) break;
          put(kChatSystemOpen);
          put_text(has(kTrimsSystem) ? trim(turn.text) : turn.text);
          before_user = kChatSystemClose;
          break;
        case ChatRole::kUser:
          put(before_user);
          put_text(has(kTrimsUser) ? trim(turn.text) : turn.text);
          before_user = kChatUserOpen;
          answered = false;
          break;
        case ChatRole::kAssistant:
          put(kChatAnswerOpen);
          put_text(answer_in_history(table_, turn.text));
          put(kChatAnswerEnd);
          answered = true;
          break;
      }
    }
    if (options.open_answer && !answered) put(kChatAnswerPrompt);
    return {{out_.data(), used_}, ranges_.first(turns_), fits_};
  }

  // Turns on lines of their own.
  ChatText render_plain(std::span<const ChatTurn> turns) {
    for (const ChatTurn& turn : turns) {
      put_text(turn.text);
      put("\n");
    }
    return {{out_.data(), used_}, ranges_.first(turns_), fits_};
  }

 private:
  bool has(ChatFlag flag) const { return table_.has(flag); }
  void put(ChatString string) { put(table_[string]); }

  void put(std::string_view text) {
    if (text.size() > out_.size() - used_) {
      fits_ = false;
      return;
    }
    for (const char c : text) out_[used_++] = c;
  }

  void put_text(std::string_view text) {
    const auto begin = static_cast<uint32_t>(used_);
    put(text);
    if (turns_ == ranges_.size()) {
      fits_ = false;
    } else {
      ranges_[turns_++] = {begin, static_cast<uint32_t>(used_)};
    }
  }

  const ChatTable& table_;
  const std::span<char> out_;
  const std::span<TextRange> ranges_;
  size_t used_ = 0;
  size_t turns_ = 0;
  bool fits_ = true;
};

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view answer_end(const ChatTable& table) { return trim(table[kChatAnswerEnd]); }

std::string_view answer_in_history(const ChatTable& table, std::string_view answer) {
  if (table.has(kDropsThinking)) {
    const std::string_view close = table[kChatThinkClose];
    const size_t at = answer.rfind(close);
    if (at != std::string_view::npos) {
      answer = slice(answer, at + close.size());
      while (table.has(kTrimsThoughtEnd) && answer.starts_with('\n')) answer.remove_prefix(1);
    }
  }
  return table.has(kTrimsAnswer) ? trim(answer) : answer;
}

bool answers_stay(const ChatTable& table) {
  return !table.has(kDropsThinking) && table[kChatAnswerOpen] == table[kChatAnswerPrompt];
}

uint64_t chat_text_bytes(const ChatTable& table, std::span<const ChatTurn> turns) {
  // No turn has more than the whole table round it.
  uint64_t markup = 1;
  for (const std::string_view string : table.strings) markup += string.size();
  uint64_t bytes = markup;
  for (const ChatTurn& turn : turns) bytes += turn.text.size() + markup;
  return bytes;
}

ChatText render_chat(const ChatTable& table, std::span<const ChatTurn> turns, const ChatOptions& options,
                     std::span<char> out, std::span<TextRange> ranges) {
  Renderer renderer(table, out, ranges);
  if (!table.has(kHasChatTable)) return renderer.render_plain(turns);
  return renderer.render(turns, options);
}

}  // namespace brim
