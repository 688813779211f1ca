#include "base/json.h"

#include <gtest/gtest.h>

namespace brim {
namespace {

TEST(Json, MistakesAreToldByLineAndColumn) {
  EXPECT_EQ(json_problem("{\"a\": 1}"), "");
  EXPECT_EQ(json_problem("{\"a\": 1,\n  \"b\" 2}"), "is not valid JSON at line 2, column 7");
  EXPECT_EQ(json_problem("x"), "is not valid JSON at line 1, column 1");
  EXPECT_EQ(json_problem("{\n\n}}"), "is not valid JSON at line 3, column 2");
  EXPECT_EQ(json_problem("[1,\n 2"), "is not whole JSON: it ends at line 2, column 3");
  EXPECT_EQ(json_problem(" \n"), "is not JSON: it is empty");
}

TEST(Json, ANumberBeyondRangeIsShown) {
  EXPECT_EQ(json_problem("{\n  \"clock\": 1e999\n}"),
            "has a number beyond all range, 1e999, at line 2, column 12");
}

TEST(Json, ErrorsNameTheFile) {
  EXPECT_EQ(parse_json("[3]", "a.json")[0], 3);
  for (const char* bad : {"[3", "[1e999]", ""}) {
    try {
      parse_json(bad, "a.json");
      FAIL() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), std::string("a.json: ") + json_problem(bad));
    }
  }
}

}  // namespace
}  // namespace brim
