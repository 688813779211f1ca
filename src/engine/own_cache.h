// A memory with a KV cache of its own.
#pragma once

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/anonymous_memory.h"
#include "image/physical_memory.h"

namespace brim {

// What is read is the shared memory; what is written, which in a program is the KV cache, is memory of this
// object: zeros at first, which take room only where they are touched.
class OwnCache final : public PhysicalMemory {
 public:
  explicit OwnCache(const PhysicalMemory& shared) : shared_(shared) {}

  const uint8_t* read(uint64_t address, uint64_t bytes) const override {
    return shared_.read(address, bytes);
  }

  // The same bytes whenever it is asked for the same range.
  uint8_t* write(uint64_t address, uint64_t bytes) override {
    const auto [entry, added] = ranges_.try_emplace({address, bytes}, nullptr);
    if (added) entry->second = allocate(bytes);
    return entry->second;
  }

 private:
  uint8_t* allocate(uint64_t bytes) {
    constexpr uint64_t kBlock = 64 << 20;
    constexpr uint64_t kAlignment = 64;
    bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (free_.size() < bytes) free_ = blocks_.emplace_back(std::max(bytes, kBlock)).bytes();
    uint8_t* const result = free_.data();
    free_ = free_.subspan(bytes);
    return result;
  }

  const PhysicalMemory& shared_;
  std::map<std::pair<uint64_t, uint64_t>, uint8_t*> ranges_;  // by address and bytes
  std::vector<AnonymousMemory> blocks_;
  std::span<uint8_t> free_;  // of the last block
};

}  // namespace brim
