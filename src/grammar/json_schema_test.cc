// JSON schemas: which texts they take, keyword by keyword, and which are refused with which line.
#include "base/concat.h"
#include "grammar/test_grammars.h"
#include "numerics/split_mix.h"

namespace brim::test {
namespace {

void expect_values(std::string_view text, const std::vector<std::string>& in,
                   const std::vector<std::string>& out) {
  const GrammarState state = schema(text);
  for (const std::string& value : in) EXPECT_TRUE(accepts(state, value)) << text << "\ntakes " << value;
  for (const std::string& value : out)
    EXPECT_FALSE(accepts(state, value)) << text << "\ndoes not take " << value;
}

void expect_refused(std::string_view text, std::string_view part) {
  const std::string error = schema_error(text);
  EXPECT_NE(error.find(part), std::string::npos) << text << "\n" << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TEST(JsonSchema, EmptyTakesAnyJson) {
  for (const char* any : {"{}", "true"}) {
    expect_values(
        any,
        {"{}", "[]", "\"\"", "0", "-1.5e+10", "true", "false", "null", R"({"a": [1, {"b": null}], "c": "d"})",
         "[\n  1,\n  2\n]", R"("\u00e9\ud83d\ude00\n\"")", "\"é\""},
        {"", "{", "[1,]", "{,}", "01", "+1", "1.", ".5", "nul", R"("\x")", R"("\ud83d")", R"("\ude00")",
         "\"\n\"", "\"\x80\"", "{\"a\"}", "[1 2]", "1 ", " 1"});
  }
  expect_refused("false", "#: no value satisfies this");
}

TEST(JsonSchema, Types) {
  expect_values(R"({"type":"null"})", {"null"}, {"0", "\"null\""});
  expect_values(R"({"type":"boolean"})", {"true", "false"}, {"null", "1"});
  expect_values(R"({"type":"integer"})", {"0", "7", "-12", "1234567890123456"},
                {"1.0", "-0", "01", "1e3", "12345678901234567"});
  expect_values(R"({"type":"number"})", {"0", "-0.5", "1e-7", "12.25E+3"}, {"1e999", "NaN", "0x1"});
  expect_values(R"({"type":"string"})", {"\"a\""}, {"a", "1"});
  expect_values(R"({"type":"array"})", {"[]", "[1, \"a\"]"}, {"{}"});
  expect_values(R"({"type":"object"})", {"{}", "{\"a\": 1}"}, {"[]"});
  expect_values(R"({"type":["string","null"]})", {"\"\"", "null"}, {"1", "[]"});
  expect_values(R"({"type":"integer","nullable":true})", {"1", "null"}, {"\"\""});
  expect_values(R"({"minLength":1,"nullable":true})", {"\"a\"", "null"}, {"\"\"", "1"});
  expect_values(R"({"type":"string","enum":["a",null,1],"nullable":true})", {"\"a\"", "null"}, {"1"});
  expect_refused(R"({"type":"string","nullable":"yes"})", "#/nullable: should be true or false");
  expect_values(R"({"minLength":2})", {"\"ab\""}, {"\"a\"", "1"});
  expect_refused(R"({"type":"float"})", "#/type: there is no type \"float\"");
  expect_refused(R"({"type":5})", "#/type: should be a text");
}

TEST(JsonSchema, ObjectsHaveTheirPropertiesInOrderAndOthersIfTheSchemaSaysSo) {
  const char* const two =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["b"]})";
  expect_values(two, {R"({"a":1,"b":"x"})", R"({"b":"x"})", R"({ "a": 1, "b": "x" })"},
                {R"({"a":1})", R"({"b":"x","a":1})", R"({"a":"1","b":"x"})", R"({"b":"x","c":1})", "{}"});
  expect_values(R"({"properties":{"a":true,"b":true,"c":true}})",
                {"{}", R"({"a":1})", R"({"b":1})", R"({"a":1,"c":2})", R"({"a":1,"b":1,"c":2})"},
                {R"({,"a":1})", R"({"a":1,})", R"({"c":1,"a":2})", R"({"a":1 "b":2})"});
  expect_values(R"({"properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"boolean"}})",
                {"{}", R"({"a":1})", R"({"x":true})", R"({"a":1,"x":true,"":false,"ab":true})"},
                {R"({"a":true})", R"({"x":1})", R"({"x":true,"a":true})"});
  expect_values(R"({"additionalProperties":{"type":"integer"}})", {"{}", R"({"x":1,"y":2})"},
                {R"({"x":"1"})"});
  expect_values(R"({"properties":{"a":true},"additionalProperties":true})", {R"({"a":1,"b":[]})"}, {});
  expect_values(R"({"type":"object","additionalProperties":false})", {"{}"}, {R"({"a":1})"});
  expect_values(R"({"required":["a"]})", {R"({"a":1})", R"({"a":1,"b":2})"}, {"{}", R"({"b":1})"});
  expect_values(R"({"properties":{"a \" b":{"const":1}}})", {R"({"a \" b":1})"}, {});
  expect_values(R"({"properties":{"no":false,"a":{"const":1}}})", {"{}", R"({"a":1})"}, {R"({"no":1})"});
  expect_refused(R"({"properties":{"no":false},"required":["no"]})",
                 "#/properties/no: no value satisfies this");
  expect_refused(R"({"required":["a"],"additionalProperties":false})", "no value satisfies this");
  expect_refused(R"({"properties":[]})", "#/properties: should be an object");
}

