// Typing a line: backspace by characters, UTF-8. Freestanding; knows no console.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace brim {

class LineEditor {
 public:
  enum class Event : uint8_t {
    kNone,
    kLine,        // line() is complete
    kTooLong,     // a line ended that did not fit; it is dropped
    kInvalid,     // a line ended that is no UTF-8; it is dropped
    kEndOfInput,  // Ctrl-D on an empty line
  };

  // Lines are at most as long as `buffer`.
  explicit LineEditor(std::span<char> buffer) : buffer_(buffer) {}

  // Takes the next byte. After an event other than kNone a new line begins with the next byte.
  Event feed(char byte);

  // What the terminal is to show for the last byte.
  std::string_view echo() const { return {echo_, echo_bytes_}; }

  std::string_view line() const { return {buffer_.data(), length_}; }

  // Forgets what has been typed.
  void clear();

 private:
  Event end_line();
  void erase();

  std::span<char> buffer_;
  uint32_t length_ = 0;
  bool too_long_ = false;
  bool fresh_ = true;          // the last byte ended a line
  bool after_return_ = false;  // the last byte was '\r'
  enum class Escape : uint8_t { kNone, kStarted, kSequence } escape_ = Escape::kNone;
  char echo_[8] = {};
  uint32_t echo_bytes_ = 0;
};

// Whether the bytes are well-formed UTF-8 (tokenizer/utf8.h).
bool is_utf8(std::string_view text);

}  // namespace brim
