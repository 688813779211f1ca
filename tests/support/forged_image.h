// Images that a stranger could hand us: their checksums are right, their content is not. For tests.
#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>

#include "base/crc32c.h"
#include "isa/program.h"
#include "tests/support/seal_stream.h"
#include "tests/support/small_models.h"

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
      auto* const content = reinterpret_cast<uint8_t*>(&content_[entry.file_offset]);
      if (entry.kind == RegionKind::kProgram) seal_program(content, entry.file_bytes);
      if (entry.kind == RegionKind::kWeights) seal_stream(content, entry.file_bytes);
      entry.crc = crc32c(&content_[entry.file_offset], entry.file_bytes);
    }
    h.crc = header_checksum(content_.data());
  }

  void seal_program(uint8_t* program, uint64_t bytes) {
    if (bytes < sizeof(ProgramHeader)) return;
    ProgramHeader head;
    std::memcpy(&head, program, sizeof(head));
    head = sealed(head);
    std::memcpy(program, &head, sizeof(head));
    const uint64_t room = (bytes - sizeof(head)) / sizeof(Instruction);
    for (uint32_t i = 0; i < std::min<uint64_t>(head.instructions, room); ++i) {
      uint8_t* const at = program + sizeof(head) + i * sizeof(Instruction);
      Instruction in;
      std::memcpy(&in, at, sizeof(in));
      if (in.opcode == Opcode::kLoad) seal_load(in);
      in = sealed(in, i);
      std::memcpy(at, &in, sizeof(in));
    }
  }

  // A load from the parameters gets the checksum of what is there now; others keep theirs.
  void seal_load(Instruction& in) {
    for (uint32_t i = 0; i < std::min(header().region_count, kMaxRegions); ++i) {
      const RegionEntry& entry = header().regions[i];
      const uint64_t address = uint64_t{in.address} * kBeatBytes, bytes = uint64_t{in.count} * kBeatBytes;
      if (entry.kind != RegionKind::kParameters || !entry.range().contains(address, bytes)) continue;
      const uint64_t offset = entry.file_offset + (address - entry.address);
      if (offset <= content_.size() && bytes <= content_.size() - offset)
        in.address2 = crc32c(&content_[offset], bytes);
    }
  }

  TemporaryFolder folder_;
  std::string original_;
  std::string content_;
};

}  // namespace brim::test
