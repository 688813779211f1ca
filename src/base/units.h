// Quantities with a unit that fits their size, for people: "5.263 s", "840.1 us", "3.441 GB". Hosted.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

namespace brim {

// Four significant digits; prefixes are powers of 1000. 0 has none.
inline std::string with_unit(double value, std::string_view unit) {
  constexpr std::string_view kPrefixes[] = {"n", "u", "m", "", "k", "M", "G", "T"};
  size_t prefix = 3;
  double scaled = value;
  // 999.95 would be printed as 1000.
  while (std::abs(scaled) >= 999.95 && prefix + 1 < std::size(kPrefixes)) {
    scaled /= 1000;
    ++prefix;
  }
  while (scaled != 0 && std::abs(scaled) < 0.99995 && prefix > 0) {
    scaled *= 1000;
    --prefix;
  }
  const double size = std::abs(scaled);
  const int digits = scaled == 0 ? 0 : size >= 99.995 ? 1 : size >= 9.9995 ? 2 : 3;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f ", digits, scaled);
  return std::string(text).append(kPrefixes[prefix]).append(unit);
}

}  // namespace brim
