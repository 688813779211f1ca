// Random schemas, random texts: whatever is chosen among the tokens that a schema allows is JSON that the
// schema accepts, by a validator that shares no line with what makes grammars.
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "grammar/test_grammars.h"
#include "numerics/split_mix.h"

namespace brim::test {
namespace {

using Json = nlohmann::ordered_json;

// ---- JSON Schema, as the standard defines it for the keywords below ----

size_t characters(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_date(const std::string& text) {
  int year = 0, month = 0, day = 0, used = 0;
  if (text.size() != 10 || std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 ||
      used != 10)
    return false;
  const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool is_time(const std::string& text) {
  static const std::regex shape(R"((\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-](\d\d):(\d\d)))");
  std::smatch match;
  if (!std::regex_match(text, match, shape)) return false;
  const auto below = [&](int group, int bound) {
    return !match[group].matched || std::stoi(match[group]) < bound;
  };
  return below(1, 24) && below(2, 60) && below(3, 60) && below(6, 24) && below(7, 60);
}

bool has_format(const std::string& text, const std::string& format) {
  if (format == "date") return is_date(text);
  if (format == "time") return is_time(text);
  if (format == "date-time")
    return text.size() > 11 && text[10] == 'T' && is_date(text.substr(0, 10)) && is_time(text.substr(11));
  static const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  return format == "uuid" && std::regex_match(text, uuid);
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  return value.is_number() && std::floor(value.get<double>()) == value.get<double>();
}

bool is_valid(const Json& root, const Json& schema, const Json& value) {
  if (schema.is_boolean()) return schema.get<bool>();
  if (schema.value("nullable", false) && value.is_null()) return true;
  for (const auto& [keyword, what] : schema.items()) {
    const Json& w = what;
    const auto all = [&](const Json& schemas) {
      return std::count_if(schemas.begin(), schemas.end(),
                           [&](const Json& s) { return is_valid(root, s, value); });
    };
    bool good = true;
    if (keyword == "$ref") {
      good = is_valid(root, root.at(nlohmann::ordered_json::json_pointer(w.get<std::string>().substr(1))),
                      value);
    } else if (keyword == "allOf") {
      good = static_cast<size_t>(all(w)) == w.size();
    } else if (keyword == "anyOf") {
      good = all(w) > 0;
    } else if (keyword == "oneOf") {
      good = all(w) == 1;
    } else if (keyword == "enum") {
      good = std::find(w.begin(), w.end(), value) != w.end();
    } else if (keyword == "const") {
      good = value == w;
    } else if (keyword == "type") {
      good = w.is_string()
                 ? has_type(value, w)
                 : std::any_of(w.begin(), w.end(), [&](const Json& t) { return has_type(value, t); });
    } else if (value.is_number()) {
      const auto x = value.get<double>();
      if (keyword == "minimum") good = x >= w.get<double>();
      if (keyword == "maximum") good = x <= w.get<double>();
      if (keyword == "exclusiveMinimum") good = x > w.get<double>();
      if (keyword == "exclusiveMaximum") good = x < w.get<double>();
    } else if (value.is_string()) {
      const auto text = value.get<std::string>();
      if (keyword == "minLength") good = characters(text) >= w.get<size_t>();
      if (keyword == "maxLength") good = characters(text) <= w.get<size_t>();
      if (keyword == "pattern") good = std::regex_search(text, std::regex(w.get<std::string>()));
      if (keyword == "format") good = has_format(text, w);
    } else if (value.is_array()) {
      if (keyword == "minItems") good = value.size() >= w.get<size_t>();
      if (keyword == "maxItems") good = value.size() <= w.get<size_t>();
      if (keyword == "prefixItems") {
        for (size_t i = 0; i < std::min(w.size(), value.size()); ++i) good &= is_valid(root, w[i], value[i]);
      }
      if (keyword == "items") {
        const size_t first = schema.contains("prefixItems") ? schema["prefixItems"].size() : 0;
        for (size_t i = first; i < value.size(); ++i) good &= is_valid(root, w, value[i]);
      }
    } else if (value.is_object()) {
      if (keyword == "required")
        good = std::all_of(w.begin(), w.end(),
                           [&](const Json& name) { return value.contains(name.get<std::string>()); });
      if (keyword == "properties") {
        for (const auto& [name, property] : w.items())
          good &= !value.contains(name) || is_valid(root, property, value[name]);
      }
      if (keyword == "additionalProperties") {
        for (const auto& [name, inner] : value.items())
          good &= (schema.contains("properties") && schema["properties"].contains(name)) ||
                  is_valid(root, w, inner);
      }
    }
    if (!good) return false;
  }
  return true;
}

// ---- random schemas ----

class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed * 1000003) {}

  uint64_t random(uint64_t below) { return split_mix(state_ += kSplitMixStep) % below; }
  bool chance(uint64_t in) { return random(in) == 0; }

  Json root() {
    Json schema = any(3);
    if (!schema.is_object()) schema = Json{{"allOf", Json::array({schema})}};
    // Recursion, with a way out.
    schema["$defs"] = {
        {"list",
         {{"type", "object"},
          {"properties",
           {{"value", any(0)}, {"next", {{"anyOf", {{{"type", "null"}}, {{"$ref", "#/$defs/list"}}}}}}}},
          {"required", {"value", "next"}}}},
        {"tree",
         {{"type", "object"},
          {"properties",
           {{"name", {{"type", "string"}, {"maxLength", 3}}},
            {"children", {{"type", "array"}, {"items", {{"$ref", "#/$defs/tree"}}}}}}},
          {"required", {"children"}}}},
        {"text", string()}};
    return schema;
  }

 private:
  Json any(int depth) {
    switch (random(depth > 0 ? 12 : 6)) {
      case 0:
        return string();
      case 1:
        return number("integer");
      case 2:
        return number("number");
      case 3:
        return chance(3) ? Json{{"type", "null"}} : Json{{"type", "boolean"}};
      case 4:
        return constants();
      case 5:
        return chance(2) ? Json{{"type", {"integer", "null"}}, {"maximum", 9}}
                         : Json{{"type", "string"}, {"nullable", true}};
      case 6:
      case 7:
        return object(depth);
      case 8:
        return array(depth);
      case 9:
        return combination(depth);
      case 10:
        return Json{{"$ref", chance(3) ? "#/$defs/text" : chance(2) ? "#/$defs/list" : "#/$defs/tree"}};
      default:
        return chance(3) ? Json(true) : chance(2) ? Json::object() : Json{{"type", "array"}, {"maxItems", 2}};
    }
  }

  Json string() {
    Json schema = {{"type", "string"}};
    static const char* const patterns[] = {
        "^[a-z]{2,4}$", "^(red|green|blue)-\\d+$", "[0-9]", "^\\w+@\\w+\\.(com|org)$", "^x?y*z$", "^[^a-m]+$",
        "\\s"};
    static const char* const formats[] = {"date", "time", "date-time", "uuid"};
    switch (random(5)) {
      case 0:
        schema["maxLength"] = random(12);
        break;
      case 1: {
        const auto least = random(6);
        schema["minLength"] = least;
        schema["maxLength"] = least + random(6);
        break;
      }
      case 2:
        schema["pattern"] = patterns[random(std::size(patterns))];
        break;
      case 3:
        schema["format"] = formats[random(std::size(formats))];
        break;
      default:
        break;
    }
    return schema;
  }

  Json number(const char* type) {
    Json schema = {{"type", type}};
    const auto bound = [&] {
      return static_cast<int64_t>(random(chance(2) ? 30 : 100000)) - (chance(2) ? 0 : 5000);
    };
    const int64_t low = bound();
    if (chance(2)) schema[chance(3) ? "exclusiveMinimum" : "minimum"] = low;
    if (chance(2))
      schema[chance(3) ? "exclusiveMaximum" : "maximum"] = low + 2 + static_cast<int64_t>(random(1000));
    return schema;
  }

  Json constants() {
    static const Json values =
        Json::parse(R"(["a","two words","\"quoted\"","é",1,-2.5,true,null,[1,"x"],{"k":{"l":[]}},""])");
    if (chance(3)) return Json{{"const", values[random(values.size())]}};
    Json schema = {{"enum", Json::array()}};
    for (uint64_t i = 0; i <= random(4); ++i) schema["enum"].push_back(values[random(values.size())]);
    return schema;
  }

