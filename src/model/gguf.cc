#include "model/gguf.h"

#include <bit>
#include <cstring>
#include <limits>

#include "base/concat.h"
#include "base/error.h"
#include "model/file_checks.h"
#include "tokenizer/utf8.h"

namespace brim {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

enum ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = kGgufUint32,
  kInt32 = kGgufInt32,
  kFloat32 = kGgufFloat32,
  kBool = 7,
  kString = kGgufString,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

constexpr uint64_t kDefaultAlignment = 32;
constexpr uint32_t kMaxDimensions = 4;

// Bytes of a number or bool; 0 for any other type.
uint64_t size_of_type(uint32_t type) {
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool:
      return 1;
    case kUint16:
    case kInt16:
      return 2;
    case kUint32:
    case kInt32:
    case kFloat32:
      return 4;
    case kUint64:
    case kInt64:
    case kFloat64:
      return 8;
    default:
      return 0;
  }
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    if (!character.valid) return false;
    text.remove_prefix(character.bytes);
  }
  return true;
}

// Reads from the front; every read is checked against the end.
class Cursor {
 public:
  Cursor(std::span<const uint8_t> bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  [[noreturn]] void refuse(const std::string& what) const { throw Error(concat(origin_, ": ", what)); }

  std::span<const uint8_t> take(uint64_t count, const std::string& what) {
    if (count > remaining()) refuse(what + " reaches beyond the end: the file is cut off or damaged");
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }

  template <typename T>
  T number(const std::string& what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  std::string_view string(const std::string& what) {
    const auto bytes = take(number<uint64_t>(what), what);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!is_utf8(text)) refuse(what + " is no valid UTF-8");
    return text;
  }

 private:
  std::span<const uint8_t> bytes_;
  const std::string& origin_;
  uint64_t position_ = 0;
};

GgufArray parse_array(Cursor& cursor, const std::string& what) {
  GgufArray array{.element_type = cursor.number<uint32_t>(what),
                  .count = cursor.number<uint64_t>(what),
                  .numbers = {},
                  .strings = {}};
  if (array.element_type == kString) {
    // Each string takes its length at least, so a count that lies is found before memory is spent.
    if (array.count > cursor.remaining() / sizeof(uint64_t)) {
      cursor.refuse(what + " reaches beyond the end: the file is cut off or damaged");
    }
    array.strings.reserve(array.count);
    for (uint64_t i = 0; i < array.count; ++i) array.strings.push_back(cursor.string(what));
    return array;
  }
  const uint64_t size = size_of_type(array.element_type);
  if (size == 0) cursor.refuse(concat(what, " is an array of the unsupported type ", array.element_type));
  uint64_t bytes;
  if (__builtin_mul_overflow(array.count, size, &bytes)) bytes = std::numeric_limits<uint64_t>::max();
  array.numbers = cursor.take(bytes, what);
  return array;
}

GgufValue parse_value(Cursor& cursor, const std::string& what) {
  const auto type = cursor.number<uint32_t>(what);
  switch (type) {
    case kUint8:
      return uint64_t{cursor.number<uint8_t>(what)};
    case kInt8:
      return int64_t{cursor.number<int8_t>(what)};
    case kUint16:
      return uint64_t{cursor.number<uint16_t>(what)};
    case kInt16:
      return int64_t{cursor.number<int16_t>(what)};
    case kUint32:
      return uint64_t{cursor.number<uint32_t>(what)};
    case kInt32:
      return int64_t{cursor.number<int32_t>(what)};
    case kFloat32:
      return double{cursor.number<float>(what)};
    case kBool:
      return cursor.number<uint8_t>(what) != 0;
    case kString:
      return cursor.string(what);
    case kArray:
      return parse_array(cursor, what);
    case kUint64:
      return cursor.number<uint64_t>(what);
    case kInt64:
      return cursor.number<int64_t>(what);
    case kFloat64:
      return cursor.number<double>(what);
    default:
      cursor.refuse(concat(what, " has the unknown type ", type));
  }
}

// A tensor's description; `data` stays empty until the start of the data is known.
struct Described {
  std::string_view name;
  GgufTensor tensor;
  uint64_t offset;  // from the start of the data
};

Described parse_tensor(Cursor& cursor, uint64_t index) {
  Described described{};
  described.name = cursor.string(concat("the name of tensor ", index));
  const std::string what = concat("tensor '", described.name, "'");
  const auto dimensions = cursor.number<uint32_t>(what);
  if (dimensions > kMaxDimensions) cursor.refuse(concat(what, " has ", dimensions, " dimensions"));
  for (uint32_t i = 0; i < dimensions; ++i) {
    described.tensor.sizes.push_back(cursor.number<uint64_t>(what));
  }
  described.tensor.type = static_cast<GgmlType>(cursor.number<uint32_t>(what));
  described.offset = cursor.number<uint64_t>(what);
  return described;
}

// The bytes that the tensor takes; 0 for types of unknown size.
uint64_t implied_bytes(const Described& described, const std::string& where) {
  const std::optional<GgmlBlock> block = ggml_block(described.tensor.type);
  if (!block) return 0;
  uint64_t values = 1;
  for (const uint64_t size : described.tensor.sizes) {
    if (__builtin_mul_overflow(values, size, &values)) throw Error(where + " has an impossible shape");
  }
  const uint64_t row = described.tensor.sizes.empty() ? 1 : described.tensor.sizes[0];
  if (row % block->values != 0) {
    throw Error(concat(where, " has rows of ", row, " values, which are no whole ",
                       ggml_type_name(described.tensor.type), " blocks"));
  }
  uint64_t bytes;
  if (__builtin_mul_overflow(values / block->values, block->bytes, &bytes)) {
    throw Error(where + " has an impossible shape");
  }
  return bytes;
}

uint64_t alignment_of(const Gguf& gguf, const Cursor& cursor) {
  const auto found = gguf.metadata.find("general.alignment");
  if (found == gguf.metadata.end()) return kDefaultAlignment;
  const uint64_t* alignment = std::get_if<uint64_t>(&found->second);
  if (alignment == nullptr || !std::has_single_bit(*alignment) || *alignment < 8 || *alignment > (1u << 20)) {
    cursor.refuse("general.alignment must be a power of two from 8 to 2^20");
  }
  return *alignment;
}

}  // namespace

