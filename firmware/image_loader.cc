#include "firmware/image_loader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/crc32c.h"
#include "firmware/board.h"
#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/exceptions.h"
#include "firmware/fat32.h"
#include "firmware/sdhci.h"
#include "firmware/timer.h"

namespace brim {

namespace {

constexpr uint32_t kStep = 1 << 20;  // bytes between looks at the clock

alignas(kCacheLine) uint8_t header_page[kImageHeaderBytes];  // as it stands on the card

uint8_t* memory_at(uint64_t address) { return reinterpret_cast<uint8_t*>(address); }
double mib(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// What is done of a long job: a line on the console every other second, and at the end.
class ProgressLine {
 public:
  ProgressLine(std::string_view what, uint64_t total) : what_(what), total_(total), start_(seconds_now()) {}

  void add(uint64_t bytes) {
    done_ += bytes;
    const double now = seconds_now();
    if (now - shown_ < 2.0 && done_ < total_) return;
    shown_ = now;
    print("  ", what_, " ", done_ * 100 / std::max<uint64_t>(total_, 1), "% of ", Fixed{mib(total_), 1},
          " MiB, ", Fixed{mib(done_) / std::max(now - start_, 1e-3), 1}, " MiB/s\n");
  }

 private:
  std::string_view what_;
  uint64_t total_, done_ = 0;
  double start_, shown_ = start_;
};

uint64_t content_bytes(const ImageHeader& header) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < header.region_count; ++i) {
    if (header.regions[i].has_content()) total += header.regions[i].file_bytes;
  }
  return total;
}

// Whether this board has all the memory that the image was planned for.
bool memory_suffices(const ImageHeader& header) {
  for (uint32_t m = 0; m < header.memory_count; ++m) {
    const AddressRange& range = header.memory[m];
    const bool mapped = std::any_of(std::begin(board::kDdr), std::end(board::kDdr),
                                    [&](const board::Range& ddr) { return ddr.contains(range); });
    uint64_t end = range.base + range.bytes;
    if (board::kReserved.base < end && end <= board::kReserved.base + board::kReserved.bytes)
      end = board::kReserved.base;
    if (!mapped || !memory_answers(end - kCacheLine)) {
      print("Error: the image is for board ", std::string_view(header.board), " with ",
            Fixed{mib(range.bytes), 0}, " MiB of memory at ", Hex{range.base}, "; this board (",
            std::string_view(board::kName),
            ") has less. Pack the model for this board (brim pack --board).\n");
      return false;
    }
  }
  for (uint32_t i = 0; i < header.region_count; ++i) {
    const RegionEntry& region = header.regions[i];
    if (region.bytes == 0) continue;  // a prompt
    if (region.address < board::kReserved.base + board::kReserved.bytes &&
        region.address + region.bytes > board::kReserved.base) {
      print("Error: region ", std::string_view(region.name), " stands where the PMU firmware is, from ",
            Hex{board::kReserved.base}, " on. Pack the model again, for this board (brim pack --board).\n");
      return false;
    }
    if (region.kind != RegionKind::kReserved && region.address < board::kFirmwareEnd) {
      print("Error: region ", std::string_view(region.name),
            " stands where the firmware is. Pack the model for this board (brim pack --board).\n");
      return false;
    }
  }
  return true;
}

bool check_region(const RegionEntry& region, uint32_t crc) {
  if (region.kind == RegionKind::kHeader || crc == region.crc) return true;
  print("Error: the checksum of region ", std::string_view(region.name),
        " is wrong. Copy the image to the card again, or try another card.\n");
  return false;
}

// Regions without content start as zeros.
void clear_region(const RegionEntry& region) {
  std::memset(memory_at(region.address), 0, region.bytes);
  // The accelerator reads and writes them in memory: no dirty line may be left to overwrite it.
  flush_cache(memory_at(region.address), region.bytes);
}

bool all_regions_sound(const ImageHeader& header) {
  ProgressLine progress("checked", content_bytes(header));
  for (uint32_t i = 0; i < header.region_count; ++i) {
    const RegionEntry& region = header.regions[i];
    if (!region.has_content()) continue;
    uint32_t crc = 0;
    for (uint64_t done = 0; done < region.file_bytes; done += kStep) {
      const uint64_t part = std::min<uint64_t>(kStep, region.file_bytes - done);
      crc = crc32c(memory_at(region.address + done), part, crc);
      progress.add(part);
      console::poll();
    }
    if (!check_region(region, crc)) return false;
  }
  return true;
}

// The files of the card as the one file that they were cut from.
class ImageFiles {
 public:
  explicit ImageFiles(Fat32& volume) : volume_(volume) {}