TEST(JsonSchema, ArraysHaveTheirItemsAndBounds) {
  expect_values(R"({"items":{"type":"integer"}})", {"[]", "[1]", "[1, 2,3]"}, {"[\"a\"]", "[1,]"});
  expect_values(R"({"items":{"type":"integer"},"minItems":2,"maxItems":3})", {"[1,2]", "[1,2,3]"},
                {"[1]", "[1,2,3,4]", "[]"});
  expect_values(R"({"type":"array","maxItems":1})", {"[]", "[{}]"}, {"[1,2]"});
  expect_values(R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"});
  expect_values(R"({"prefixItems":[{"type":"integer"},{"type":"string"}],"items":false})",
                {"[]", "[1]", "[1,\"a\"]"}, {"[\"a\"]", "[1,\"a\",2]"});
  expect_values(
      R"({"prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"},"minItems":1})",
      {"[1]", "[1,\"a\"]", "[1,\"a\",null,null]"}, {"[]", "[1,null]"});
  expect_values(R"({"prefixItems":[{"type":"integer"}],"minItems":3,"maxItems":3,"items":{"type":"null"}})",
                {"[1,null,null]"}, {"[1,null]", "[1]"});
  expect_refused(R"({"items":[{"type":"integer"}]})",
                 "#/items: as a list is not supported; write prefixItems");
  expect_refused(R"({"type":"array","minItems":2,"maxItems":1})", "no value satisfies this");
  expect_refused(R"({"type":"array","minItems":-1})", "#/minItems: should be a whole number");
  expect_refused(R"({"type":"array","minItems":1.5})", "#/minItems: should be a whole number");
}

TEST(JsonSchema, StringsHaveTheirLengthInCharacters) {
  expect_values(R"({"type":"string","minLength":2,"maxLength":3})",
                {"\"ab\"", "\"abc\"", R"("\n\ud83d\ude00é")"}, {"\"a\"", "\"abcd\"", "\"\""});
  expect_values(R"({"type":"string","maxLength":0})", {"\"\""}, {"\"a\""});
  expect_refused(R"({"type":"string","minLength":3,"maxLength":2})", "no value satisfies this");
  expect_refused(R"({"type":"string","maxLength":1000000})", "#/maxLength: above 100000 is not supported");
}

TEST(JsonSchema, PatternsAsFarAsTheyAreSupported) {
  expect_values(R"({"type":"string","pattern":"^[a-z]+-\\d{2,3}$"})", {"\"ab-12\"", "\"x-123\""},
                {"\"ab-1\"", "\"-12\"", "\"ab-1234\""});
  expect_values(R"({"type":"string","pattern":"b+"})", {"\"b\"", "\"abbc\"", R"("\"b\n")"},
                {"\"a\"", "\"\""});
  expect_values(R"({"type":"string","pattern":"^a"})", {"\"a\"", "\"abc\""}, {"\"ba\""});
  expect_values(R"({"type":"string","pattern":"^(a|bc)?$|^x$"})", {"\"\"", "\"bc\"", "\"x\""},
                {"\"b\"", "\"ax\""});
  expect_values(R"({"type":"string","pattern":"^\\w\\s\\S[^a]\\.\"\\\\\\/$"})", {R"("a b\t.\"\\/")"},
                {R"("a bab\"\\")"});
  expect_values(R"({"type":"string","pattern":"^(?:ab)*?.$"})", {"\"ababx\"", "\"é\""},
                {"\"abab\\n\"", "\"\""});
  expect_values(R"({"type":"string","pattern":"^[\\n\\x41\\u0042]$"})", {R"("\n")", "\"A\"", "\"B\""},
                {"\"C\""});
  for (const char* unsupported : {"(?=a)", "(?<n>a)", "(a)\\\\1", "\\\\bword", "\\\\p{L}", "a^b", "(^a)",
                                  "a{", "*", "[a", "(a", "a)", "a{2,1}", "\\\\"})
    expect_refused(concat(R"({"type":"string","pattern":")", unsupported, "\"}"), "#/pattern: pattern: ");
  expect_refused(R"({"type":"string","pattern":"a","minLength":2})", "#/pattern: together with a length");
}

