// Reads an image: the file is mapped, never written; its structure is validated before anything is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/anonymous_memory.h"
#include "base/mapped_file.h"
#include "base/progress.h"
#include "image/header.h"
#include "image/physical_memory.h"
#include "isa/program.h"

namespace brim {

class MappedImage {
 public:
  // Throws Error naming file and field unless the header is sound and the checksums of the small regions
  // (program, parameters, rope, tokenizer, prompt) are right. `verify` checks those of the large ones.
  explicit MappedImage(const std::filesystem::path& path);

  const std::string& path() const { return path_; }
  const ImageHeader& header() const { return *reinterpret_cast<const ImageHeader*>(file_.bytes().data()); }
  std::span<const RegionEntry> regions() const { return {header().regions, header().region_count}; }
  std::span<const uint8_t> bytes() const { return file_.bytes(); }
  ImageView view(uint16_t model = kMainModel) const { return ImageView(header(), model); }

  // File content of the region; empty if it has none.
  std::span<const uint8_t> content(const RegionEntry& region) const;

  // The tokenizer's tables; empty if there are none.
  std::span<const uint8_t> tokenizer() const;

  // Of a model that the image has.
  Program program(uint16_t model = kMainModel) const;

  // The program to be run. Throws Error, besides, for one that cannot be (isa/check.h) or that the
  // accelerator of the board for which the image was packed does not take: whoever runs an image asks here,
  // so that all refuse the same ones with the same line.
  Program runnable_program(uint16_t model = kMainModel) const;

  // What messages about a model's program begin with: the path, and which model if it is not the main one.
  std::string name_of(uint16_t model) const;

  // Drops the file's pages from this process (they stay in the system's cache), and brings them all in.
  void release() const { file_.release(); }
  void populate() const { file_.populate(); }

  // Computes every region's checksum; throws Error naming the first region that fails, and of weights the
  // page.
  void verify(const Progress& progress = {}) const;

 private:
  void check_region(const RegionEntry& region, uint64_t done, uint64_t total, const Progress& progress) const;

  std::string path_;
  MappedFile file_;
};

// How an image's content gets into memory: kMap maps the file's pages in the page cache, all at once,
// kOnDemand when they are read; kCopy makes a copy of them in anonymous memory, in huge pages where the
// system has them.
enum class Load : uint8_t { kMap, kOnDemand, kCopy };

// The image as the board's memory: file content read-only, everything else (KV cache, logits) anonymous
// zeroed memory of this process, in huge pages where the system has them.
class BoardMemory final : public PhysicalMemory {
 public:
  explicit BoardMemory(const MappedImage& image, Load load = Load::kMap);

  // Bytes must lie inside one region: with content (read), resp. without (write).
  const uint8_t* read(uint64_t address, uint64_t bytes) const override;
  uint8_t* write(uint64_t address, uint64_t bytes) override;

 private:
  const RegionEntry& find(uint64_t address, uint64_t bytes) const;

  const MappedImage& image_;
  AnonymousMemory copy_;  // of the file; empty: its mapping is used
  AnonymousMemory scratch_;
  uint64_t offsets_[kMaxRegions] = {};  // of regions without content in scratch_
};

}  // namespace brim
