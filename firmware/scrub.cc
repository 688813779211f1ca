#include "firmware/scrub.h"

#include <algorithm>

#include "base/crc32c.h"
#include "firmware/timer.h"
#include "isa/layout.h"

namespace brim {

namespace {

// Slow enough to leave no mark on power and on whoever types, and all of 4 GB in two minutes.
constexpr double kBytesPerSecond = 32 << 20;

}  // namespace

bool Scrubber::step() {
  const double now = seconds_now();
  if (now < next_) return true;
  next_ = now + kPageBytes / kBytesPerSecond;

  const RegionEntry& region = image_.regions[region_];
  // The header is looked at when loading only: nobody reads it afterwards but to find the regions.
  if (region.kind == RegionKind::kHeader || offset_ >= region.file_bytes) return next_region();
  const uint64_t address = region.address + offset_;
  const uint64_t bytes = std::min<uint64_t>(kPageBytes, region.file_bytes - offset_);
  offset_ += bytes;
  bytes_ += bytes;
  if (region.kind == RegionKind::kWeights) {
    return weight_page_is_sound(region, address) || repairs_.repair(region.kind, address);
  }
  crc_ = crc32c(reinterpret_cast<const void*>(address), bytes, crc_);
  if (offset_ < region.file_bytes || crc_ == region.crc) return true;
  return repairs_.repair(region.kind, region.address);
}

bool Scrubber::next_region() {
  offset_ = 0;
  crc_ = 0;
  if (++region_ < image_.region_count) return true;
  region_ = 0;
  ++rounds_;
  return true;
}

}  // namespace brim
