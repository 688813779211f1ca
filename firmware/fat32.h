// Files in the root directory of a FAT32 volume, read only. Freestanding; damaged volumes give errors, never
// endless loops. Source: Microsoft Extensible Firmware Initiative FAT32 File System Specification, 1.03.
#pragma once

#include <cstdint>
#include <string_view>

#include "firmware/block_device.h"

namespace brim {

struct FatFile {
  uint32_t first_cluster = 0;
  uint32_t bytes = 0;
};

class Fat32 {
 public:
  explicit Fat32(BlockDevice& device) : device_(device) {}

  // Finds the volume: in the first FAT32 partition of a master boot record, or from sector 0 on. Null when it
  // is there, else what is wrong.
  const char* mount();

  enum class Found : uint8_t { kYes, kNo, kDamaged };

  // The file with this name, short or long, in the root directory; the case of ASCII letters does not matter.
  Found find(std::string_view name, FatFile* file);

 private:
  friend class FatReader;
  friend class ResolvedFile;

  // The cluster after `cluster`; 0: an error, or the end.
  uint32_t next_cluster(uint32_t cluster);
  bool valid(uint32_t cluster) const { return cluster >= 2 && cluster < clusters_ + 2; }
  uint64_t first_sector(uint32_t cluster) const {
    return data_start_ + uint64_t{cluster - 2} * sectors_per_cluster_;
  }
  // True once `buffer_` holds the sector.
  bool fetch(uint64_t sector);

  BlockDevice& device_;
  uint64_t fat_start_ = 0;   // sector of the first file allocation table
  uint64_t data_start_ = 0;  // sector of cluster 2
  uint32_t sectors_per_cluster_ = 0;
  uint32_t clusters_ = 0;
  uint32_t root_cluster_ = 0;
  uint64_t buffered_ = UINT64_MAX;
  alignas(64) uint8_t buffer_[kSectorBytes] = {};
};

// Reads a file from its start to its end, in whole sectors (but for the last one): neighbouring clusters with
// one transfer.
class FatReader {
 public:
  FatReader(Fat32& volume, const FatFile& file)
      : volume_(volume), file_(file), cluster_(file.first_cluster) {}

  uint32_t left() const { return file_.bytes - offset_; }

  // Leaves out the next `bytes` bytes, a multiple of kSectorBytes. False as read().
  bool skip(uint32_t bytes);

  // Reads the next `bytes` bytes: a multiple of kSectorBytes, or all that is left. False if the card or the
  // file's chain of clusters fails, or the file is shorter.
  bool read(uint8_t* to, uint32_t bytes);

 private:
  Fat32& volume_;
  FatFile file_;
  uint32_t offset_ = 0;
  uint32_t cluster_ = 0;  // that holds offset_; 0 before the chain has been followed that far
};

// A file whose clusters have been looked up once, so that any part of it is read with one look at the card
// for each run of neighbouring clusters that it is in.
class ResolvedFile {
 public:
  static constexpr uint32_t kMostRuns = 256;
  static constexpr uint32_t kMostBytes = 16384;  // of a part

  enum class Resolved : uint8_t { kYes, kDamaged, kScattered };

  // kDamaged: the card or the file's chain of clusters fails; kScattered: it is in more than kMostRuns runs.
  Resolved resolve(Fat32& volume, const FatFile& file);

  // Any `bytes` <= kMostBytes of the file from `offset` on. False if they go beyond it or the card fails.
  bool read(uint32_t offset, uint32_t bytes, uint8_t* to);

 private:
  struct Run {
    uint32_t first_sector_of_file;
    uint64_t sector;  // of the device
  };

  Fat32* volume_ = nullptr;
  uint32_t bytes_ = 0;
  uint32_t runs_ = 0;
  Run run_[kMostRuns] = {};
  alignas(64) uint8_t sectors_[kMostBytes + 2 * kSectorBytes] = {};
};

}  // namespace brim