  Json object(int depth) {
    static const char* const names[] = {"id", "name", "value", "a b", "\"q\"", "é", "nameX", "x"};
    Json schema = {{"type", "object"}, {"properties", Json::object()}};
    if (chance(8)) return Json{{"type", "object"}, {"additionalProperties", any(depth - 1)}};
    for (uint64_t i = 0; i < random(5); ++i)
      schema["properties"][names[random(std::size(names))]] = any(depth - 1);
    Json required = Json::array();
    for (const auto& [name, property] : schema["properties"].items()) {
      if (chance(2)) required.push_back(name);
    }
    if (chance(2)) schema["required"] = required;
    if (chance(3)) schema["additionalProperties"] = chance(2) ? Json(chance(2)) : any(0);
    if (chance(2)) schema["description"] = "an object";
    return schema;
  }

  Json array(int depth) {
    Json schema = {{"type", "array"}};
    if (chance(3)) {
      schema["prefixItems"] = Json::array();
      for (uint64_t i = 0; i < 1 + random(3); ++i) schema["prefixItems"].push_back(any(depth - 1));
    }
    if (!chance(5)) schema["items"] = any(depth - 1);
    const auto least = random(3);
    if (chance(2)) schema["minItems"] = least;
    if (chance(2)) schema["maxItems"] = least + random(3);
    return schema;
  }

