#include "firmware/line_editor.h"

#include "tokenizer/utf8.h"

namespace brim {

namespace {

constexpr char kBackspace = 8, kDelete = 127, kControlD = 4, kControlU = 21, kEscape = 27;

// Columns of the character on a terminal: from Hangul on (U+1100), most are two wide, but for U+2000 to
// U+2FFF.
uint32_t columns(std::string_view bytes) {
  const uint32_t code = decode_utf8(bytes).code;
  return code >= 0x1100 && !(code >= 0x2000 && code < 0x3000) && code != kReplacementCharacter ? 2 : 1;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    if (!character.valid) return false;
    text = slice(text, character.bytes);
  }
  return true;
}

void LineEditor::clear() {
  length_ = 0;
  too_long_ = false;
  escape_ = Escape::kNone;
}

void LineEditor::erase() {
  if (length_ == 0) return;
  uint32_t first = length_ - 1;
  while (first > 0 && length_ - first < 4 && is_utf8_trail(buffer_[first])) --first;
  const uint32_t wide = columns({buffer_.data() + first, length_ - first});
  length_ = first;
  for (uint32_t i = 0; i < wide; ++i) echo_[echo_bytes_++] = '\b';
  for (uint32_t i = 0; i < wide; ++i) echo_[echo_bytes_++] = ' ';
  for (uint32_t i = 0; i < wide; ++i) echo_[echo_bytes_++] = '\b';
}

LineEditor::Event LineEditor::end_line() {
  fresh_ = true;
  echo_[echo_bytes_++] = '\n';
  if (too_long_) return Event::kTooLong;
  return is_utf8(line()) ? Event::kLine : Event::kInvalid;
}

LineEditor::Event LineEditor::feed(char byte) {
  echo_bytes_ = 0;
  if (fresh_) clear();
  const bool second_half = byte == '\n' && after_return_;  // of "\r\n"
  after_return_ = byte == '\r';
  if (second_half) return Event::kNone;
  fresh_ = false;

  if (escape_ == Escape::kStarted) {
    escape_ = byte == '[' || byte == 'O' ? Escape::kSequence : Escape::kNone;
    return Event::kNone;
  }
  if (escape_ == Escape::kSequence) {
    if (byte >= '@' && byte <= '~') escape_ = Escape::kNone;
    return Event::kNone;
  }
  switch (byte) {
    case '\r':
    case '\n':
      return end_line();
    case kBackspace:
    case kDelete:
      erase();
      return Event::kNone;
    case kControlU:
      // Erased one by one by the next calls would be too slow to read; the terminal shows a new line instead.
      clear();
      echo_[echo_bytes_++] = '\n';
      return Event::kNone;
    case kControlD:
      if (length_ > 0 || too_long_) return Event::kNone;
      fresh_ = true;
      return Event::kEndOfInput;
    case kEscape:
      escape_ = Escape::kStarted;
      return Event::kNone;
    default:
      break;
  }
  if (static_cast<uint8_t>(byte) < ' ' && byte != '\t') return Event::kNone;
  if (length_ == buffer_.size()) {
    too_long_ = true;
    return Event::kNone;
  }
  buffer_[length_++] = byte;
  echo_[echo_bytes_++] = byte;
  return Event::kNone;
}

}  // namespace brim