TEST(JsonSchema, Formats) {
  expect_values(R"({"type":"string","format":"date"})",
                {"\"2024-02-29\"", "\"2000-02-29\"", "\"2023-12-31\"", "\"2023-06-30\""},
                {"\"2023-02-29\"", "\"1900-02-29\"", "\"2023-06-31\"", "\"2023-13-01\"", "\"2023-00-10\"",
                 "\"2023-01-00\"", "\"2023-02-30\"", "\"2023-1-1\""});
  expect_values(R"({"type":"string","format":"time"})", {"\"00:00:00Z\"", "\"23:59:59.125+02:00\""},
                {"\"24:00:00Z\"", "\"10:00:00\"", "\"10:60:00Z\""});
  expect_values(R"({"type":"string","format":"date-time"})", {"\"2024-02-29T12:00:00-11:30\""},
                {"\"2024-02-29 12:00:00Z\"", "\"2024-02-29\""});
  expect_values(R"({"type":"string","format":"uuid"})", {"\"123e4567-e89b-12d3-a456-426614174000\""},
                {"\"123e4567e89b12d3a456426614174000\""});
  expect_refused(R"({"type":"string","format":"email"})", "#/format: 'email' is not supported");
  expect_refused(R"({"type":"string","format":"date","maxLength":3})", "#/format: together with a length");
}

// Every day from 1890 to 2110, by counting.
TEST(JsonSchema, DatesAreThoseOfTheCalendar) {
  const GrammarState state = schema(R"({"type":"string","format":"date"})");
  const auto text = [](int year, int month, int day) {
    char room[32];
    std::snprintf(room, sizeof room, "\"%04d-%02d-%02d\"", year, month, day);
    return std::string(room);
  };
  for (int year = 1890; year < 2110; ++year) {
    const bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    const int days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int month = 1; month <= 12; ++month) {
      for (int day = 27; day <= 32; ++day)
        ASSERT_EQ(accepts(state, text(year, month, day)), day <= days[month - 1]) << text(year, month, day);
    }
  }
}

TEST(JsonSchema, IntegersWithinBoundsAreExactlyThose) {
  uint64_t seed = 5;
  const auto random = [&](int64_t low, int64_t high) {
    return low +
           static_cast<int64_t>(split_mix(seed += kSplitMixStep) % static_cast<uint64_t>(high - low + 1));
  };
  for (int round = 0; round < 60; ++round) {
    const int64_t scale = round % 3 == 0 ? 12 : round % 3 == 1 ? 150 : 20000;
    const bool has_low = round % 5 != 1, has_high = round % 5 != 2;
    int64_t low = random(-scale, scale), high = random(-scale, scale);
    if (low > high) std::swap(low, high);
    const bool open = round % 7 == 3;
    std::string text = R"({"type":"integer")";
    if (has_low) text += concat(open ? ",\"exclusiveMinimum\":" : ",\"minimum\":", low);
    if (has_high) text += concat(open ? ",\"exclusiveMaximum\":" : ",\"maximum\":", high);
    text += "}";
    if (open && has_low && has_high && high - low < 2) continue;
    const GrammarState state = schema(text);
    for (int i = 0; i < 400; ++i) {
      const int64_t value = i < 20 ? low - 10 + i : i < 40 ? high - 30 + i : random(-2 * scale, 2 * scale);
      const bool expected = (!has_low || (open ? value > low : value >= low)) &&
                            (!has_high || (open ? value < high : value <= high));
      ASSERT_EQ(accepts(state, std::to_string(value)), expected) << text << ' ' << value;
    }
  }
  expect_values(R"({"type":"integer","minimum":1.5,"maximum":3.5})", {"2", "3"}, {"1", "4"});
  expect_values(R"({"type":"integer","minimum":-9000000000000000000})", {"-9000000000000000000", "0"},
                {"-9000000000000000001"});
  expect_refused(R"({"type":"integer","minimum":3,"maximum":2})", "no value satisfies this");
  expect_refused(R"({"type":"integer","minimum":1e30})", "#/minimum: is beyond what is supported");
  expect_refused(R"({"type":"integer","minimum":"3"})", "#/minimum: should be a number");
}

