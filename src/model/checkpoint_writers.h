// Writers of small checkpoints, for tests and as seeds for fuzzing.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "base/concat.h"

namespace brim::test {

// Appends the bytes of `value`, little-endian.
template <typename T>
void append(std::string& bytes, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Collects tensors and writes them as a safetensors file.
class SafetensorsWriter {
 public:
  void add(const std::string& name, const std::string& type, const std::vector<uint64_t>& shape,
           const std::string& data) {
    std::string sizes;
    for (const uint64_t size : shape) sizes += concat(sizes.empty() ? "" : ",", size);
    header_ += concat(header_.empty() ? "{" : ",", "\"", name, "\":{\"dtype\":\"", type, "\",\"shape\":[",
                      sizes, "],\"data_offsets\":[", data_.size(), ",", data_.size() + data.size(), "]}");
    data_ += data;
  }

  std::string bytes() const {
    const std::string header = header_.empty() ? "{}" : header_ + "}";
    std::string bytes;
    append(bytes, uint64_t{header.size()});
    return bytes + header + data_;
  }

 private:
  std::string header_;
  std::string data_;
};

// Collects metadata and tensors and writes them as a GGUF file of version 3.
class GgufWriter {
 public:
  void text(const std::string& key, const std::string& value) {
    start(key, 8);
    string(metadata_, value);
  }
  void count(const std::string& key, uint32_t value) {
    start(key, 4);
    append(metadata_, value);
  }
  void number(const std::string& key, float value) {
    start(key, 6);
    append(metadata_, value);
  }
  void flag(const std::string& key, bool value) {
    start(key, 7);
    append(metadata_, static_cast<uint8_t>(value));
  }
  void texts(const std::string& key, const std::vector<std::string>& values) {
    array(key, 8, values.size());
    for (const std::string& value : values) string(metadata_, value);
  }
  void numbers(const std::string& key, const std::vector<float>& values) {
    array(key, 6, values.size());
    metadata_ += bytes_of(values);
  }
  void integers(const std::string& key, const std::vector<int32_t>& values) {
    array(key, 5, values.size());
    metadata_ += bytes_of(values);
  }
  // `sizes`: fastest dimension first.
  void tensor(const std::string& name, uint32_t type, const std::vector<uint64_t>& sizes,
              const std::string& data) {
    string(tensors_, name);
    append(tensors_, static_cast<uint32_t>(sizes.size()));
    for (const uint64_t size : sizes) append(tensors_, size);
    append(tensors_, type);
    append(tensors_, uint64_t{data_.size()});
    data_ += data;
    pad(data_);
    ++tensor_count_;
  }

  std::string bytes() const {
    std::string bytes = "GGUF";
    append(bytes, uint32_t{3});
    append(bytes, tensor_count_);
    append(bytes, metadata_count_);
    bytes += metadata_ + tensors_;
    pad(bytes);
    return bytes + data_;
  }

 private:
  static void string(std::string& out, const std::string& value) {
    append(out, uint64_t{value.size()});
    out += value;
  }
  static void pad(std::string& out) { out.resize((out.size() + 31) / 32 * 32); }
  void start(const std::string& key, uint32_t type) {
    string(metadata_, key);
    append(metadata_, type);
    ++metadata_count_;
  }
  void array(const std::string& key, uint32_t element_type, uint64_t count) {
    start(key, 9);
    append(metadata_, element_type);
    append(metadata_, count);
  }

  std::string metadata_, tensors_, data_;
  uint64_t metadata_count_ = 0, tensor_count_ = 0;
};

}  // namespace brim::test
