#include "server/body.h"

#include <cmath>

#include "base/concat.h"
#include "base/json.h"

namespace brim::server {

namespace {

// Deeper than any request is; what walks through JSON may recurse.
constexpr int kMaxDepth = 64;
// More than any request has; an object that keeps their order looks through all of them for each.
constexpr uint32_t kMostKeys = 10'000;

}  // namespace

Json parse_bounded(std::string_view text) {
  bool too_deep = false;
  uint32_t keys = 0;
  Json json = Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json&) {
        too_deep |= depth > kMaxDepth;
        if (event == Json::parse_event_t::key && keys <= kMostKeys) ++keys;
        return !too_deep && keys <= kMostKeys;
      },
      /*allow_exceptions=*/false);
  if (too_deep) throw ApiError(400, concat("the body is nested deeper than ", kMaxDepth, " levels"));
  if (keys > kMostKeys) throw ApiError(400, concat("the body has more than ", kMostKeys, " keys"));
  if (json.is_discarded()) throw ApiError(400, concat("the body ", json_problem(text)));
  return json;
}

Json parse_object(std::string_view text) {
  Json json = parse_bounded(text);
  if (!json.is_object()) throw ApiError(400, "the body is no JSON object");
  return json;
}

Body::Body(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object.is_object()) {
    const std::string name = path_.substr(0, path_.find_last_not_of('.') + 1);
    throw ApiError(400, concat("'", name, "' must be an object"), name);
  }
}

void Body::wrong(std::string_view key, const std::string& wanted) const {
  throw ApiError(400, concat("'", path_, key, "' must be ", wanted), path_of(key));
}

const Json* Body::find(std::string_view key) {
  known_.emplace(key);
  const auto found = object_.find(std::string(key));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<bool> Body::boolean(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) wrong(key, "true or false");
  return value->get<bool>();
}

std::optional<double> Body::number(std::string_view key, double least, double most) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const double result = value->is_number() ? value->get<double>() : NAN;
  if (!(result >= least && result <= most)) wrong(key, concat("a number from ", least, " to ", most));
  return result;
}

std::optional<uint64_t> Body::whole(std::string_view key, uint64_t least, uint64_t most) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_unsigned() || value->get<uint64_t>() < least || value->get<uint64_t>() > most) {
    wrong(key, concat("a whole number from ", least, " to ", most));
  }
  return value->get<uint64_t>();
}

std::optional<int64_t> Body::integer(std::string_view key, int64_t least, int64_t most) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  // nlohmann's numbers above INT64_MAX are unsigned.
  const bool fits = value->is_number_integer() &&
                    (!value->is_number_unsigned() || value->get<uint64_t>() <= uint64_t{INT64_MAX});
  if (!fits || value->get<int64_t>() < least || value->get<int64_t>() > most) {
    wrong(key, concat("a whole number from ", least, " to ", most));
  }
  return value->get<int64_t>();
}

std::optional<std::string> Body::text(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong(key, "a string");
  return value->get<std::string>();
}

const Json* Body::list(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && !value->is_array()) wrong(key, "a list");
  return value;
}

const Json* Body::object(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && !value->is_object()) wrong(key, "an object");
  return value;
}

void Body::skip(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) known_.emplace(key);
}

void Body::only(std::string_view key, const Json& value, std::string_view why) {
  const Json* given = find(key);
  if (given == nullptr || *given == value) return;
  throw ApiError(400, concat("'", path_, key, "' can be ", dump(value), " only: ", why), path_of(key),
                 "unsupported_value");
}

void Body::refuse_others() const {
  for (const auto& [key, value] : object_.items()) {
    if (known_.contains(key)) continue;
    throw ApiError(400, concat("'", path_, key, "' is not supported here; leave it out"), path_of(key),
                   "unsupported_parameter");
  }
}

}  // namespace brim::server