TEST(JsonSchema, NumbersWithinWholeBounds) {
  expect_values(R"({"type":"number","minimum":0,"maximum":1})", {"0", "0.5", "1", "1.0", "0.999"},
                {"-0.1", "1.1", "2", "1.00001"});
  expect_values(R"({"type":"number","exclusiveMinimum":0,"exclusiveMaximum":10})", {"0.001", "9.99", "5"},
                {"0", "0.0", "10", "-1", "10.5"});
  expect_values(R"({"type":"number","minimum":-5,"maximum":-2})", {"-5", "-2", "-2.5", "-4.99"},
                {"-5.1", "-1.9", "0", "2", "3"});
  expect_values(R"({"type":"number","minimum":-1,"maximum":1})", {"-1", "-0.5", "0", "0.5", "1"},
                {"-1.5", "1.5"});
  expect_values(R"({"type":"number","minimum":12})", {"12", "12.5", "13", "99", "100.25"},
                {"11.9", "9", "-13"});
  expect_values(R"({"type":"number","maximum":12})", {"12", "11.5", "-1000", "0"}, {"12.5", "13"});
  expect_values(R"({"type":"number","exclusiveMaximum":-3})", {"-3.5", "-4", "-100"}, {"-3", "-2.9", "0"});
  expect_refused(R"({"type":"number","minimum":0.5})",
                 "#/minimum: of a number is supported only if it is whole");
  expect_refused(R"({"type":"number","minimum":5,"exclusiveMaximum":5})", "no value satisfies this");
}

TEST(JsonSchema, EnumsAndConstants) {
  expect_values(R"({"enum":["a","b c",1,null,{"x":[1]}]})", {"\"a\"", "\"b c\"", "1", "null", R"({"x":[1]})"},
                {"\"c\"", "2"});
  expect_values(R"({"const":"a\"b"})", {R"("a\"b")"}, {});
  expect_values(R"({"type":"string","enum":["a",1]})", {"\"a\""}, {"1"});
  expect_values(R"({"enum":["a","b"],"const":"b"})", {"\"b\""}, {"\"a\""});
  expect_refused(R"({"type":"string","enum":[1]})", "no value satisfies this");
  expect_refused(R"({"enum":[]})", "no value satisfies this");
  expect_refused(R"({"enum":["a"],"minLength":3})", "#/minLength: beside enum or const is not supported");
  expect_refused(R"({"enum":"a"})", "#/enum: should be a list");
}

TEST(JsonSchema, Combinations) {
  expect_values(R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]})", {"1", "\"a\""},
                {"\"ab\"", "null"});
  expect_values(
      R"({"type":"object","properties":{"a":{"type":"integer"}},"anyOf":[{"required":["a"]},{"properties":{"b":{"const":1}},"required":["b"]}]})",
      {R"({"a":1})", R"({"a":1,"b":1})", R"({"b":1})"}, {"{}"});
  expect_values(R"({"anyOf":[false,{"const":1}]})", {"1"}, {"2"});
  expect_values(R"({"oneOf":[{"type":"integer"},{"type":"string"}]})", {"1", "\"a\""}, {"null"});
  expect_values(
      R"({"oneOf":[{"properties":{"k":{"const":"a"},"x":{"type":"integer"}},"required":["k","x"]},{"properties":{"k":{"const":"b"}},"required":["k"]}]})",
      {R"({"k":"a","x":1})", R"({"k":"b"})"}, {R"({"k":"a"})"});
  expect_refused(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})",
                 "#/oneOf: alternatives 0 and 1 may both be satisfied");
  expect_values(R"({"allOf":[{"type":"integer","minimum":3},{"maximum":5},{"minimum":1}]})", {"3", "5"},
                {"2", "6"});
  expect_values(
      R"({"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"string"}},"required":["b"]}]})",
      {R"({"a":1,"b":"x"})"}, {R"({"a":1})", R"({"b":"x"})"});
  expect_values(
      R"({"allOf":[{"properties":{"a":{"minimum":2,"type":"integer"}}},{"properties":{"a":{"maximum":3}},"required":["a"]}]})",
      {R"({"a":3})"}, {R"({"a":4})", "{}"});
  expect_values(
      R"({"allOf":[{"properties":{"a":true},"additionalProperties":false},{"properties":{"a":true,"b":true}}]})",
      {"{}", R"({"a":1})"}, {R"({"b":1})"});
  expect_values(R"({"allOf":[{"anyOf":[{"const":1},{"const":2}]},{"anyOf":[{"const":2},{"const":3}]}]})",
                {"2"}, {"1", "3"});
  expect_refused(R"({"allOf":[{"type":"integer"},{"type":"string"}]})", "no value satisfies this");
  expect_values(R"({"allOf":[{"type":"string"},{"type":"string","nullable":true}]})", {"\"a\""}, {"null"});
  expect_values(R"({"allOf":[{"type":"string","nullable":true},{"type":["null","string"]}]})",
                {"\"a\"", "null"}, {"1"});
  expect_refused(R"({"allOf":[{"required":1},{"required":["a"]}]})",
                 "#/allOf/0/required: should be a list of names");
  expect_refused(R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})",
                 "#/allOf/1/pattern: differs from what else is said");
  expect_refused(R"({"anyOf":[]})", "#/anyOf: should be a list of schemas");
}

