#include "image/card/sd_card.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "image/output_file.h"

namespace brim {

namespace {

// Source: Microsoft Extensible Firmware Initiative FAT32 File System Specification, 1.03.
constexpr uint64_t kSector = 512;
constexpr uint64_t kPartitionStart = 2048;  // sectors: 1 MiB, where partitioning tools put it
constexpr uint64_t kReserved = 32;          // sectors before the first table
constexpr uint64_t kTables = 2;
constexpr uint64_t kFewestClusters = 65536;  // fewer would be FAT16
constexpr uint64_t kMostSectorsPerCluster = 64;
constexpr uint64_t kSmallestCard = 64 << 20;  // bytes
constexpr uint32_t kRootCluster = 2;
constexpr uint32_t kEndOfChain = 0x0FFFFFFF;
constexpr uint64_t kEntryBytes = 32;

void put16(uint8_t* p, uint64_t value) {
  p[0] = static_cast<uint8_t>(value);
  p[1] = static_cast<uint8_t>(value >> 8);
}
void put32(uint8_t* p, uint64_t value) {
  put16(p, value);
  put16(p + 2, value >> 16);
}

// Where everything is, in sectors of the card.
struct Geometry {
  uint64_t card_bytes;
  uint64_t sectors;  // of the partition
  uint64_t sectors_per_cluster;
  uint64_t table_sectors;
  uint64_t clusters;

  explicit Geometry(uint64_t bytes) : card_bytes(bytes), sectors(bytes / kSector - kPartitionStart) {
    sectors_per_cluster = kMostSectorsPerCluster;
    while (sectors_per_cluster > 1 && sectors / sectors_per_cluster < 2 * kFewestClusters)
      sectors_per_cluster /= 2;
    const uint64_t most = sectors / sectors_per_cluster + 2;  // entries, a little more than needed
    table_sectors = (most * 4 + kSector - 1) / kSector;
    clusters = (sectors - kReserved - kTables * table_sectors) / sectors_per_cluster;
  }

  uint64_t cluster_bytes() const { return sectors_per_cluster * kSector; }
  uint64_t table_offset(uint64_t table) const {
    return (kPartitionStart + kReserved + table * table_sectors) * kSector;
  }
  uint64_t cluster_offset(uint64_t cluster) const {
    return table_offset(kTables) + (cluster - kRootCluster) * cluster_bytes();
  }
  uint64_t clusters_of(uint64_t bytes) const { return (bytes + cluster_bytes() - 1) / cluster_bytes(); }
};

Geometry geometry_for(std::span<const ImagePart> files) {
  for (uint64_t bytes = kSmallestCard;; bytes *= 2) {
    const Geometry geometry(bytes);
    uint64_t clusters = 1;
    for (const ImagePart& file : files) clusters += geometry.clusters_of(file.bytes.size());
    if (clusters <= geometry.clusters) return geometry;
  }
}

std::vector<uint8_t> partition_table(const Geometry& geometry) {
  std::vector<uint8_t> sector(kSector);
  uint8_t* entry = &sector[446];
  constexpr uint8_t kBeyondCylinders[3] = {0xFE, 0xFF, 0xFF};  // the addresses below count
  std::memcpy(entry + 1, kBeyondCylinders, 3);
  entry[4] = 0x0C;  // FAT32 with logical block addresses
  std::memcpy(entry + 5, kBeyondCylinders, 3);
  put32(entry + 8, kPartitionStart);
  put32(entry + 12, geometry.sectors);
  put16(&sector[510], 0xAA55);
  return sector;
}

std::vector<uint8_t> boot_sector(const Geometry& geometry) {
  std::vector<uint8_t> sector(kSector);
  constexpr uint8_t kJump[3] = {0xEB, 0x58, 0x90};
  std::memcpy(sector.data(), kJump, 3);
  std::memcpy(&sector[3], "BRIM    ", 8);
  put16(&sector[11], kSector);
  sector[13] = static_cast<uint8_t>(geometry.sectors_per_cluster);
  put16(&sector[14], kReserved);
  sector[16] = kTables;
  sector[21] = 0xF8;       // fixed disk
  put16(&sector[24], 63);  // geometry for programs that ask for one
  put16(&sector[26], 255);
  put32(&sector[28], kPartitionStart);
  put32(&sector[32], geometry.sectors);
  put32(&sector[36], geometry.table_sectors);
  put32(&sector[44], kRootCluster);
  put16(&sector[48], 1);  // sector of the free space information
  put16(&sector[50], 6);  // of the copy of this sector
  sector[64] = 0x80;
  sector[66] = 0x29;
  put32(&sector[67], 0x4272696D);  // serial number
  std::memcpy(&sector[71], "BRIM       FAT32   ", 19);
  put16(&sector[510], 0xAA55);
  return sector;
}

std::vector<uint8_t> free_space_sector(const Geometry& geometry, uint64_t used) {
  std::vector<uint8_t> sector(kSector);
  put32(&sector[0], 0x41615252);
  put32(&sector[484], 0x61417272);
  put32(&sector[488], geometry.clusters - used);
  put32(&sector[492], kRootCluster + used);
  put32(&sector[508], 0xAA550000);
  return sector;
}

// "brim.img" as "BRIM    IMG", with the mark that it is shown in lower case. Throws Error for a name that is
// not short.
void put_short_name(uint8_t* entry, const std::string& name) {
  const size_t point = std::min(name.find('.'), name.size());
  const std::string extension = name.substr(std::min(point + 1, name.size()));
  if (point == 0 || point > 8 || extension.size() > 3)
    throw Error(name + " is no name of 8 and 3 characters");
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  std::memset(entry, ' ', 11);
  std::transform(name.begin(), name.begin() + static_cast<ptrdiff_t>(point), entry, upper);
  std::transform(extension.begin(), extension.end(), entry + 8, upper);
  constexpr uint8_t kLowerCaseName = 0x08, kLowerCaseExtension = 0x10;
  if (std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }))
    entry[12] = kLowerCaseName | kLowerCaseExtension;
}

}  // namespace

