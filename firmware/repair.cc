#include "firmware/repair.h"

#include "base/crc32c.h"
#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/image_loader.h"
#include "firmware/timer.h"
#include "isa/stream_checks.h"

namespace brim {

namespace {

const uint8_t* memory_at(uint64_t address) { return reinterpret_cast<const uint8_t*>(address); }

bool is_sound(const RegionEntry& region, uint64_t address) {
  if (region.kind == RegionKind::kWeights) return weight_page_is_sound(region, address);
  return crc32c(memory_at(region.address), region.file_bytes) == region.crc;
}

}  // namespace

const RegionEntry* region_at(const ImageHeader& image, uint64_t address) {
  for (uint32_t i = 0; i < image.region_count; ++i) {
    if (image.regions[i].range().contains(address, 1)) return &image.regions[i];
  }
  return nullptr;
}

bool weight_page_is_sound(const RegionEntry& region, uint64_t address) {
  const uint64_t page = (address - region.address) / kPageBytes;
  const uint64_t chunk = page / (kPagesPerChunk + 1), in_chunk = page % (kPagesPerChunk + 1);
  const uint8_t* const metadata = memory_at(region.address + chunk * kChunkBytes);
  if (in_chunk == 0) return metadata_is_sound(metadata);
  return page_is_sound(metadata, in_chunk - 1, memory_at(region.address + page * kPageBytes));
}

void report_stuck(uint64_t address) {
  print("Error: memory at ", Hex{address},
        " does not keep what is written to it. Pack the model around it: brim pack --avoid ", Hex{address},
        "\n");
}

bool Repairs::repair(RegionKind kind, uint64_t address) {
  const double start = seconds_now();
  const RegionEntry* const region = region_at(*image_, address);
  if (region == nullptr || region->kind != kind || !region->has_content()) {
    print("\nError: the accelerator reports damage at ", Hex{address},
          ", where the image has nothing of that kind.\n");
    return false;
  }
  const bool page_only = kind == RegionKind::kWeights;
  const uint64_t first = page_only ? address / kPageBytes * kPageBytes : region->address;
  const uint64_t bytes = page_only ? kPageBytes : region->file_bytes;
  print("\n[", std::string_view(region->name), " is damaged at ", Hex{address}, ": ");
  if (!read_again(*image_, *region, first, bytes)) return false;
  // What the processor has just written, then what memory made of it.
  if (!is_sound(*region, first)) {
    print("\nError: the card holds the same damage. Copy the image to the card again.\n");
    return false;
  }
  flush_cache(memory_at(first), bytes);
  if (!is_sound(*region, first)) {
    report_stuck(address);
    return false;
  }
  ++count_;
  last_ = address;
  print("read from the card again in ", Fixed{seconds_now() - start, 3}, " s]\n");
  return true;
}

void Repairs::logits_are_computed_again(uint64_t address) {
  ++count_;
  last_ = address;
  print("\n[logits is damaged at ", Hex{address}, ": the pass is run again]\n");
}

}  // namespace brim