  // Opens those that are there. False, saying why, if there is not even the first, or the card is damaged.
  bool open() {
    for (const char* name : kPartNames) {
      const Fat32::Found found = volume_.find(name, &files_[count_]);
      if (found == Fat32::Found::kDamaged) {
        print("Error: the card's root directory cannot be read at ", std::string_view(name), ".\n");
        return false;
      }
      if (found == Fat32::Found::kNo) break;
      ++count_;
    }
    if (count_ == 0) {
      print("Error: there is no ", std::string_view(kPartNames[0]),
            " on the card. Copy the files that `brim export` writes to its root.\n");
      return false;
    }
    reader_.emplace(volume_, files_[0]);
    return true;
  }

  // Whether the files have the sizes that the header asks for; says which has not.
  bool sizes_match(const ImageHeader& header) const {
    uint32_t index = 0;
    for (uint32_t m = 0; m < header.memory_count; ++m) {
      uint64_t bytes = 0;
      for (uint32_t i = 0; i < header.region_count; ++i) {
        const RegionEntry& region = header.regions[i];
        if (region.has_content() && region.address >= header.memory[m].base &&
            region.address - header.memory[m].base < header.memory[m].bytes) {
          bytes += region.file_bytes;
        }
      }
      if (bytes == 0) continue;
      if (index >= count_) {
        print("Error: ", std::string_view(kPartNames[index]),
              " is missing on the card. Copy all files that `brim export` writes.\n");
        return false;
      }
      if (files_[index].bytes != bytes) {
        print("Error: ", std::string_view(kPartNames[index]), " has ", files_[index].bytes, " bytes, not ",
              bytes, ": it is truncated or of another image. Copy the image to the card again.\n");
        return false;
      }
      ++index;
    }
    return true;
  }

  // The next bytes of the image; `bytes` does not reach beyond a file.
  bool read(uint8_t* to, uint32_t bytes) {
    if (reader_->left() == 0 && current_ + 1 < count_) reader_.emplace(volume_, files_[++current_]);
    if (reader_->read(to, bytes)) return true;
    print("Error: the card cannot be read (", std::string_view(kPartNames[current_]),
          "). Check the card, or copy the image to it again.\n");
    return false;
  }

  // Any bytes of the image, whole sectors within one file.
  bool read_at(uint64_t offset, uint8_t* to, uint64_t bytes) {
    for (uint32_t i = 0; i < count_; ++i) {
      if (offset < files_[i].bytes) {
        FatReader reader(volume_, files_[i]);
        if (!reader.skip(static_cast<uint32_t>(offset))) return false;
        for (uint64_t done = 0; done < bytes; done += kStep) {
          if (!reader.read(to + done, static_cast<uint32_t>(std::min<uint64_t>(kStep, bytes - done))))
            return false;
        }
        return true;
      }
      offset -= files_[i].bytes;
    }
    return false;
  }

  uint32_t first_file_bytes() const { return files_[0].bytes; }

