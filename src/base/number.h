// Numbers that people write. Freestanding: command line, firmware and server read them by the same rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace brim {

// Digits only, at most UINT64_MAX. Anything else (a sign, a space, a digit too many) is no number.
constexpr std::optional<uint64_t> parse_whole(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

// "3", "-0.85", ".5", "1e-3": a sign, digits with a point among them, and an exponent. No names of infinities
// or of what is no number. Right to the last bits of a float; digits beyond the 18th count for their place
// only.
constexpr std::optional<double> parse_decimal(std::string_view text) {
  size_t at = 0;
  const auto next_is = [&](char c) { return at < text.size() && text[at] == c; };
  const auto next_is_digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  const bool negative = next_is('-');
  if (negative || next_is('+')) ++at;

  uint64_t digits = 0;
  int32_t exponent = 0;  // of ten
  bool any = false;
  constexpr uint64_t kMostDigits = 100'000'000'000'000'000;
  for (bool behind_point = false; at < text.size(); ++at) {
    if (text[at] == '.' && !behind_point) {
      behind_point = true;
      continue;
    }
    if (!next_is_digit()) break;
    any = true;
    if (digits < kMostDigits) {
      digits = digits * 10 + static_cast<uint64_t>(text[at] - '0');
      exponent -= behind_point ? 1 : 0;
    } else {
      exponent += behind_point ? 0 : 1;
    }
    if (exponent < -400 || exponent > 400) return std::nullopt;
  }
  if (!any) return std::nullopt;
  if (next_is('e') || next_is('E')) {
    ++at;
    const bool down = next_is('-');
    if (down || next_is('+')) ++at;
    if (!next_is_digit()) return std::nullopt;
    int32_t written = 0;
    for (; next_is_digit(); ++at) {
      written = written * 10 + (text[at] - '0');
      if (written > 400) return std::nullopt;
    }
    exponent += down ? -written : written;
  }
  if (at != text.size()) return std::nullopt;

  auto value = static_cast<double>(digits);
  for (; exponent > 0 && digits != 0; --exponent) value *= 10;
  double divisor = 1;
  for (; exponent < 0; ++exponent) {
    divisor *= 10;
    if (divisor < 1e22) continue;  // powers of ten up to here are exact
    value /= divisor;
    divisor = 1;
  }
  value /= divisor;
  if (value > 1.7976931348623157e308) return std::nullopt;
  return negative ? -value : value;
}

}  // namespace brim
