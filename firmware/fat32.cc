#include "firmware/fat32.h"

#include <cstddef>

namespace brim {

namespace {

constexpr uint32_t kEntryBytes = 32;
constexpr uint32_t kMaxDirectoryBytes = 65536 * kEntryBytes;  // the specification's limit
constexpr uint32_t kMaxName = 255;                            // UTF-16 units of a long name
constexpr uint32_t kClusterMask = 0x0FFFFFFF;

uint32_t read16(const uint8_t* p) { return p[0] | p[1] << 8; }
uint32_t read32(const uint8_t* p) { return read16(p) | read16(p + 2) << 16; }

bool has_signature(const uint8_t* sector) { return sector[510] == 0x55 && sector[511] == 0xAA; }

uint32_t lower(uint32_t c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

// A name put together from directory entries.
class LongName {
 public:
  // Takes an entry with part of a long name; they come last part first.
  void add(const uint8_t* entry) {
    constexpr uint8_t kLast = 0x40;
    constexpr uint32_t kUnits = 13;
    constexpr uint8_t kOffsets[kUnits] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    const uint32_t order = entry[0] & 0x3Fu;
    if (entry[0] & kLast) {
      expected_ = order;
      checksum_ = entry[13];
      length_ = 0;
    }
    if (order == 0 || order != expected_ || entry[13] != checksum_ || order * kUnits > kMaxName + kUnits) {
      clear();
      return;
    }
    for (uint32_t i = 0; i < kUnits; ++i) {
      const uint32_t unit = read16(entry + kOffsets[i]);
      const uint32_t at = (order - 1) * kUnits + i;
      if (unit == 0 || unit == 0xFFFF || at >= kMaxName) continue;
      units_[at] = static_cast<uint16_t>(unit);
      if (at + 1 > length_) length_ = at + 1;
    }
    --expected_;
  }

  void clear() { expected_ = UINT32_MAX; }

  // Whether the parts are complete, belong to this short name and spell `name`.
  bool matches(const uint8_t* short_entry, std::string_view name) const {
    uint8_t sum = 0;
    for (uint32_t i = 0; i < 11; ++i) sum = static_cast<uint8_t>((sum >> 1 | sum << 7) + short_entry[i]);
    if (expected_ != 0 || sum != checksum_ || length_ != name.size()) return false;
    for (uint32_t i = 0; i < length_; ++i) {
      if (lower(units_[i]) != lower(static_cast<uint8_t>(name[i]))) return false;
    }
    return true;
  }

 private:
  uint16_t units_[kMaxName] = {};
  uint32_t length_ = 0;
  uint32_t expected_ = UINT32_MAX;  // parts still to come; UINT32_MAX: none has begun
  uint8_t checksum_ = 0;
};

// "BRIM    IMG" spells BRIM.IMG.
bool short_name_matches(const uint8_t* entry, std::string_view name) {
  char text[12];
  uint32_t length = 0;
  for (uint32_t i = 0; i < 8 && entry[i] != ' '; ++i) text[length++] = static_cast<char>(entry[i]);
  if (entry[8] != ' ') text[length++] = '.';
  for (uint32_t i = 8; i < 11 && entry[i] != ' '; ++i) text[length++] = static_cast<char>(entry[i]);
  if (length != name.size()) return false;
  for (uint32_t i = 0; i < length; ++i) {
    if (lower(static_cast<uint8_t>(text[i])) != lower(static_cast<uint8_t>(name[i]))) return false;
  }
  return true;
}

}  // namespace

bool Fat32::fetch(uint64_t sector) {
  if (sector == buffered_) return true;
  buffered_ = device_.read(sector, 1, buffer_) ? sector : UINT64_MAX;
  return buffered_ == sector;
}

const char* Fat32::mount() {
  if (!fetch(0)) return "its first sector cannot be read";
  if (!has_signature(buffer_)) return "it has no boot record (not formatted?)";
  uint64_t start = 0;
  const auto is_boot_sector = [&] { return buffer_[0] == 0xEB || buffer_[0] == 0xE9; };
  if (!is_boot_sector()) {
    for (uint32_t i = 0; i < 4 && start == 0; ++i) {
      const uint8_t* partition = buffer_ + 446 + i * 16;
      if (partition[4] == 0x0B || partition[4] == 0x0C) start = read32(partition + 8);
    }
    if (start == 0) return "it has no FAT32 partition";
    if (!fetch(start)) return "its partition cannot be read";
  }
  const uint8_t* boot = buffer_;
  if (!has_signature(boot) || read16(boot + 11) != kSectorBytes || read16(boot + 22) != 0) {
    return "its file system is not FAT32 with sectors of 512 bytes";
  }
  const uint32_t reserved = read16(boot + 14);
  const uint32_t fats = boot[16];
  const uint32_t fat_sectors = read32(boot + 36);
  const uint32_t sectors = read32(boot + 32);
  sectors_per_cluster_ = boot[13];
  root_cluster_ = read32(boot + 44) & kClusterMask;
  const uint64_t before_data = reserved + uint64_t{fats} * fat_sectors;
  if (sectors_per_cluster_ == 0 || (sectors_per_cluster_ & (sectors_per_cluster_ - 1)) != 0 ||
      reserved == 0 || fats == 0 || fats > 2 || before_data >= sectors) {
    return "the sizes in its FAT32 boot sector are impossible";
  }
  fat_start_ = start + reserved;
  data_start_ = start + before_data;
  const auto data_clusters = static_cast<uint32_t>((sectors - before_data) / sectors_per_cluster_);
  const uint64_t fat_entries = uint64_t{fat_sectors} * (kSectorBytes / 4);
  if (data_clusters + uint64_t{2} > fat_entries || data_clusters > 0x0FFFFFF5) {
    return "its file allocation table is too small";
  }
  clusters_ = data_clusters;
  if (!valid(root_cluster_)) return "its root directory is out of range";
  return nullptr;
}

uint32_t Fat32::next_cluster(uint32_t cluster) {
  constexpr uint32_t kPerSector = kSectorBytes / 4;
  if (!valid(cluster) || !fetch(fat_start_ + cluster / kPerSector)) return 0;
  const uint32_t next = read32(buffer_ + cluster % kPerSector * 4) & kClusterMask;
  return valid(next) ? next : 0;
}

Fat32::Found Fat32::find(std::string_view name, FatFile* file) {
  LongName long_name;
  const uint32_t cluster_bytes = sectors_per_cluster_ * kSectorBytes;
  uint32_t cluster = root_cluster_;
  for (uint32_t offset = 0; offset < kMaxDirectoryBytes; offset += kEntryBytes) {
    if (offset > 0 && offset % cluster_bytes == 0) {
      cluster = next_cluster(cluster);
      if (cluster == 0) return Found::kNo;
    }
    if (!fetch(first_sector(cluster) + offset % cluster_bytes / kSectorBytes)) return Found::kDamaged;
    const uint8_t* entry = buffer_ + offset % kSectorBytes;
    if (entry[0] == 0x00) return Found::kNo;
    constexpr uint8_t kDeleted = 0xE5, kAttributes = 11, kLong = 0x0F, kVolumeOrFolder = 0x18;
    if (entry[0] == kDeleted) {
      long_name.clear();
    } else if ((entry[kAttributes] & 0x3F) == kLong) {
      long_name.add(entry);
    } else {
      if (!(entry[kAttributes] & kVolumeOrFolder) &&
          (long_name.matches(entry, name) || short_name_matches(entry, name))) {
        *file = {(read16(entry + 20) << 16 | read16(entry + 26)) & kClusterMask, read32(entry + 28)};
        return file->bytes == 0 || valid(file->first_cluster) ? Found::kYes : Found::kDamaged;
      }
      long_name.clear();
    }
  }
  return Found::kDamaged;
}

bool FatReader::skip(uint32_t bytes) {
  if (bytes > left() || bytes % kSectorBytes != 0) return false;
  const uint64_t cluster_bytes = uint64_t{volume_.sectors_per_cluster_} * kSectorBytes;
  const uint64_t clusters = (offset_ % cluster_bytes + bytes) / cluster_bytes;
  offset_ += bytes;
  for (uint64_t i = 0; i < clusters; ++i) {
    if (cluster_ == 0) return false;
    cluster_ = volume_.next_cluster(cluster_);
  }
  return true;
}

bool FatReader::read(uint8_t* to, uint32_t bytes) {
  if (bytes > left() || (bytes % kSectorBytes != 0 && bytes != left())) return false;
  const uint32_t cluster_bytes = volume_.sectors_per_cluster_ * kSectorBytes;
  while (bytes > 0) {
    if (cluster_ == 0) return false;
    const uint32_t in_cluster = offset_ % cluster_bytes;
    // As far as the chain goes on with the next cluster number.
    uint32_t run = cluster_bytes - in_cluster;
    uint32_t last = cluster_;
    uint32_t after = 0;  // the cluster after the run, where it has been looked up
    while (run < bytes) {
      after = volume_.next_cluster(last);
      if (after != last + 1) break;
      last = after;
      run += cluster_bytes;
      after = 0;
    }
    const uint32_t part = run < bytes ? run : bytes;
    const uint64_t sector = volume_.first_sector(cluster_) + in_cluster / kSectorBytes;
    const uint32_t whole = part / kSectorBytes;
    if (whole > 0 && !volume_.device_.read(sector, whole, to)) return false;
    if (const uint32_t rest = part % kSectorBytes; rest > 0) {
      if (!volume_.fetch(sector + whole)) return false;
      for (uint32_t i = 0; i < rest; ++i) to[whole * kSectorBytes + i] = volume_.buffer_[i];
    }
    to += part;
    bytes -= part;
    offset_ += part;
    cluster_ = last;
    if (part == run) cluster_ = after != 0 ? after : volume_.next_cluster(last);
  }
  return true;
}

ResolvedFile::Resolved ResolvedFile::resolve(Fat32& volume, const FatFile& file) {
  volume_ = &volume;
  bytes_ = file.bytes;
  runs_ = 0;
  const uint32_t cluster_sectors = volume.sectors_per_cluster_;
  const auto sectors = static_cast<uint32_t>((uint64_t{file.bytes} + kSectorBytes - 1) / kSectorBytes);
  uint32_t cluster = file.first_cluster, before = 0;
  for (uint32_t at = 0; at < sectors; at += cluster_sectors) {
    if (at > 0) cluster = volume.next_cluster(before);
    if (!volume.valid(cluster)) return Resolved::kDamaged;
    if (at == 0 || cluster != before + 1) {
      if (runs_ == kMostRuns) return Resolved::kScattered;
      run_[runs_++] = {at, volume.first_sector(cluster)};
    }
    before = cluster;
  }
  return Resolved::kYes;
}

bool ResolvedFile::read(uint32_t offset, uint32_t bytes, uint8_t* to) {
  if (bytes > kMostBytes || offset > bytes_ || bytes > bytes_ - offset) return false;
  if (bytes == 0) return true;
  const uint32_t first = offset / kSectorBytes;
  const uint32_t end = (offset + bytes - 1) / kSectorBytes + 1;
  uint32_t run = runs_ - 1;
  while (run_[run].first_sector_of_file > first) --run;
  for (uint32_t sector = first; sector < end; ++run) {
    const uint32_t run_end = run + 1 < runs_ ? run_[run + 1].first_sector_of_file : end;
    const uint32_t count = (run_end < end ? run_end : end) - sector;
    const uint64_t from = run_[run].sector + (sector - run_[run].first_sector_of_file);
    if (!volume_->device_.read(from, count, sectors_ + (sector - first) * kSectorBytes)) return false;
    sector += count;
  }
  const uint8_t* part = sectors_ + offset % kSectorBytes;
  for (uint32_t i = 0; i < bytes; ++i) to[i] = part[i];
  return true;
}

}  // namespace brim
