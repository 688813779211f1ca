// Numbers within bounds, as JSON writes them.
#pragma once

#include <cstdint>
#include <optional>

#include "grammar/syntax.h"

namespace brim {

// Digits before and behind the point of numbers without bounds: every such number is a finite double.
inline constexpr uint32_t kMostIntegerDigits = 16;
inline constexpr uint32_t kMostFractionDigits = 16;

// Integers from `least` to `most`; without them as long as kMostIntegerDigits, or as the bound is. None where
// least > most: the result is empty.
std::optional<ExpressionId> integers_within(Syntax& syntax, std::optional<int64_t> least,
                                            std::optional<int64_t> most);

struct NumberBound {
  int64_t value;  // below kMostBound
  bool open;      // the value itself is beyond it
};
// Numbers close to a bound of so many digits can still be told from it.
inline constexpr int64_t kMostBound = 1'000'000'000'000'000;

// Numbers within bounds, of which at least one is given; without exponent.
std::optional<ExpressionId> numbers_within(Syntax& syntax, std::optional<NumberBound> least,
                                           std::optional<NumberBound> most);

}  // namespace brim
