// JSON schemas as grammars. What a schema says is either expressed, or refused by name; only annotations are
// passed over. docs/grammar.md has the table of keywords.
#include "grammar/json_schema.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "base/concat.h"
#include "base/error.h"
#include "base/json.h"
#include "grammar/grammar.h"
#include "grammar/machine.h"
#include "grammar/number_range.h"
#include "grammar/pattern.h"
#include "grammar/string_format.h"

namespace brim {

namespace {

using Json = nlohmann::ordered_json;

constexpr uint32_t kMostNesting = 200;
constexpr uint32_t kMostSchemas = 100'000;  // that one schema is taken apart into
constexpr uint32_t kMostCount = 100'000;    // of items, of characters

enum Type : size_t { kNull, kBoolean, kObject, kArray, kNumber, kInteger, kString, kTypes };
constexpr std::array<std::string_view, kTypes> kTypeNames = {"null",   "boolean", "object", "array",
                                                             "number", "integer", "string"};
using TypeSet = std::bitset<kTypes>;

// Every keyword that is followed; `of`: the type that it is about, kTypes: of any.
struct Keyword {
  std::string_view name;
  size_t of;
};
constexpr auto kKeywords = std::to_array<Keyword>({
    {"type", kTypes},
    {"nullable", kTypes},
    {"enum", kTypes},
    {"const", kTypes},
    {"properties", kObject},
    {"required", kObject},
    {"additionalProperties", kObject},
    {"items", kArray},
    {"prefixItems", kArray},
    {"minItems", kArray},
    {"maxItems", kArray},
    {"minLength", kString},
    {"maxLength", kString},
    {"pattern", kString},
    {"format", kString},
    {"minimum", kNumber},
    {"maximum", kNumber},
    {"exclusiveMinimum", kNumber},
    {"exclusiveMaximum", kNumber},
});
constexpr auto kCombinations = std::to_array<std::string_view>({"$ref", "allOf", "anyOf", "oneOf"});
constexpr auto kAnnotations = std::to_array<std::string_view>(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly",
     "$comment", "$schema", "$id", "$defs", "definitions", "discriminator"});

template <typename Names>
bool is_among(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Keyword* keyword_named(std::string_view name) {
  for (const Keyword& keyword : kKeywords) {
    if (keyword.name == name) return &keyword;
  }
  return nullptr;
}

Error refused(const std::string& path, const std::string& what) {
  return Error(concat("JSON schema: ", path, ": ", what));
}

// No value at all satisfies a schema: an error, unless there is another way to satisfy what it is part of.
class Unsatisfiable : public Error {
 public:
  explicit Unsatisfiable(const std::string& path)
      : Error(concat("JSON schema: ", path, ": no value satisfies this")) {}
};

// "a/b~" within a path.
std::string escaped(std::string_view name) {
  std::string text;
  for (const char c : name)
    text += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return text;
}

class SchemaCompiler {
 public:
  SchemaCompiler(Syntax& syntax, JsonText& json, const Json& root)
      : root_(root), syntax_(syntax), json_(json) {}

  ExpressionId compile() {
    const RuleId text = syntax_.declare("#");
    references_["#"] = text;
    syntax_.define(text, value_of(root_, "#"));
    return syntax_.call(text);
  }

 private:
  // Where a schema is nested in schemas.
  class Level {
   public:
    Level(SchemaCompiler& compiler, const std::string& path) : depth_(compiler.depth_) {
      if (++depth_ > kMostNesting)
        throw refused(
            path, concat("more than ", kMostNesting, " schemas within one another, or one within itself"));
      if (++compiler.schemas_ > kMostSchemas) throw refused(path, "the schema is too large");
    }
    ~Level() { --depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    uint32_t& depth_;
  };

  // ---- values ----

  ExpressionId value_of(const Json& schema, const std::string& path) {
    const Level level(*this, path);
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) throw Unsatisfiable(path);
      return json_.value();
    }
    check_keywords(schema, path);
    if (schema.contains("$ref") && only(schema, "$ref")) return call_of(schema["$ref"], path);
    const Json flat = flattened(schema, path);
    for (const char* combination : {"anyOf", "oneOf"}) {
      if (flat.contains(combination)) return alternatives_of(flat, combination, path);
    }
    if (flat.contains("enum")) return enum_of(flat, path);
    const TypeSet types = types_of(flat, path);
    std::vector<ExpressionId> parts;
    std::optional<Unsatisfiable> problem;
    for (size_t type = 0; type < kTypes; ++type) {
      if (!types[type] || (type == kInteger && types[kNumber])) continue;
      try {
        parts.push_back(typed_value(flat, static_cast<Type>(type), path));
      } catch (const Unsatisfiable& error) {
        problem = error;
      }
    }
    if (parts.empty()) throw problem ? *problem : Unsatisfiable(path);
    return syntax_.choice(std::move(parts));
  }

  ExpressionId typed_value(const Json& schema, Type type, const std::string& path) {
    switch (type) {
      case kNull:
        return syntax_.literal("null");
      case kBoolean:
        return json_.boolean();
      case kObject:
        return object_of(schema, path);
      case kArray:
        return array_of(schema, path);
      case kNumber:
        return number_of(schema, path);
      case kInteger:
        return integer_of(schema, path);
      case kString:
        return string_of(schema, path);
      case kTypes:
        break;
    }
    return json_.value();
  }

  // The rule of a schema elsewhere in the text, so that schemas may refer to themselves.
  ExpressionId call_of(const Json& reference, const std::string& path) {
    const std::string target_path = pointer_of(reference, path);
    const auto [at, is_new] = references_.try_emplace(target_path, 0);
    if (is_new) {
      const RuleId rule = syntax_.declare(target_path);
      at->second = rule;
      try {
        syntax_.define(rule, value_of(target_of(reference, path), target_path));
      } catch (const Unsatisfiable&) {
        syntax_.define(rule, syntax_.character({}));
        unsatisfiable_.insert(rule);
      }
    }
    const RuleId rule = references_.at(target_path);
    if (unsatisfiable_.contains(rule)) throw Unsatisfiable(target_path);
    return syntax_.call(rule);
  }

  ExpressionId alternatives_of(const Json& schema, const std::string& keyword, const std::string& path) {
    const Json& branches = schema[keyword];
    const std::string branches_path = concat(path, "/", keyword);
    if (!branches.is_array() || branches.empty()) throw refused(branches_path, "should be a list of schemas");
    Json rest = schema;
    rest.erase(keyword);
    std::vector<Json> possible;
    std::vector<ExpressionId> parts;
    for (size_t i = 0; i < branches.size(); ++i) {
      const std::string branch_path = concat(branches_path, "/", i);
      try {
        if (rest.empty()) {
          parts.push_back(value_of(branches[i], branch_path));
        } else {
          parts.push_back(value_of(both(rest, branches[i], branch_path), branch_path));
        }
        possible.push_back(branches[i]);
      } catch (const Unsatisfiable&) {
        // Another one may be satisfied.
      }
    }
    if (parts.empty()) throw Unsatisfiable(path);
    if (keyword == "oneOf") check_exclusive(possible, branches_path);
    return syntax_.choice(std::move(parts));
  }

  ExpressionId enum_of(const Json& schema, const std::string& path) {
    for (const auto& [name, value] : schema.items()) {
      if (name != "enum" && name != "type")
        throw refused(concat(path, "/", name), "beside enum or const is not supported");
    }
    const TypeSet types = types_of(schema, path);
    std::vector<ExpressionId> parts;
    for (const Json& value : schema["enum"]) {
      if (types[type_of(value)] || (value.is_number_integer() && types[kInteger]))
        parts.push_back(syntax_.literal(value.dump()));
    }
    if (parts.empty()) throw Unsatisfiable(path);
    return syntax_.choice(std::move(parts));
  }

  // ---- objects ----

  struct Property {
    std::string name;
    ExpressionId member;
    bool required;
  };

  ExpressionId object_of(const Json& schema, const std::string& path) {
    const bool has_properties = schema.contains("properties");
    std::vector<std::string> required;
    if (schema.contains("required")) required = names_of(schema["required"], concat(path, "/required"));
    // Where nothing is said of other properties, they are allowed only if none is named.
    Json others = !has_properties;
    if (schema.contains("additionalProperties")) others = schema["additionalProperties"];
    if (!has_properties && required.empty() && others == Json(true)) return json_.object();

    std::vector<Property> properties;
    std::vector<std::string> names;
    const auto add = [&](const std::string& name, const Json& value, const std::string& value_path) {
      const bool wanted = is_among(required, name);
      names.push_back(name);
      try {
        const ExpressionId key = syntax_.literal(JsonText::quoted(name));
        properties.push_back({name, json_.member(key, value_of(value, value_path)), wanted});
      } catch (const Unsatisfiable&) {
        if (wanted) throw;
      }
    };
    if (has_properties) {
      for (const auto& [name, value] : schema["properties"].items())
        add(name, value, concat(path, "/properties/", escaped(name)));
    }
    const std::string others_path = concat(path, "/additionalProperties");
    for (const std::string& name : required) {
      if (is_among(names, name)) continue;
      // It is one of the others, about which nothing may be said but that they may be there.
      const bool open = !schema.contains("additionalProperties");
      add(name, open ? Json(true) : others, others_path);
    }
    return json_.in_braces(members_of(properties, others_of(others, names, others_path)));
  }

  // A member that is not named, or nothing if there may be none.
  std::optional<ExpressionId> others_of(const Json& others, const std::vector<std::string>& names,
                                        const std::string& path) {
    for (const std::string& name : names) {
      if (others != Json(false) && name.size() > JsonText::kMostNameBytes)
        throw refused(path, concat("beside a property with a name of more than ", JsonText::kMostNameBytes,
                                   " bytes is not supported"));
    }
    try {
      const ExpressionId value = value_of(others, path);
      const ExpressionId member = json_.member(json_.string_besides(names), value);
      return syntax_.call(syntax_.rule(path, member));
    } catch (const Unsatisfiable&) {
      return std::nullopt;
    }
  }

  // Properties in their order, those that are not required or not, then any number of others.
  ExpressionId members_of(const std::vector<Property>& properties, std::optional<ExpressionId> other) {
    // What may stand behind a member, and where there is none before.
    ExpressionId behind = syntax_.nothing();
    std::vector<ExpressionId> first = {syntax_.nothing()};
    if (other) {
      behind = syntax_.repeat(json_.next(*other), 0, Syntax::kUnbounded);
      first.push_back(syntax_.sequence({*other, behind}));
    }
    for (size_t i = properties.size(); i > 0; --i) {
      const Property& property = properties[i - 1];
      // Each is written once, and called from where it may follow.
      const ExpressionId member = syntax_.call(syntax_.rule(property.name, property.member));
      const ExpressionId rest = syntax_.call(syntax_.rule("behind " + property.name, behind));
      const ExpressionId here = syntax_.sequence({member, rest});
      const ExpressionId next = syntax_.sequence({json_.next(member), rest});
      behind = property.required ? next : syntax_.choice({next, rest});
      if (property.required) first.clear();
      first.push_back(here);
    }
    return syntax_.choice(std::move(first));
  }

  // ---- arrays ----

  ExpressionId array_of(const Json& schema, const std::string& path) {
    const uint32_t least = count_of(schema, "minItems", path).value_or(0);
    const uint32_t most = count_of(schema, "maxItems", path).value_or(Syntax::kUnbounded);
    if (least > most) throw Unsatisfiable(path);
    const Json any = true;
    const Json& rest = schema.contains("items") ? schema["items"] : any;
    if (rest.is_array()) throw refused(path + "/items", "as a list is not supported; write prefixItems");
    std::vector<ExpressionId> elements;
    bool open = true;  // more may follow
    if (schema.contains("prefixItems")) {
      const Json& prefix = schema["prefixItems"];
      if (!prefix.is_array()) throw refused(path + "/prefixItems", "should be a list of schemas");
      if (prefix.size() > kMostPrefix)
        throw refused(path + "/prefixItems", concat("has more than ", kMostPrefix, " schemas"));
      for (size_t i = 0; i < prefix.size() && i < most && open; ++i) {
        try {
          elements.push_back(value_of(prefix[i], concat(path, "/prefixItems/", i)));
        } catch (const Unsatisfiable&) {
          if (i < least) throw;
          open = false;
        }
      }
    }
    const auto fixed = static_cast<uint32_t>(elements.size());
    std::optional<ExpressionId> more;
    if (open && most > fixed) {
      try {
        more = syntax_.call(syntax_.rule(path + "/items", value_of(rest, path + "/items")));
      } catch (const Unsatisfiable&) {
        if (least > fixed) throw;
      }
    }
    if (least > fixed && !more) throw Unsatisfiable(path);

    // From the end: what may stand behind the elements before.
    const auto left = [&](uint32_t bound, uint32_t used) {
      return bound == Syntax::kUnbounded ? bound : bound - std::min(bound, used);
    };
    ExpressionId behind = syntax_.nothing();
    if (fixed == 0) {
      if (!more) return json_.in_brackets(syntax_.nothing());
      const ExpressionId others = syntax_.repeat(json_.next(*more), left(least, 1), left(most, 1));
      const ExpressionId some = syntax_.sequence({*more, others});
      return json_.in_brackets(least > 0 ? some : syntax_.optional(some));
    }
    if (more) behind = syntax_.repeat(json_.next(*more), left(least, fixed), left(most, fixed));
    for (uint32_t i = fixed; i > 0; --i) {
      const ExpressionId element = i == 1 ? elements[0] : json_.next(elements[i - 1]);
      const ExpressionId rest_of_list = syntax_.sequence({element, behind});
      behind = i <= least ? rest_of_list : syntax_.optional(rest_of_list);
    }
    return json_.in_brackets(behind);
  }

  // ---- strings and numbers ----

  ExpressionId string_of(const Json& schema, const std::string& path) {
    const uint32_t least = count_of(schema, "minLength", path).value_or(0);
    const uint32_t most = count_of(schema, "maxLength", path).value_or(Syntax::kUnbounded);
    const bool has_length = least > 0 || most != Syntax::kUnbounded;
    if (schema.contains("pattern") && (has_length || schema.contains("format")))
      throw refused(path + "/pattern", "together with a length or a format is not supported");
    if (schema.contains("format")) {
      if (has_length) throw refused(path + "/format", "together with a length is not supported");
      const std::string format = text_of(schema["format"], path + "/format");
      const auto body = string_format(syntax_, format);
      if (!body)
        throw refused(path + "/format",
                      concat("'", format, "' is not supported; known are date, time, date-time, uuid"));
      return json_.in_quotes(*body);
    }
    if (schema.contains("pattern")) {
      const std::string pattern = text_of(schema["pattern"], path + "/pattern");
      try {
        return json_.in_quotes(pattern_body(syntax_, json_, pattern));
      } catch (const Error& error) {
        throw refused(path + "/pattern", error.what());
      }
    }
    if (least > most) throw Unsatisfiable(path);
    if (!has_length) return json_.string();
    return json_.in_quotes(syntax_.repeat(json_.character(), least, most));
  }

  ExpressionId integer_of(const Json& schema, const std::string& path) {
    std::optional<int64_t> least, most;
    const auto narrow = [&](const char* keyword, bool is_least, bool open) {
      if (!schema.contains(keyword)) return;
      const Json& value = schema[keyword];
      const std::string at = concat(path, "/", keyword);
      if (!value.is_number()) throw refused(at, "should be a number");
      constexpr double kMost = 9.0e18;
      const auto real = value.get<double>();
      if (!(real >= -kMost && real <= kMost)) throw refused(at, "is beyond what is supported, 9e18");
      int64_t bound = 0;
      if (value.is_number_integer()) {
        bound = value.get<int64_t>();
        if (open) bound += is_least ? 1 : -1;
      } else {
        const double up = std::ceil(real), down = std::floor(real);
        bound = static_cast<int64_t>(is_least ? up : down);
        if (open && up == down) bound += is_least ? 1 : -1;
      }
      if (is_least) {
        least = std::max(least.value_or(bound), bound);
      } else {
        most = std::min(most.value_or(bound), bound);
      }
    };
    narrow("minimum", true, false);
    narrow("exclusiveMinimum", true, true);
    narrow("maximum", false, false);
    narrow("exclusiveMaximum", false, true);
    if (!least && !most) return json_.integer();
    const auto integers = integers_within(syntax_, least, most);
    if (!integers) throw Unsatisfiable(path);
    return *integers;
  }

  ExpressionId number_of(const Json& schema, const std::string& path) {
    std::optional<NumberBound> least, most;
    const auto narrow = [&](const char* keyword, bool is_least, bool open) {
      if (!schema.contains(keyword)) return;
      const Json& value = schema[keyword];
      const std::string at = concat(path, "/", keyword);
      if (!value.is_number()) throw refused(at, "should be a number");
      const auto real = value.get<double>();
      if (std::floor(real) != real || std::abs(real) >= static_cast<double>(kMostBound))
        throw refused(at,
                      "of a number is supported only if it is whole and below 1e15; write \"type\": "
                      "\"integer\" if that is meant");
      const NumberBound bound = {static_cast<int64_t>(real), open};
      std::optional<NumberBound>& end = is_least ? least : most;
      const bool tighter = !end || (is_least ? bound.value > end->value : bound.value < end->value) ||
                           (bound.value == end->value && open);
      if (tighter) end = bound;
    };
    narrow("minimum", true, false);
    narrow("exclusiveMinimum", true, true);
    narrow("maximum", false, false);
    narrow("exclusiveMaximum", false, true);
    if (!least && !most) return json_.number();
    const auto numbers = numbers_within(syntax_, least, most);
    if (!numbers) throw Unsatisfiable(path);
    return *numbers;
  }

  // ---- schemas ----

  // Whether nothing but annotations stands beside the keyword.
  static bool only(const Json& schema, std::string_view keyword) {
    for (const auto& [name, value] : schema.items()) {
      if (name != keyword && !is_among(kAnnotations, name)) return false;
    }
    return true;
  }

  static void check_keywords(const Json& schema, const std::string& path) {
    if (!schema.is_object()) throw refused(path, "should be a schema: an object, true or false");
    for (const auto& [name, value] : schema.items()) {
      if (keyword_named(name) != nullptr || is_among(kCombinations, name) || is_among(kAnnotations, name))
        continue;
      if (name == "uniqueItems" && value == Json(false)) continue;
      throw refused(concat(path, "/", escaped(name)), "is not supported");
    }
    if (schema.contains("properties") && !schema["properties"].is_object())
      throw refused(path + "/properties", "should be an object of schemas");
  }

  // The schema without $ref and allOf: what they say is merged into it. Const is an enum of one, nullable one
  // more type.
  Json flattened(const Json& schema, const std::string& path) {
    const Level level(*this, path);
    if (schema.is_boolean()) return schema;
    check_keywords(schema, path);
    Json flat = Json::object();
    for (const auto& [name, value] : schema.items()) {
      if (name == "const") {
        flat["enum"] =
            schema.contains("enum") ? common(schema["enum"], Json::array({value})) : Json::array({value});
      } else if (name == "required") {
        flat[name] = names_of(value, path + "/required");
      } else if (name == "nullable") {
        if (!value.is_boolean()) throw refused(path + "/nullable", "should be true or false");
      } else if (keyword_named(name) != nullptr || name == "anyOf" || name == "oneOf") {
        if (name != "enum" || !schema.contains("const")) flat[name] = value;
      }
    }
    if (flat.contains("enum") && !flat["enum"].is_array()) throw refused(path + "/enum", "should be a list");
    if (schema.contains("nullable") && schema["nullable"] == Json(true)) {
      const TypeSet types = types_of(flat, path);
      if (!types.all()) flat["type"] = names_of_types(TypeSet(types).set(kNull));
    }
    if (schema.contains("$ref"))
      flat = both(flat, target_of(schema["$ref"], path), pointer_of(schema["$ref"], path));
    if (schema.contains("allOf")) {
      const Json& parts = schema["allOf"];
      if (!parts.is_array()) throw refused(path + "/allOf", "should be a list of schemas");
      for (size_t i = 0; i < parts.size(); ++i) flat = both(flat, parts[i], concat(path, "/allOf/", i));
    }
    return flat;
  }

  // Values that stand in both lists.
  static Json common(const Json& a, const Json& b) {
    Json result = Json::array();
    for (const Json& value : a) {
      if (std::find(b.begin(), b.end(), value) != b.end()) result.push_back(value);
    }
    return result;
  }

  // A schema for what satisfies both, `path` being the second's. The first one is flat.
  Json both(const Json& first, const Json& second, const std::string& path) {
    Json a = first, b = flattened(second, path);
    if (b == Json(false)) throw Unsatisfiable(path);
    if (b == Json(true)) return a;
    merge_properties(a, b, path);
    for (const auto& [name, value] : b.items()) {
      if (!a.contains(name)) {
        a[name] = value;
      } else if (a[name] != value) {
        a[name] = merged(name, a[name], value, path);
      }
    }
    for (const char* combination : {"anyOf", "oneOf"}) {
      const char* const other = combination[0] == 'a' ? "oneOf" : "anyOf";
      if (a.contains(combination) && a.contains(other))
        throw refused(path, "anyOf together with oneOf is not supported");
    }
    return a;
  }

  Json merged(const std::string& name, const Json& a, const Json& b, const std::string& path) {
    const std::string at = concat(path, "/", name);
    if (name == "type") {
      const TypeSet types = type_set(a, at) & type_set(b, at);
      if (types.none()) throw Unsatisfiable(path);
      return names_of_types(types);
    }
    if (name == "enum") return common(a, b);
    if (name == "minLength" || name == "minItems" || name == "minimum" || name == "exclusiveMinimum" ||
        name == "maxLength" || name == "maxItems" || name == "maximum" || name == "exclusiveMaximum") {
      if (!a.is_number() || !b.is_number()) throw refused(at, "should be a number");
      const bool least = name[0] == 'm' ? name[1] == 'i' : name == "exclusiveMinimum";
      return (a < b) == least ? b : a;
    }
    if (name == "required") {
      std::vector<std::string> names = names_of(a, at);
      for (const std::string& one : names_of(b, at)) {
        if (!is_among(names, one)) names.push_back(one);
      }
      return names;
    }
    if (name == "items" || name == "additionalProperties") return Json{{"allOf", Json::array({a, b})}};
    if (name == "properties") {
      Json properties = a;
      for (const auto& [property, value] : b.items()) {
        properties[property] = a.contains(property) && a[property] != value
                                   ? Json{{"allOf", Json::array({a[property], value})}}
                                   : value;
      }
      return properties;
    }
    if (name == "anyOf") {
      constexpr size_t kMostPairs = 256;
      if (!a.is_array() || !b.is_array()) throw refused(at, "should be a list of schemas");
      if (a.size() * b.size() > kMostPairs) throw refused(at, "has too many alternatives to be merged");
      Json pairs = Json::array();
      for (const Json& x : a) {
        for (const Json& y : b) pairs.push_back({{"allOf", Json::array({x, y})}});
      }
      return pairs;
    }
    throw refused(at,
                  "differs from what else is said of the same value, and both together are not supported");
  }

  // What additionalProperties of one says of properties that only the other one names.
  void merge_properties(Json& a, Json& b, const std::string& path) {
    const auto narrow = [&](const Json& from, Json& to) {
      if (!from.contains("additionalProperties") || !to.contains("properties")) return;
      const Json& others = from["additionalProperties"];
      if (others == Json(true)) return;
      Json properties = Json::object();
      for (const auto& [name, value] : to["properties"].items()) {
        const bool named = from.contains("properties") && from["properties"].contains(name);
        properties[name] = named                   ? value
                           : others == Json(false) ? Json(false)
                                                   : Json{{"allOf", Json::array({value, others})}};
      }
      to["properties"] = std::move(properties);
    };
    check_keywords(a, path);
    check_keywords(b, path);
    narrow(a, b);
    narrow(b, a);
    // Where only one of them names properties, the other one alone would allow any.
    if (a.contains("properties") != b.contains("properties")) {
      Json& open = a.contains("properties") ? b : a;
      Json& named = a.contains("properties") ? a : b;
      if (open.contains("additionalProperties") && open["additionalProperties"] != Json(false) &&
          !named.contains("additionalProperties")) {
        named["additionalProperties"] = open["additionalProperties"];
      }
    }
  }

  // ---- oneOf ----

  // Throws Error unless no value can satisfy two of the schemas, as far as that can be seen.
  void check_exclusive(const std::vector<Json>& schemas, const std::string& path) {
    for (size_t i = 0; i < schemas.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (!exclude_each_other(schemas[i], schemas[j], path))
          throw refused(path, concat("alternatives ", j, " and ", i,
                                     " may both be satisfied by one value; write anyOf, or tell them apart "
                                     "by a required property with a const"));
      }
    }
  }

