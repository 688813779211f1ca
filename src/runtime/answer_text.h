// The text of an answer as it comes: whole characters, and not the text that ends it. Freestanding.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/stop_texts.h"
#include "tokenizer/decoder.h"

namespace brim {

// Finds the texts that end an answer in a text that comes in pieces.
class StopFilter {
 public:
  explicit StopFilter(const StopTexts& stop) : stop_(stop) {}

  // Room that push and finish need for a piece of `bytes`.
  static constexpr uint32_t room_for(uint32_t bytes) { return StopTexts::kMostBytes + bytes; }

  // What of the text may be shown now that `more` has come, in `room`, which may hold `more` from kMostBytes
  // on: what may be the beginning of a stop text is kept back until it is known not to be one. Nothing once
  // it has stopped.
  std::string_view push(std::string_view more, std::span<char> room) {
    if (stopped_) return {};
    // What is held is shorter than kMostBytes.
    std::copy_n(more.begin(), more.size(), std::copy_n(held_.begin(), held_bytes_, room.begin()));
    const std::string_view text(room.data(), held_bytes_ + more.size());
    // The stop text that ends first; of those that end together the one that began first.
    for (size_t end = held_bytes_ + 1; end <= text.size(); ++end) {
      size_t longest = 0;
      for (uint32_t i = 0; i < stop_.size(); ++i) {
        if (std::string_view(text.data(), end).ends_with(stop_[i]))
          longest = std::max(longest, stop_[i].size());
      }
      if (longest == 0) continue;
      stopped_ = true;
      held_bytes_ = 0;
      return {text.data(), end - longest};
    }
    held_bytes_ = beginning_of_stop(text);
    std::copy_n(text.end() - held_bytes_, held_bytes_, held_.begin());
    return {text.data(), text.size() - held_bytes_};
  }

  // The last of the text, and what is still kept back.
  std::string_view finish(std::string_view more, std::span<char> room) {
    const std::string_view shown = push(more, room);
    const size_t all = shown.size() + std::exchange(held_bytes_, 0);
    return {room.data(), all};
  }

  // Whether a stop text has come: the answer ends before it.
  bool stopped() const { return stopped_; }

 private:
  // Bytes of the longest end of `text` with which a longer stop text begins.
  uint32_t beginning_of_stop(std::string_view text) const {
    uint32_t longest = 0;
    for (uint32_t i = 0; i < stop_.size(); ++i) {
      const std::string_view stop = stop_[i];
      for (auto bytes = static_cast<uint32_t>(std::min(stop.size() - 1, text.size())); bytes > longest;
           --bytes) {
        if (text.ends_with(std::string_view(stop.data(), bytes))) longest = bytes;
      }
    }
    return longest;
  }

  StopTexts stop_;
  std::array<char, StopTexts::kMostBytes> held_{};
  uint32_t held_bytes_ = 0;
  bool stopped_ = false;
};

class AnswerText {
 public:
  // `decoder`: as the text before the answer has left it.
  AnswerText(const StreamDecoder& decoder, const StopTexts& stop) : decoder_(decoder), stop_(stop) {}

  // Room that push and finish need.
  uint32_t max_text_bytes() const { return StopFilter::room_for(decoder_.max_text_bytes()); }

  // The text that may be shown now that `token` has come, in `room`. Nothing once it has stopped.
  std::string_view push(uint32_t token, std::span<char> room) {
    return stopped() ? std::string_view() : stop_.push(decoder_.push(token, behind_held(room)), room);
  }
  // What is still kept back.
  std::string_view finish(std::span<char> room) {
    return stopped() ? std::string_view() : stop_.finish(decoder_.finish(behind_held(room)), room);
  }

  // Whether a stop text has come: the answer ends before it.
  bool stopped() const { return stop_.stopped(); }

 private:
  static std::span<char> behind_held(std::span<char> room) { return room.subspan(StopTexts::kMostBytes); }

  StreamDecoder decoder_;
  StopFilter stop_;
};

}  // namespace brim
