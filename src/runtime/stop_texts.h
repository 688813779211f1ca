// Texts that end an answer where they appear. Freestanding.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace brim {

class StopTexts {
 public:
  static constexpr uint32_t kMost = 16;
  static constexpr uint32_t kMostBytes = 128;  // of one

  // False, with nothing changed, if it is empty or too long or there are kMost already.
  constexpr bool add(std::string_view text) {
    if (text.empty() || text.size() > kMostBytes || count_ == kMost) return false;
    std::copy_n(text.data(), text.size(), bytes_[count_].data());
    lengths_[count_++] = static_cast<uint8_t>(text.size());
    return true;
  }
  constexpr void clear() { count_ = 0; }

  constexpr uint32_t size() const { return count_; }
  constexpr bool empty() const { return count_ == 0; }
  constexpr std::string_view operator[](uint32_t i) const { return {bytes_[i].data(), lengths_[i]}; }

 private:
  std::array<std::array<char, kMostBytes>, kMost> bytes_{};
  std::array<uint8_t, kMost> lengths_{};
  uint32_t count_ = 0;
};

}  // namespace brim
