#include "grammar/string_format.h"

namespace brim {

namespace {

class Formats {
 public:
  explicit Formats(Syntax& syntax) : syntax_(syntax) {}

  ExpressionId date() {
    const auto day = [&](char last_tens, ExpressionId more) {  // 01 to 29, or to 09, and more
      return choice(
          {sequence({text("0"), range('1', '9')}), sequence({range('1', last_tens), digit()}), more});
    };
    const ExpressionId months_of_31 =
        choice({sequence({text("0"), syntax_.character({{'1', '1'}, {'3', '3'}, {'5', '5'}, {'7', '8'}})}),
                text("10"), text("12")});
    const ExpressionId months_of_30 =
        choice({sequence({text("0"), syntax_.character({{'4', '4'}, {'6', '6'}, {'9', '9'}})}), text("11")});
    const ExpressionId year = sequence({digit(), digit(), digit(), digit()});
    const ExpressionId month_and_day =
        choice({sequence({months_of_31, text("-"), day('2', choice({text("30"), text("31")}))}),
                sequence({months_of_30, text("-"), day('2', text("30"))}),
                sequence({text("02-"), day('1', sequence({text("2"), range('0', '8')}))})});
    return choice({sequence({year, text("-"), month_and_day}), sequence({leap_year(), text("-02-29")})});
  }

  ExpressionId time() {
    const ExpressionId hour =
        choice({sequence({range('0', '1'), digit()}), sequence({text("2"), range('0', '3')})});
    const ExpressionId sixty = sequence({range('0', '5'), digit()});
    const ExpressionId fraction =
        syntax_.optional(sequence({text("."), syntax_.repeat(digit(), 1, kMostFractionDigits)}));
    const ExpressionId offset =
        choice({text("Z"), sequence({choice({text("+"), text("-")}), hour, text(":"), sixty})});
    return sequence({hour, text(":"), sixty, text(":"), sixty, fraction, offset});
  }

  ExpressionId date_time() { return sequence({date(), text("T"), time()}); }

  ExpressionId uuid() {
    const auto hex = [&](uint32_t count) {
      return syntax_.repeat(syntax_.character({{'0', '9'}, {'a', 'f'}}), count, count);
    };
    return sequence({hex(8), text("-"), hex(4), text("-"), hex(4), text("-"), hex(4), text("-"), hex(12)});
  }

 private:
  static constexpr uint32_t kMostFractionDigits = 9;

  ExpressionId text(std::string_view bytes) { return syntax_.literal(bytes); }
  ExpressionId range(char first, char last) {
    return syntax_.character({{static_cast<uint8_t>(first), static_cast<uint8_t>(last)}});
  }
  ExpressionId digit() { return range('0', '9'); }
  ExpressionId sequence(std::vector<ExpressionId> parts) { return syntax_.sequence(std::move(parts)); }
  ExpressionId choice(std::vector<ExpressionId> parts) { return syntax_.choice(std::move(parts)); }

  // Of the Gregorian calendar: the last two digits can be divided by 4 and are not 00, or the first two can.
  ExpressionId leap_year() {
    const auto even = [&] {
      return syntax_.character({{'0', '0'}, {'2', '2'}, {'4', '4'}, {'6', '6'}, {'8', '8'}});
    };
    const auto odd = [&] {
      return syntax_.character({{'1', '1'}, {'3', '3'}, {'5', '5'}, {'7', '7'}, {'9', '9'}});
    };
    const auto of = [&](char a, char b) {
      return syntax_.character({{static_cast<uint8_t>(a), static_cast<uint8_t>(a)},
                                {static_cast<uint8_t>(b), static_cast<uint8_t>(b)}});
    };
    const auto zero_four_eight = [&] { return choice({text("0"), of('4', '8')}); };
    const auto even_tens = [&] {
      return syntax_.character({{'2', '2'}, {'4', '4'}, {'6', '6'}, {'8', '8'}});
    };
    const ExpressionId fours =
        choice({sequence({text("0"), of('4', '8')}), sequence({even_tens(), zero_four_eight()}),
                sequence({odd(), of('2', '6')})});
    const ExpressionId centuries =
        choice({sequence({even(), zero_four_eight()}), sequence({odd(), of('2', '6')})});
    return choice({sequence({digit(), digit(), fours}), sequence({centuries, text("00")})});
  }

  Syntax& syntax_;
};

}  // namespace

std::optional<ExpressionId> string_format(Syntax& syntax, std::string_view name) {
  Formats formats(syntax);
  if (name == "date") return formats.date();
  if (name == "time") return formats.time();
  if (name == "date-time") return formats.date_time();
  if (name == "uuid") return formats.uuid();
  return std::nullopt;
}

}  // namespace brim
