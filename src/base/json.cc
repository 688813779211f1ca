#include "base/json.h"

#include <algorithm>

#include "base/concat.h"

namespace brim {

namespace {

std::string place_in(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, std::min(at, text.size()));
  const size_t line_begin = before.rfind('\n') + 1;  // 0 where there is none
  return concat("line ", 1 + std::ranges::count(before, '\n'), ", column ", 1 + before.size() - line_begin);
}

// Takes everything, and keeps what the parser says of the first mistake.
class Mistake final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Mistake(std::string_view text) : text_(text) {}

  const std::string& problem() const { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }

  // `position`: bytes read, the wrong one among them.
  bool parse_error(size_t position, const std::string& token,
                   const nlohmann::json::exception& error) override {
    constexpr int kOutOfRange = 406;
    if (error.id == kOutOfRange) {
      problem_ = concat("has a number beyond all range, ", token, ", at ",
                        place_in(text_, position - std::min(position, token.size())));
    } else if (position > text_.size()) {
      problem_ = concat("is not whole JSON: it ends at ", place_in(text_, text_.size()));
    } else {
      problem_ = concat("is not valid JSON at ", place_in(text_, position - 1));
    }
    return false;
  }

 private:
  std::string_view text_;
  std::string problem_;
};

}  // namespace

std::string json_problem(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return "is not JSON: it is empty";
  Mistake mistake(text);
  nlohmann::json::sax_parse(text, &mistake);
  return mistake.problem();
}

}  // namespace brim
