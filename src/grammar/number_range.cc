#include "grammar/number_range.h"

#include <algorithm>
#include <limits>
#include <string>

namespace brim {

namespace {

constexpr CodeRange kDigit = {'0', '9'};

class RangeBuilder {
 public:
  explicit RangeBuilder(Syntax& syntax) : syntax_(syntax) {}

  ExpressionId digits(uint32_t least, uint32_t most) {
    return syntax_.repeat(syntax_.character({kDigit}), least, most);
  }

  // Whole numbers from `least` to `most`, which is not smaller; none: as long as numbers without bounds are.
  ExpressionId whole(uint64_t least, std::optional<uint64_t> most) {
    std::vector<ExpressionId> parts;
    const std::string low = std::to_string(least);
    if (!most && low.size() < kMostIntegerDigits) {
      parts.push_back(same_length(low, std::string(low.size(), '9')));
      parts.push_back(syntax_.sequence({syntax_.character({{'1', '9'}}),
                                        digits(static_cast<uint32_t>(low.size()), kMostIntegerDigits - 1)}));
      return syntax_.choice(std::move(parts));
    }
    const std::string high = std::to_string(most.value_or(std::numeric_limits<int64_t>::max()));
    for (size_t length = low.size(); length <= high.size(); ++length) {
      std::string first(length, '0');
      first[0] = '1';
      parts.push_back(same_length(length == low.size() ? low : first,
                                  length == high.size() ? high : std::string(length, '9')));
    }
    return syntax_.choice(std::move(parts));
  }

  // Numbers of as many digits, from `low` to `high`.
  ExpressionId same_length(std::string_view low, std::string_view high) {
    if (low.empty()) return syntax_.nothing();
    const auto rest = static_cast<uint32_t>(low.size() - 1);
    if (low[0] == high[0]) {
      return syntax_.sequence(
          {syntax_.literal(low.substr(0, 1)), same_length(low.substr(1), high.substr(1))});
    }
    auto first = static_cast<uint32_t>(low[0]), last = static_cast<uint32_t>(high[0]);
    std::vector<ExpressionId> parts;
    if (low.find_first_not_of('0', 1) != std::string_view::npos) {
      parts.push_back(syntax_.sequence(
          {syntax_.literal(low.substr(0, 1)), same_length(low.substr(1), std::string(rest, '9'))}));
      ++first;
    }
    std::optional<ExpressionId> upper;
    if (high.find_first_not_of('9', 1) != std::string_view::npos) {
      upper = syntax_.sequence(
          {syntax_.literal(high.substr(0, 1)), same_length(std::string(rest, '0'), high.substr(1))});
      --last;
    }
    if (first <= last)
      parts.push_back(syntax_.sequence({syntax_.character({{first, last}}), digits(rest, rest)}));
    if (upper) parts.push_back(*upper);
    return syntax_.choice(std::move(parts));
  }

  // Numbers of at least 0.
  std::optional<ExpressionId> magnitudes(NumberBound least, std::optional<NumberBound> most) {
    const auto low = static_cast<uint64_t>(least.value);
    if (most && (most->value < least.value || (most->value == least.value && (most->open || least.open))))
      return std::nullopt;
    const uint64_t widest = static_cast<uint64_t>(most ? most->value : least.value);
    const auto room = static_cast<uint32_t>(kMostFractionDigits - 1 - std::to_string(widest).size());
    const uint32_t fraction_digits = std::max(room, 1u);
    const ExpressionId fraction =
        syntax_.optional(syntax_.sequence({syntax_.literal("."), digits(1, fraction_digits)}));
    std::vector<ExpressionId> parts;
    uint64_t first = low;
    if (least.open) {
      // The bound and something behind the point.
      if (!most || most->value > least.value) {
        parts.push_back(syntax_.sequence({syntax_.literal(std::to_string(low) + "."),
                                          digits(0, fraction_digits - 1), syntax_.character({{'1', '9'}})}));
      }
      ++first;
    }
    if (!most) {
      parts.push_back(syntax_.sequence({whole(first, std::nullopt), fraction}));
      return syntax_.choice(std::move(parts));
    }
    const auto high = static_cast<uint64_t>(most->value);
    if (first < high) parts.push_back(syntax_.sequence({whole(first, high - 1), fraction}));
    if (!most->open) {
      parts.push_back(
          syntax_.sequence({syntax_.literal(std::to_string(high)), syntax_.optional(syntax_.literal(".0"))}));
    }
    return syntax_.choice(std::move(parts));
  }

 private:
  Syntax& syntax_;
};

// |value| as unsigned, also of the lowest.
uint64_t magnitude(int64_t value) {
  return value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
}

}  // namespace

std::optional<ExpressionId> integers_within(Syntax& syntax, std::optional<int64_t> least,
                                            std::optional<int64_t> most) {
  if (least && most && *least > *most) return std::nullopt;
  RangeBuilder builder(syntax);
  std::vector<ExpressionId> parts;
  if (!least || *least < 0) {
    const uint64_t nearest = most && *most < 0 ? magnitude(*most) : 1;
    std::optional<uint64_t> farthest;
    if (least) farthest.emplace(magnitude(*least));
    parts.push_back(syntax.sequence({syntax.literal("-"), builder.whole(nearest, farthest)}));
  }
  if (!most || *most >= 0) {
    const uint64_t nearest = least && *least > 0 ? magnitude(*least) : 0;
    std::optional<uint64_t> farthest;
    if (most) farthest.emplace(magnitude(*most));
    parts.push_back(builder.whole(nearest, farthest));
  }
  return syntax.choice(std::move(parts));
}

std::optional<ExpressionId> numbers_within(Syntax& syntax, std::optional<NumberBound> least,
                                           std::optional<NumberBound> most) {
  RangeBuilder builder(syntax);
  std::vector<ExpressionId> parts;
  if (!least || least->value < 0) {
    // From the bound that is nearer to zero; zero itself has no sign.
    NumberBound nearest = {0, true};
    if (most && most->value < 0) nearest = {-most->value, most->open};
    std::optional<NumberBound> farthest;
    if (least) farthest = NumberBound{-least->value, least->open};
    if (const auto below = builder.magnitudes(nearest, farthest))
      parts.push_back(syntax.sequence({syntax.literal("-"), *below}));
  }
  if (!most || most->value >= 0) {
    NumberBound nearest = {0, false};
    if (least && least->value >= 0) nearest = *least;
    if (const auto above = builder.magnitudes(nearest, most)) parts.push_back(*above);
  }
  if (parts.empty()) return std::nullopt;
  return syntax.choice(std::move(parts));
}

}  // namespace brim
