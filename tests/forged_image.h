// Images that a stranger could hand us: their checksums are right, their content is not. For tests.
#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>

#include "image/crc32c.h"
#include "tests/small_models.h"

namespace brim::test {

// The file of a small image that can be changed.
class ForgedImage {
 public:
  explicit ForgedImage(const ModelDescription& model, const Board& board = load_board("kv260")) {
    const PackedModel packed(*make_synthetic(model, 1), EmbeddingFormat::kQ8, 64, board);
    original_ = read_file(packed.path());
    reset();
  }

  void reset() { content_ = original_; }

  ImageHeader& header() { return *reinterpret_cast<ImageHeader*>(content_.data()); }

  std::span<char> region(RegionKind kind) {
    for (uint32_t i = 0; i < header().region_count; ++i) {
      const RegionEntry& entry = header().regions[i];
      if (entry.kind == kind) return std::span(content_).subspan(entry.file_offset, entry.file_bytes);
    }
    throw Error("no such region");
  }

  std::span<Instruction> instructions() {
    const auto program = region(RegionKind::kProgram);
    ProgramHeader head;
    std::memcpy(&head, program.data(), sizeof(head));
    return {reinterpret_cast<Instruction*>(program.data() + sizeof(head)), head.instructions};
  }

  // The path of the changed image, its checksums put right.
  std::string write() {
    put_checksums_right();
    // ext4 writes a file that is cut to nothing and filled again to the disk at once: a new one is faster.
    std::filesystem::remove(folder_.path() + "/forged.brim");
    return folder_.write("forged.brim", content_);
  }

 private:
  void put_checksums_right() {
    ImageHeader& h = header();
    for (uint32_t i = 0; i < std::min(h.region_count, kMaxRegions); ++i) {
      RegionEntry& entry = h.regions[i];
      const bool readable =
          entry.file_offset <= content_.size() && entry.file_bytes <= content_.size() - entry.file_offset;
      if (entry.kind == RegionKind::kHeader || !readable) continue;
      entry.crc = crc32c(&content_[entry.file_offset], entry.file_bytes);
    }
    h.crc = header_checksum(content_.data());
  }

  TemporaryFolder folder_;
  std::string original_;
  std::string content_;
};

}  // namespace brim::test