  bool exclude_each_other(const Json& first, const Json& second, const std::string& path) {
    const Level level(*this, path);
    const Json a = flattened(first, path), b = flattened(second, path);
    if (a == Json(false) || b == Json(false)) return true;
    if (a == Json(true) || b == Json(true)) return false;
    for (const auto& [x, y] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      for (const char* combination : {"anyOf", "oneOf"}) {
        if (!x->contains(combination)) continue;
        return std::all_of((*x)[combination].begin(), (*x)[combination].end(),
                           [&](const Json& branch) { return exclude_each_other(branch, *y, path); });
      }
    }
    if (a.contains("enum") && b.contains("enum")) return common(a["enum"], b["enum"]).empty();
    const TypeSet common_types = possible_types(a, path) & possible_types(b, path);
    if (common_types.none()) return true;
    if (common_types != TypeSet().set(kObject)) return false;
    return (requires_what_lacks(a, b, path) && requires_what_lacks(b, a, path)) ||
           differ_in_property(a, b, path);
  }

  // Of a flat schema.
  static TypeSet possible_types(const Json& schema, const std::string& path) {
    if (!schema.contains("enum")) return types_of(schema, path);
    TypeSet types;
    for (const Json& value : schema["enum"]) types.set(type_of(value));
    return types & types_of(schema, path);
  }