Gguf parse_gguf(std::span<const uint8_t> bytes, const std::string& origin) {
  refuse_lfs_pointer(bytes, origin);
  Cursor cursor(bytes, origin);
  const auto magic = cursor.take(4, "the magic");
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) cursor.refuse("not a GGUF file");
  const auto version = cursor.number<uint32_t>("the version");
  if (version != 2 && version != 3) {
    const bool big_endian = (version & 0xFFFF) == 0;
    cursor.refuse(big_endian ? std::string("big-endian GGUF is not supported")
                             : concat("GGUF version ", version, " is not supported; 2 and 3 are"));
  }
  const auto tensor_count = cursor.number<uint64_t>("the tensor count");
  const auto metadata_count = cursor.number<uint64_t>("the metadata count");

  Gguf gguf;
  for (uint64_t i = 0; i < metadata_count; ++i) {
    const std::string_view key = cursor.string(concat("metadata key ", i));
    GgufValue value = parse_value(cursor, concat("metadata '", key, "'"));
    if (!gguf.metadata.emplace(key, std::move(value)).second) {
      cursor.refuse(concat("metadata '", key, "' stands there twice"));
    }
  }
  std::vector<Described> described;
  for (uint64_t i = 0; i < tensor_count; ++i) described.push_back(parse_tensor(cursor, i));

  const uint64_t alignment = alignment_of(gguf, cursor);
  const uint64_t padding = (alignment - cursor.position() % alignment) % alignment;
  const uint64_t start = std::min<uint64_t>(cursor.position() + padding, bytes.size());
  const std::span<const uint8_t> data = bytes.subspan(start);
  std::vector<NamedRange> ranges;
  for (Described& each : described) {
    const std::string where = concat(origin, ": tensor '", each.name, "'");
    if (each.offset % alignment != 0) throw Error(where + " is not aligned");
    const uint64_t size = implied_bytes(each, where);
    if (each.offset > data.size() || size > data.size() - each.offset) {
      throw Error(where + " lies outside the file: the file is cut off or damaged");
    }
    each.tensor.data = data.subspan(each.offset, size);
    ranges.push_back({each.offset, each.offset + size, each.name});
    if (!gguf.tensors.emplace(each.name, std::move(each.tensor)).second) {
      throw Error(where + " stands there twice");
    }
  }
  check_disjoint(std::move(ranges), origin);
  return gguf;
}

}  // namespace brim
