// Reads the wire format of Protocol Buffers, field by field. Hosted code, bounds-checked.
// Source: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace brim {

// One field of a message. Which value is set follows from how the field was written.
struct ProtobufField {
  uint32_t number = 0;
  bool is_bytes = false;  // length-delimited: text, bytes or a message, in `bytes`
  uint64_t integer = 0;   // varint or fixed-size bits
  std::span<const uint8_t> bytes;

  std::string text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  float real() const;  // of a fixed 32-bit field
};

// Walks through the fields of a message.
class ProtobufReader {
 public:
  // `name` is what messages call the file.
  ProtobufReader(std::span<const uint8_t> message, std::string_view name) : rest_(message), name_(name) {}

  // False at the end. Throws Error where the message is cut off or malformed.
  bool next(ProtobufField& field);

 private:
  uint64_t read_varint();
  std::span<const uint8_t> take(uint64_t bytes);

  std::span<const uint8_t> rest_;
  std::string_view name_;
};

}  // namespace brim
