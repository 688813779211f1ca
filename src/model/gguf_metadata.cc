#include "model/gguf_metadata.h"

#include <cstring>
#include <limits>

#include "base/concat.h"
#include "base/error.h"

namespace brim {
namespace {

// All numbers of an array whose elements are as wide as T.
template <typename T>
std::vector<T> numbers_of(const GgufArray& array) {
  std::vector<T> values(array.count);
  if (!values.empty()) std::memcpy(values.data(), array.numbers.data(), array.numbers.size());
  return values;
}

bool is_32_bit_integer(const GgufArray& array) {
  return array.element_type == kGgufInt32 || array.element_type == kGgufUint32;
}

}  // namespace

void GgufMetadata::refuse(const std::string& what) const { throw Error(concat(origin_, ": ", what)); }

const GgufValue* GgufMetadata::find(const std::string& key) const {
  const auto found = gguf_.metadata.find(key);
  return found == gguf_.metadata.end() ? nullptr : &found->second;
}

std::optional<uint32_t> GgufMetadata::count(const std::string& key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integer = std::get_if<uint64_t>(value)) {
    if (*integer <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(*integer);
  } else if (const auto* with_sign = std::get_if<int64_t>(value)) {
    if (*with_sign >= 0 && *with_sign <= std::numeric_limits<uint32_t>::max()) {
      return static_cast<uint32_t>(*with_sign);
    }
  } else if (const auto* per_layer = std::get_if<GgufArray>(value);
             per_layer != nullptr && is_32_bit_integer(*per_layer) && per_layer->count > 0) {
    const std::vector<int32_t> counts = numbers_of<int32_t>(*per_layer);
    for (const int32_t each : counts) {
      if (each != counts[0]) refuse("layers that differ are not supported: '" + key + "'");
    }
    if (counts[0] >= 0) return static_cast<uint32_t>(counts[0]);
  }
  refuse("metadata '" + key + "' must be an unsigned 32-bit integer");
}

uint32_t GgufMetadata::required_count(const std::string& key) const {
  const std::optional<uint32_t> value = count(key);
  if (!value) refuse("metadata '" + key + "' is missing");
  return *value;
}

std::optional<double> GgufMetadata::number(const std::string& key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* real = std::get_if<double>(value)) return *real;
  if (const auto* integer = std::get_if<uint64_t>(value)) return static_cast<double>(*integer);
  if (const auto* with_sign = std::get_if<int64_t>(value)) return static_cast<double>(*with_sign);
  refuse("metadata '" + key + "' must be a number");
}

std::optional<bool> GgufMetadata::flag(const std::string& key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* boolean = std::get_if<bool>(value)) return *boolean;
  refuse("metadata '" + key + "' must be a bool");
}

std::optional<std::string> GgufMetadata::text(const std::string& key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* string = std::get_if<std::string_view>(value)) return std::string(*string);
  refuse("metadata '" + key + "' must be a string");
}

const GgufArray* GgufMetadata::array(const std::string& key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return nullptr;
  if (const auto* found = std::get_if<GgufArray>(value)) return found;
  refuse("metadata '" + key + "' must be an array");
}

std::vector<std::string> GgufMetadata::strings(const std::string& key) const {
  const GgufArray* found = array(key);
  if (found == nullptr) return {};
  if (found->element_type != kGgufString) refuse("metadata '" + key + "' must be an array of strings");
  return {found->strings.begin(), found->strings.end()};
}

std::vector<float> GgufMetadata::floats(const std::string& key) const {
  const GgufArray* found = array(key);
  if (found == nullptr) return {};
  if (found->element_type != kGgufFloat32) refuse("metadata '" + key + "' must be an array of float32");
  return numbers_of<float>(*found);
}

std::vector<int32_t> GgufMetadata::integers(const std::string& key) const {
  const GgufArray* found = array(key);
  if (found == nullptr) return {};
  if (!is_32_bit_integer(*found)) refuse("metadata '" + key + "' must be an array of 32-bit integers");
  return numbers_of<int32_t>(*found);
}

}  // namespace brim
