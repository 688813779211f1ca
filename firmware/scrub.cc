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

void Scrubber::step() {
  const double now = seconds_now();
  if (given_up_ || now < next_) return;
  next_ = now + kPageBytes / kBytesPerSecond;

  const RegionEntry& region = image_.regions[region_];
  // The header is looked at when loading only: nobody reads it afterwards but to find the regions.
  if (region.kind == RegionKind::kHeader || !region.has_content() || offset_ >= region.file_bytes)
    return next_region();
  const uint64_t address = region.address + offset_;
  const uint64_t bytes = std::min<uint64_t>(kPageBytes, region.file_bytes - offset_);
  offset_ += bytes;
  bytes_ += bytes;
  bool sound = true;
  if (region.kind == RegionKind::kWeights) {
    sound = weight_page_is_sound(region, address);
  } else {
    crc_ = crc32c(reinterpret_cast<const void*>(address), bytes, crc_);
    sound = offset_ < region.file_bytes || crc_ == region.crc;
  }
  // Of a region with one checksum the place is not known.
  if (!sound)
    given_up_ = !repairs_.repair(region.kind, region.kind == RegionKind::kWeights ? address : region.address);
}

void Scrubber::next_region() {
  offset_ = 0;
  crc_ = 0;
  if (++region_ < image_.region_count) return;
  region_ = 0;
  ++rounds_;
}

}  // namespace brim