 private:
  Fat32& volume_;
  FatFile files_[kMaxMemoryRegions] = {};
  uint32_t count_ = 0;
  uint32_t current_ = 0;
  std::optional<FatReader> reader_;
};

// Reads header_page. False, saying why, if there is no sound header.
bool read_header(ImageFiles& files) {
  if (files.first_file_bytes() < kImageHeaderBytes) {
    print("Error: ", std::string_view(kPartNames[0]),
          " is too short for an image header. Copy the image to the card again.\n");
    return false;
  }
  if (!files.read(header_page, kImageHeaderBytes)) return false;
  const auto& header = *reinterpret_cast<const ImageHeader*>(header_page);
  if (const char* problem = check_header(header_page, header.file_bytes)) {
    print("Error: ", std::string_view(kPartNames[0]), ": ", std::string_view(problem),
          ". Copy the image to the card again.\n");
    return false;
  }
  return files.sizes_match(header);
}

bool load_regions(ImageFiles& files, const ImageHeader& header) {
  // The files hold the regions in the order of their offsets, without gaps.
  uint8_t order[kMaxRegions];
  uint32_t count = 0;
  for (uint32_t i = 0; i < header.region_count; ++i) {
    if (header.regions[i].has_content()) order[count++] = static_cast<uint8_t>(i);
  }
  std::sort(order, order + count, [&](uint8_t a, uint8_t b) {
    return header.regions[a].file_offset < header.regions[b].file_offset;
  });
  ProgressLine progress("loaded", content_bytes(header));
  for (uint32_t n = 0; n < count; ++n) {
    const RegionEntry& region = header.regions[order[n]];
    uint8_t* const to = memory_at(region.address);
    if (region.kind == RegionKind::kHeader) {  // it has been read
      std::memcpy(to, header_page, kImageHeaderBytes);
      clean_cache(to, kImageHeaderBytes);
      progress.add(kImageHeaderBytes);
      continue;
    }
    uint32_t crc = 0;
    for (uint64_t done = 0; done < region.file_bytes; done += kStep) {
      const auto part = static_cast<uint32_t>(std::min<uint64_t>(kStep, region.file_bytes - done));
      if (!files.read(to + done, part)) return false;
      crc = crc32c(to + done, part, crc);
      // The processor wrote it; the accelerator will read it in memory.
      clean_cache(to + done, part);
      progress.add(part);
    }
    if (!check_region(region, crc)) return false;
  }
  return true;
}

// The header of an image that is in memory. The planner puts it right behind the firmware. Whoever put it
// there, the caches are no obstacle: they were empty when this program switched them on.
const ImageHeader* resident_image() {
  const auto* header = reinterpret_cast<const ImageHeader*>(board::kFirmwareEnd);
  if (check_header(header, header->file_bytes) != nullptr) return nullptr;
  return ImageView(*header).header.address == board::kFirmwareEnd ? header : nullptr;
}

// The slot and what is in it, for as long as the program runs.
struct Slot {
  SdCard card;
  Fat32 volume{card};
  ImageFiles files{volume};
  bool image_found = false;
};
Slot& slot() {
  static Slot only;
  return only;
}

}  // namespace

const ImageHeader* load_image(EmbeddingRows& rows) {
  const ImageHeader* resident = resident_image();
  auto& [card, volume, files, image_found] = slot();
  const ImageHeader* header = reinterpret_cast<const ImageHeader*>(header_page);
  if (const char* problem = card.start()) {
    if (resident == nullptr) {
      print("Error: ", std::string_view(problem), ", and there is no image in memory.\n");
      return nullptr;
    }
    print("SD card: ", std::string_view(problem), ".\n");
    header = resident;
  } else {
    if (const char* unusable = volume.mount()) {
      print("Error: the SD card cannot be used: ", std::string_view(unusable), ".\n");
      return nullptr;
    }
    if (!files.open() || !read_header(files)) return nullptr;
    image_found = true;
    print("SD card: 4 bits at ", Fixed{card.hz() / 1e6, 0}, " MHz\n");
  }

  print("Image: ", std::string_view(header->model.name), " for board ", std::string_view(header->board),
        ", context ", header->context, ", ", Fixed{mib(content_bytes(*header)), 1}, " MiB\n");
  if (!memory_suffices(*header)) return nullptr;
  const bool same = resident != nullptr && std::memcmp(resident, header, kImageHeaderBytes) == 0;
  if (same) {
    print("The image is in memory already; checking it.\n");
    if (!all_regions_sound(*header)) return nullptr;
  } else if (!load_regions(files, *header)) {
    return nullptr;
  }
  for (uint32_t i = 0; i < header->region_count; ++i) {
    const RegionEntry& region = header->regions[i];
    if (!region.has_content() && region.kind != RegionKind::kReserved && region.bytes > 0)
      clear_region(region);
  }
  if (!rows.attach(*header, image_found ? &volume : nullptr)) return nullptr;
  return reinterpret_cast<const ImageHeader*>(ImageView(*header).header.address);
}

Fat32* card_with_image() { return slot().image_found ? &slot().volume : nullptr; }

bool read_again(const ImageHeader& image, const RegionEntry& region, uint64_t address, uint64_t bytes) {
  if (!slot().image_found) {
    print("\nError: there is no card to read it from again. Load the image again.\n");
    return false;
  }
  // The card may have been changed since.
  alignas(kCacheLine) static uint8_t page[kImageHeaderBytes];
  ImageFiles& files = slot().files;
  if (!files.read_at(0, page, kImageHeaderBytes) || std::memcmp(page, &image, kImageHeaderBytes) != 0 ||
      !files.read_at(region.file_offset + (address - region.address), memory_at(address), bytes)) {
    print(
        "\nError: the card cannot be read, or holds another image. Put the card back and reset the board.\n");
    return false;
  }
  return true;
}

}  // namespace brim
