#include "model/safetensors.h"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "base/concat.h"
#include "base/error.h"
#include "base/json.h"
#include "model/file_checks.h"

namespace brim {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation

struct TypeSize {
  std::string_view type;
  uint64_t bytes;
};
constexpr std::array<TypeSize, 15> kTypeSizes = {{{"F64", 8},
                                                  {"F32", 4},
                                                  {"F16", 2},
                                                  {"BF16", 2},
                                                  {"F8_E4M3", 1},
                                                  {"F8_E5M2", 1},
                                                  {"I64", 8},
                                                  {"I32", 4},
                                                  {"I16", 2},
                                                  {"I8", 1},
                                                  {"U64", 8},
                                                  {"U32", 4},
                                                  {"U16", 2},
                                                  {"U8", 1},
                                                  {"BOOL", 1}}};

uint64_t size_of_type(std::string_view type, const std::string& where) {
  for (const TypeSize& known : kTypeSizes) {
    if (known.type == type) return known.bytes;
  }
  throw Error(concat(where, " has the unknown type '", type, "'"));
}

// The header's object. The parser itself would silently keep the last of two tensors of one name.
json parse_header(std::string_view text, const std::string& origin) {
  std::set<std::string> names;
  const auto refuse_duplicates = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second) {
      throw Error(concat(origin, ": tensor '", parsed.get<std::string>(), "' stands there twice"));
    }
    return true;
  };
  const json header = parse_json(text, origin + ": its header", refuse_duplicates);
  if (!header.is_object()) throw Error(origin + ": its header is no JSON object");
  return header;
}

std::vector<uint64_t> unsigned_list(const json& tensor, const char* key, const std::string& where) {
  const auto list = tensor.find(key);
  if (list == tensor.end() || !list->is_array()) throw Error(concat(where, " has no ", key));
  std::vector<uint64_t> values;
  for (const json& value : *list) {
    if (!value.is_number_unsigned()) throw Error(concat(where, ": ", key, " must hold unsigned integers"));
    values.push_back(value.get<uint64_t>());
  }
  return values;
}

StoredTensor parse_tensor(const json& entry, std::span<const uint8_t> data, const std::string& where) {
  if (!entry.is_object()) throw Error(where + " is described by no JSON object");
  StoredTensor tensor;
  const auto type = entry.find("dtype");
  if (type == entry.end() || !type->is_string()) throw Error(where + " has no dtype");
  tensor.type = type->get<std::string>();
  tensor.shape = unsigned_list(entry, "shape", where);
  const std::vector<uint64_t> offsets = unsigned_list(entry, "data_offsets", where);
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size()) {
    throw Error(where + " lies outside the file: the file is cut off or damaged");
  }
  tensor.data = data.subspan(offsets[0], offsets[1] - offsets[0]);
  uint64_t implied = size_of_type(tensor.type, where);
  for (const uint64_t size : tensor.shape) {
    if (__builtin_mul_overflow(implied, size, &implied)) throw Error(where + " has an impossible shape");
  }
  if (implied != tensor.data.size()) {
    throw Error(concat(where, " has ", tensor.data.size(), " bytes, but its type and shape imply ", implied));
  }
  return tensor;
}

}  // namespace

std::map<std::string, StoredTensor> parse_safetensors(std::span<const uint8_t> bytes,
                                                      const std::string& origin) {
  refuse_lfs_pointer(bytes, origin);
  if (bytes.size() < kLengthBytes) throw Error(origin + ": too short for a safetensors file");
  uint64_t header_bytes;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - kLengthBytes) {
    throw Error(concat(origin, ": its header would take ", header_bytes,
                       " bytes: the file is cut off or not a safetensors file"));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, header_bytes);
  const json header = parse_header(text, origin);
  const std::span<const uint8_t> data = bytes.subspan(kLengthBytes + header_bytes);

  std::map<std::string, StoredTensor> tensors;
  std::vector<NamedRange> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const auto [position, inserted] =
        tensors.emplace(name, parse_tensor(entry, data, concat(origin, ": tensor '", name, "'")));
    const StoredTensor& tensor = position->second;
    const uint64_t begin = static_cast<uint64_t>(tensor.data.data() - data.data());
    ranges.push_back({begin, begin + tensor.data.size(), position->first});
  }
  check_disjoint(std::move(ranges), origin);
  return tensors;
}

}  // namespace brim
