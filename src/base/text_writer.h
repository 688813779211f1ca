// Text in memory of the caller's, for messages. Freestanding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

namespace brim {

class TextWriter {
 public:
  // What does not fit into `room` is left out.
  explicit TextWriter(std::span<char> room) : room_(room) {}

  std::string_view text() const { return {room_.data(), length_}; }

  TextWriter& add(std::string_view piece) {
    const size_t bytes = std::min(piece.size(), room_.size() - length_);
    std::copy_n(piece.data(), bytes, room_.data() + length_);
    length_ += bytes;
    return *this;
  }

  TextWriter& add(uint64_t value) {
    char digits[20];
    size_t first = sizeof(digits);
    do {
      digits[--first] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return add(std::string_view(digits + first, sizeof(digits) - first));
  }

  // At most 6 digits behind the point, none of them a zero at the end. Magnitudes below 2^63 only.
  TextWriter& add_decimal(double value) {
    constexpr uint64_t kUnit = 1'000'000;
    if (value < 0) add("-");
    const double magnitude = value < 0 ? -value : value;
    auto whole = static_cast<uint64_t>(magnitude);
    // The firmware has no lround. NOLINTNEXTLINE(bugprone-incorrect-roundings)
    auto part = static_cast<uint64_t>((magnitude - static_cast<double>(whole)) * kUnit + 0.5);
    whole += part / kUnit;
    part %= kUnit;
    add(whole);
    if (part == 0) return *this;
    char digits[7] = {'.'};
    size_t length = 7;
    for (size_t i = 6; i > 0; --i, part /= 10) digits[i] = static_cast<char>('0' + part % 10);
    while (digits[length - 1] == '0') --length;
    return add(std::string_view(digits, length));
  }

 private:
  std::span<char> room_;
  size_t length_ = 0;
};

}  // namespace brim