  // Whether `a` requires a property that objects written for `b` never have.
  static bool requires_what_lacks(const Json& a, const Json& b, const std::string& path) {
    const bool open = b.contains("additionalProperties") ? b["additionalProperties"] != Json(false)
                                                         : !b.contains("properties");
    if (!a.contains("required") || open) return false;
    const auto names = names_of(a["required"], path);
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return !(b.contains("properties") && b["properties"].contains(name)) &&
             !(b.contains("required") && is_among(names_of(b["required"], path), name));
    });
  }

  bool differ_in_property(const Json& a, const Json& b, const std::string& path) {
    if (!a.contains("required") || !b.contains("required") || !a.contains("properties") ||
        !b.contains("properties"))
      return false;
    const auto required = names_of(b["required"], path);
    for (const std::string& name : names_of(a["required"], path)) {
      if (is_among(required, name) && a["properties"].contains(name) && b["properties"].contains(name) &&
          exclude_each_other(a["properties"][name], b["properties"][name], path)) {
        return true;
      }
    }
    return false;
  }

  // ---- keywords' values ----

  static Type type_of(const Json& value) {
    if (value.is_null()) return kNull;
    if (value.is_boolean()) return kBoolean;
    if (value.is_object()) return kObject;
    if (value.is_array()) return kArray;
    if (value.is_string()) return kString;
    return value.is_number_integer() ? kInteger : kNumber;
  }

  static TypeSet type_set(const Json& type, const std::string& path) {
    TypeSet types;
    const auto add = [&](const Json& name) {
      const auto at = std::find(kTypeNames.begin(), kTypeNames.end(), text_of(name, path));
      if (at == kTypeNames.end()) throw refused(path, concat("there is no type ", name.dump()));
      types.set(static_cast<size_t>(at - kTypeNames.begin()));
    };
    if (type.is_array()) {
      for (const Json& name : type) add(name);
    } else {
      add(type);
    }
    if (types[kNumber]) types.set(kInteger);
    return types;
  }

  static Json names_of_types(const TypeSet& types) {
    Json names = Json::array();
    for (size_t type = 0; type < kTypes; ++type) {
      if (types[type]) names.push_back(kTypeNames[type]);
    }
    return names;
  }

  // Without "type", the types that other keywords are about; all, if there are none.
  static TypeSet types_of(const Json& schema, const std::string& path) {
    TypeSet types;
    if (schema.contains("type")) {
      types = type_set(schema["type"], path + "/type");
    } else {
      for (const auto& [name, value] : schema.items()) {
        const Keyword* const keyword = keyword_named(name);
        if (keyword != nullptr && keyword->of != kTypes) types.set(keyword->of);
      }
      if (types.none()) types.set();
    }
    if (types[kNumber]) types.set(kInteger);
    return types;
  }

  static std::string text_of(const Json& value, const std::string& path) {
    if (!value.is_string()) throw refused(path, "should be a text");
    return value.get<std::string>();
  }

  static std::vector<std::string> names_of(const Json& list, const std::string& path) {
    if (!list.is_array()) throw refused(path, "should be a list of names");
    std::vector<std::string> names;
    for (const Json& name : list) names.push_back(text_of(name, path));
    return names;
  }

  static std::optional<uint32_t> count_of(const Json& schema, const char* keyword, const std::string& path) {
    if (!schema.contains(keyword)) return std::nullopt;
    const Json& value = schema[keyword];
    const std::string at = concat(path, "/", keyword);
    if (!value.is_number() || value.get<double>() < 0 ||
        std::floor(value.get<double>()) != value.get<double>())
      throw refused(at, "should be a whole number from 0 up");
    if (value.get<double>() > kMostCount)
      throw refused(at, concat("above ", kMostCount, " is not supported"));
    return static_cast<uint32_t>(value.get<double>());
  }

  // ---- references ----

  static std::string pointer_of(const Json& reference, const std::string& path) {
    const std::string pointer = text_of(reference, path + "/$ref");
    if (pointer.empty() || pointer[0] != '#' || (pointer.size() > 1 && pointer[1] != '/'))
      throw refused(path + "/$ref",
                    concat("'", pointer, "' is not within this schema; only #/... is supported"));
    return pointer;
  }

  const Json& target_of(const Json& reference, const std::string& path) const {
    const std::string pointer = pointer_of(reference, path);
    const Json* at = &root_;
    for (size_t begin = 1; begin < pointer.size();) {
      const size_t end = std::min(pointer.find('/', begin + 1), pointer.size());
      const std::string name = unescaped(pointer.substr(begin + 1, end - begin - 1));
      const Json* next = nullptr;
      if (at->is_object() && at->contains(name)) next = &(*at)[name];
      if (at->is_array() && !name.empty() && name.size() < 9 &&
          name.find_first_not_of("0123456789") == std::string::npos) {
        const size_t index = std::stoul(name);
        if (index < at->size()) next = &(*at)[index];
      }
      if (next == nullptr) throw refused(path + "/$ref", concat("there is no '", pointer, "'"));
      at = next;
      begin = end;
    }
    return *at;
  }

  // Of a part of a pointer in a URI: %XX, then ~1 and ~0.
  static std::string unescaped(const std::string& part) {
    std::string text;
    for (size_t i = 0; i < part.size(); ++i) {
      const auto digit = [&](size_t at) {
        const char c = at < part.size() ? part[at] : 'x';
        const char lower = static_cast<char>(c | 0x20);
        return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
      };
      if (part[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
        text += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
        i += 2;
      } else {
        text += part[i];
      }
    }
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool escape = text[i] == '~' && i + 1 < text.size() && (text[i + 1] == '0' || text[i + 1] == '1');
      result += escape ? (text[++i] == '1' ? '/' : '~') : text[i];
    }
    return result;
  }

  static constexpr size_t kMostPrefix = 500;

  const Json& root_;
  Syntax& syntax_;
  JsonText& json_;
  std::map<std::string, RuleId> references_;
  std::set<RuleId> unsatisfiable_;
  uint32_t depth_ = 0;
  uint32_t schemas_ = 0;
};

