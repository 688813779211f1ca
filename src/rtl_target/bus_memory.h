// An image in a board's memory as the bus sees it.
#pragma once

#include <algorithm>

#include "base/error.h"
#include "image/mapped_image.h"

namespace brim::rtl_target {

// A BoardMemory whose reads may come from any region: of the KV cache too, which a program's own tables are
// not allowed to be in. Throws Error where there is nothing, and where a write would change the image's
// content.
class BusMemory final : public PhysicalMemory {
 public:
  explicit BusMemory(const MappedImage& image) : image_(image), memory_(image) {}

  const uint8_t* read(uint64_t address, uint64_t bytes) const override {
    const auto inside = [&](const RegionEntry& region) { return region.range().contains(address); };
    const auto region = std::ranges::find_if(image_.regions(), inside);
    if (region != image_.regions().end() && !region->has_content()) return memory_.write(address, bytes);
    return memory_.read(address, bytes);
  }
  uint8_t* write(uint64_t address, uint64_t bytes) override { return memory_.write(address, bytes); }

 private:
  const MappedImage& image_;
  mutable BoardMemory memory_;  // its scratch is written to by nothing but write()
};

}  // namespace brim::rtl_target
