// Zeroed memory of this process.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace brim {

// RAII. Starts on a huge page boundary, and asks for huge pages. Takes room only where it is touched.
class AnonymousMemory {
 public:
  AnonymousMemory() = default;
  // Throws Error if the system refuses.
  explicit AnonymousMemory(uint64_t bytes);
  ~AnonymousMemory();
  AnonymousMemory(AnonymousMemory&& other) noexcept { swap(other); }
  AnonymousMemory& operator=(AnonymousMemory&& other) noexcept {
    swap(other);
    return *this;
  }

  std::span<uint8_t> bytes() { return {data_, size_}; }
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

 private:
  void swap(AnonymousMemory& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(mapping_bytes_, other.mapping_bytes_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  void* mapping_ = nullptr;
  uint64_t mapping_bytes_ = 0;
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace brim