// Copies and comparisons of values go as deep as values are nested.
void check_nesting(const Json& schema) {
  struct Part {
    const Json* json;
    uint32_t depth;
  };
  std::vector<Part> todo = {{&schema, 0}};
  while (!todo.empty()) {
    const Part part = todo.back();
    todo.pop_back();
    if (part.depth > 2 * kMostNesting)
      throw refused("#", concat("more than ", 2 * kMostNesting, " brackets within one another"));
    if (!part.json->is_structured()) continue;
    for (const Json& inner : *part.json) todo.push_back({&inner, part.depth + 1});
  }
}

}  // namespace

ExpressionId add_json_schema(Syntax& syntax, JsonText& json, const Json& schema) {
  check_nesting(schema);
  return SchemaCompiler(syntax, json, schema).compile();
}

std::shared_ptr<const Grammar> compile_json_schema(const nlohmann::ordered_json& schema) {
  Syntax syntax;
  JsonText json(syntax);
  add_json_schema(syntax, json, schema);  // its rule is the first one: the text
  return std::make_shared<const Grammar>(std::make_unique<const Machine>(syntax));
}

std::shared_ptr<const Grammar> compile_json_schema(std::string_view schema) {
  const Json json = Json::parse(schema, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw Error(concat("JSON schema: it ", json_problem(schema)));
  return compile_json_schema(json);
}

}  // namespace brim