void write_sd_card(std::span<const ImagePart> files, const std::filesystem::path& path,
                   const Progress& progress) {
  uint64_t total = 0;
  for (const ImagePart& file : files) {
    if (file.bytes.size() > UINT32_MAX)
      throw Error(file.name + " is too long for FAT32: it holds files below 4 GiB");
    total += file.bytes.size();
  }
  const Geometry geometry = geometry_for(files);
  OutputFile card(path, geometry.card_bytes);

  std::vector<uint32_t> table = {0x0FFFFFF8, kEndOfChain,
                                 kEndOfChain};  // two reserved entries, the root directory
  std::vector<uint8_t> root(geometry.cluster_bytes());
  if ((files.size() + 1) * kEntryBytes > root.size())
    throw Error("too many files for the card's root directory");
  std::memcpy(&root[0], "BRIM       \x08", 12);  // the volume's name
  uint64_t done = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    const ImagePart& file = files[i];
    const uint64_t clusters = geometry.clusters_of(file.bytes.size());
    const auto first = static_cast<uint32_t>(table.size());
    uint8_t* entry = &root[(i + 1) * kEntryBytes];
    put_short_name(entry, file.name);
    entry[11] = 0x20;           // archive
    put16(entry + 24, 0x5A21);  // 2025-01-01: dates must be valid
    put16(entry + 16, 0x5A21);
    put16(entry + 20, clusters ? first >> 16 : 0);
    put16(entry + 26, clusters ? first : 0);
    put32(entry + 28, file.bytes.size());
    for (uint64_t c = 0; c < clusters; ++c) table.push_back(first + static_cast<uint32_t>(c) + 1);
    if (clusters) table.back() = kEndOfChain;
    constexpr uint64_t kStep = 16 << 20;
    for (uint64_t offset = 0; offset < file.bytes.size(); offset += kStep) {
      const auto part = file.bytes.subspan(offset, std::min<uint64_t>(kStep, file.bytes.size() - offset));
      card.write(geometry.cluster_offset(first) + offset, part);
      done += part.size();
      if (progress) progress(done, total);
    }
  }

  std::vector<uint8_t> table_bytes(table.size() * 4);
  for (size_t i = 0; i < table.size(); ++i) put32(&table_bytes[i * 4], table[i]);
  const auto boot = boot_sector(geometry);
  const auto free_space = free_space_sector(geometry, table.size() - kRootCluster);
  const uint64_t partition = kPartitionStart * kSector;
  card.write(0, partition_table(geometry));
  for (const uint64_t copy : {0, 6}) {
    card.write(partition + copy * kSector, boot);
    card.write(partition + (copy + 1) * kSector, free_space);
  }
  for (uint64_t t = 0; t < kTables; ++t) card.write(geometry.table_offset(t), table_bytes);
  card.write(geometry.cluster_offset(kRootCluster), root);
  card.commit();
}

}  // namespace brim