  Json combination(int depth) {
    if (chance(3)) {
      Json a = number("integer"), b = {{"minimum", -100000}, {"maximum", 500000}};
      return Json{{"allOf", {a, b}}};
    }
    if (chance(3)) {
      const auto branch = [&](const char* kind) {
        return Json{{"type", "object"},
                    {"properties", {{"kind", {{"const", kind}}}, {"data", any(depth - 1)}}},
                    {"required", {"kind"}}};
      };
      return Json{{"oneOf", {branch("a"), branch("b"), Json{{"type", "string"}}}}};
    }
    if (chance(2)) {
      Json base = object(depth);
      if (base.contains("properties")) base["properties"].erase("extra");
      return Json{{"allOf", {base, Json{{"properties", {{"extra", any(depth - 1)}}}}}}};
    }
    return Json{{"anyOf", {any(depth - 1), any(depth - 1)}}};
  }

  uint64_t state_;
};

// ---- random texts ----

std::vector<uint32_t> members(std::span<const uint64_t> mask) {
  std::vector<uint32_t> tokens;
  for (uint32_t word = 0; word < mask.size(); ++word) {
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1)
      tokens.push_back(word * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
  }
  return tokens;
}

// A token that leads to the end, by a simple view of JSON: close what is open, else as little as possible.
// Every second one is any single byte, as patterns want bytes that no simple view knows of.
uint32_t closing(const TokenTrie& vocabulary, const std::vector<uint32_t>& allowed, Generator& generator) {
  constexpr std::string_view kOrder = "}]\":0123456789nabcdefghijklmopqrstuvwxyz-.TZ,";
  const auto may_come = [&](std::string_view text) {
    return std::any_of(allowed.begin(), allowed.end(),
                       [&](uint32_t token) { return vocabulary.text(token) == text; });
  };
  // Both braces: within a string, where they close nothing.
  const std::string_view order = may_come("{") && may_come("}") ? "\"" : kOrder;
  std::vector<uint32_t> bytes;
  for (const uint32_t token : allowed) {
    if (vocabulary.is_end(token)) return token;
    if (vocabulary.text(token).size() == 1) bytes.push_back(token);
  }
  if (bytes.empty()) return allowed.front();
  if (generator.chance(2)) return bytes[generator.random(bytes.size())];
  const auto cost = [&](uint32_t token) {
    return std::min(order.find(vocabulary.text(token)[0]), order.size());
  };
  return *std::min_element(bytes.begin(), bytes.end(),
                           [&](uint32_t a, uint32_t b) { return cost(a) < cost(b); });
}

constexpr uint32_t kSchemas = 1000;
constexpr uint32_t kShards = 8;
constexpr size_t kFreeTokens = 40;
constexpr size_t kMostTokens = 4000;

class RandomSchemas : public testing::TestWithParam<uint32_t> {};

TEST_P(RandomSchemas, EveryTextOfAllowedTokensParsesAndValidates) {
  const auto vocabulary = demo_vocabulary();
  uint32_t refused = 0;
  for (uint32_t seed = GetParam(); seed < kSchemas; seed += kShards) {
    Generator generator(seed);
    const Json schema = generator.root();
    std::shared_ptr<const Grammar> grammar;
    try {
      grammar = compile_json_schema(schema);
    } catch (const std::runtime_error& error) {
      // What no value satisfies, or what cannot be told apart, is said; nothing else is.
      const std::string message = error.what();
      EXPECT_TRUE(message.find("no value satisfies this") != std::string::npos ||
                  message.find("is not supported") != std::string::npos)
          << message << "\n"
          << schema;
      ++refused;
      continue;
    }
    const GrammarState fresh(grammar, vocabulary);
    for (int walk = 0; walk < 2; ++walk) {
      GrammarState state = fresh;
      std::string text;
      while (!state.ended()) {
        const std::vector<uint32_t> allowed = members(state.mask());
        ASSERT_FALSE(allowed.empty()) << schema << "\n" << text;
        const uint32_t token = state.tokens() < kFreeTokens ? allowed[generator.random(allowed.size())]
                                                            : closing(*vocabulary, allowed, generator);
        ASSERT_TRUE(state.accept(token));
        text += vocabulary->text(token);
        ASSERT_LT(state.tokens(), kMostTokens) << schema << "\n" << text;
      }
      const Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
      ASSERT_FALSE(value.is_discarded()) << schema << "\n" << text;
      ASSERT_TRUE(is_valid(schema, schema, value)) << schema << "\n" << text;
    }
  }
  EXPECT_LT(refused, kSchemas / kShards / 10) << "hardly any schema is refused";
}
INSTANTIATE_TEST_SUITE_P(Shards, RandomSchemas, testing::Range(0u, kShards));

TEST(SchemaValidator, TellsGoodFromBad) {
  const Json schema = Json::parse(
      R"({"type":"object","properties":{"a":{"type":"integer","minimum":2}},"required":["a"],"additionalProperties":false})");
  EXPECT_TRUE(is_valid(schema, schema, Json::parse(R"({"a":2})")));
  for (const char* bad : {"{}", R"({"a":1})", R"({"a":2.5})", R"({"a":2,"b":1})", "[]"})
    EXPECT_FALSE(is_valid(schema, schema, Json::parse(bad))) << bad;
  EXPECT_FALSE(is_date("2023-02-29"));
  EXPECT_FALSE(is_time("25:00:00Z"));
}

}  // namespace
}  // namespace brim::test
