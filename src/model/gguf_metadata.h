// Typed access to the metadata of a GGUF file; messages name the file and the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/gguf.h"

namespace brim {

class GgufMetadata {
 public:
  // Both must outlive this object.
  GgufMetadata(const Gguf& gguf, const std::string& origin) : gguf_(gguf), origin_(origin) {}

  [[noreturn]] void refuse(const std::string& what) const;

  bool has(const std::string& key) const { return find(key) != nullptr; }

  // Nothing if the key is absent; Error if its value is of another kind, or is no unsigned 32-bit integer.
  // An array of equal integers (one for each layer) counts as one of them.
  std::optional<uint32_t> count(const std::string& key) const;
  std::optional<double> number(const std::string& key) const;
  std::optional<bool> flag(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;

  // As count(), but Error if the key is absent.
  uint32_t required_count(const std::string& key) const;

  // Empty if the key is absent; Error if it is no array of this element type.
  std::vector<std::string> strings(const std::string& key) const;
  std::vector<float> floats(const std::string& key) const;
  std::vector<int32_t> integers(const std::string& key) const;

 private:
  const GgufValue* find(const std::string& key) const;
  const GgufArray* array(const std::string& key) const;

  const Gguf& gguf_;
  const std::string& origin_;
};

}  // namespace brim