TEST(JsonSchema, ReferencesWithinTheSchemaAlsoToItself) {
  const char* const list =
      R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}}})";
  expect_values(list, {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
                {R"({"v":1})", R"({"v":1,"next":1})"});
  expect_values(R"({"properties":{"inner":{"$ref":"#"}},"type":"object"})",
                {"{}", R"({"inner":{"inner":{}}})"}, {R"({"inner":1})"});
  expect_values(R"({"$ref":"#/definitions/a~1b%20c","definitions":{"a/b c":{"const":1}}})", {"1"}, {"2"});
  expect_values(R"({"$ref":"#/$defs/s","maxLength":1,"$defs":{"s":{"type":"string"}}})", {"\"a\""},
                {"\"ab\""});
  expect_refused(R"({"$ref":"#/$defs/no"})", "#/$ref: there is no '#/$defs/no'");
  expect_refused(R"({"$ref":"http://example.org/s.json"})", "is not within this schema");
  expect_refused(R"({"$ref":"#"})", "left recursion: # -> #");
  expect_refused(R"({"allOf":[{"$ref":"#"}]})", "or one within itself");
  expect_refused(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})", "no text ends it");
}

TEST(JsonSchema, WhatIsNotSupportedIsRefusedByNameWithItsPath) {
  for (const char* keyword : {"not",
                              "if",
                              "then",
                              "else",
                              "patternProperties",
                              "propertyNames",
                              "dependentRequired",
                              "dependentSchemas",
                              "unevaluatedProperties",
                              "unevaluatedItems",
                              "contains",
                              "minContains",
                              "maxContains",
                              "multipleOf",
                              "minProperties",
                              "maxProperties",
                              "contentEncoding",
                              "$dynamicRef",
                              "$anchor",
                              "additionalItems",
                              "dependencies",
                              "madeUp"}) {
    expect_refused(concat(R"({"properties":{"a/b":{")", keyword, R"(":{}}}})"),
                   concat("#/properties/a~1b/", keyword, ": is not supported"));
  }
  expect_refused(R"({"type":"array","uniqueItems":true})", "#/uniqueItems: is not supported");
  EXPECT_EQ(schema_error(R"({"type":"array","uniqueItems":false})"), "");
  expect_refused("5", "#: should be a schema");
  expect_refused("{", "it is not whole JSON: it ends at line 1, column 2");
  EXPECT_EQ(
      schema_error(
          R"({"title":"t","description":"d","default":1,"examples":[1],"$schema":"s","$id":"i","$comment":"c","deprecated":true,"readOnly":true,"writeOnly":false})"),
      "")
      << "annotations say nothing of the value";
}

TEST(JsonSchema, HostileSchemasAreRefused) {
  std::string nested = "{}";
  for (int i = 0; i < 300; ++i) nested = concat(R"({"items":)", nested, "}");
  expect_refused(nested, "within one another");
  expect_refused(concat(R"({"enum":[)", std::string(5000, '['), std::string(5000, ']'), "]}"),
                 "brackets within one another");
  // Each definition inlines the next one twice.
  std::string doubling = R"({"$ref":"#/$defs/0","$defs":{)";
  for (int i = 0; i < 60; ++i) {
    const std::string next = concat(R"({"$ref":"#/$defs/)", i + 1, R"(","type":"object"})");
    doubling += concat('"', i, R"(":{"properties":{"a":)", next, ",\"b\":", next, "}},");
  }
  expect_refused(concat(doubling, R"("60":{}}})"), "too large");
  // Lists in the last place of lists, where each place is a level.
  std::string places, lists = "true";
  for (int i = 0; i < 499; ++i) places += "true,";
  for (int i = 0; i < 20; ++i) lists = concat(R"({"type":"array","prefixItems":[)", places, lists, "]}");
  expect_refused(lists, "nests too deep");
  expect_refused(R"({"type":"array","minItems":90000,"items":{"type":"string","minLength":90000}})",
                 "too large");
}

}  // namespace
}  // namespace brim::test
