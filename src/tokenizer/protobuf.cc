#include "tokenizer/protobuf.h"

#include <bit>

#include "base/error.h"

namespace brim {

float ProtobufField::real() const { return std::bit_cast<float>(static_cast<uint32_t>(integer)); }

std::span<const uint8_t> ProtobufReader::take(uint64_t bytes) {
  if (bytes > rest_.size()) throw Error(std::string(name_) + ": truncated; fetch the file again");
  const auto taken = rest_.first(bytes);
  rest_ = rest_.subspan(bytes);
  return taken;
}

uint64_t ProtobufReader::read_varint() {
  uint64_t value = 0;
  for (uint32_t shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = take(1)[0];
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  throw Error(std::string(name_) + ": malformed protobuf integer; this is no SentencePiece model");
}

bool ProtobufReader::next(ProtobufField& field) {
  if (rest_.empty()) return false;
  const uint64_t key = read_varint();
  field = ProtobufField();
  field.number = static_cast<uint32_t>(key >> 3);
  uint32_t fixed_bytes = 0;
  switch (key & 7) {
    case 0:
      field.integer = read_varint();
      break;
    case 1:
      fixed_bytes = 8;
      break;
    case 2:
      field.is_bytes = true;
      field.bytes = take(read_varint());
      break;
    case 5:
      fixed_bytes = 4;
      break;
    default:
      throw Error(std::string(name_) + ": malformed protobuf field; this is no SentencePiece model");
  }
  uint32_t shift = 0;
  for (const uint8_t byte : take(fixed_bytes)) {
    field.integer |= static_cast<uint64_t>(byte) << shift;
    shift += 8;
  }
  return true;
}

}  // namespace brim
