#include "image/mapped_image.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "compile/board_limits.h"
#include "isa/check.h"
#include "isa/damage.h"
#include "isa/stream_checks.h"

namespace brim {

namespace {

bool is_large(RegionKind kind) { return kind == RegionKind::kWeights || kind == RegionKind::kEmbedding; }

bool is_scratch(const RegionEntry& region) {
  return !region.has_content() && region.kind != RegionKind::kReserved;
}

// Where in the weights the first wrong checksum of a page is, for people.
std::string damaged_page(std::span<const uint8_t> stream, uint64_t address) {
  const uint8_t* metadata = nullptr;
  for (uint64_t offset = 0; offset < stream.size(); offset += kPageBytes) {
    const uint8_t* const page = &stream[offset];
    const uint64_t in_chunk = offset / kPageBytes % (kPagesPerChunk + 1);
    if (in_chunk == 0) metadata = page;
    if (in_chunk == 0 ? metadata_is_sound(page) : page_is_sound(metadata, in_chunk - 1, page)) continue;
    return concat(", first in the page at address 0x", std::hex, address + offset);
  }
  return {};
}

LargestModel largest_model(const ImageHeader& header) {
  const ImageLargestModel& said = header.largest_model;
  const LargestModel rtl;
  const auto or_rtl = [](uint32_t value, uint32_t most) { return value != 0 ? value : most; };
  return {.dim = or_rtl(said.dim, rtl.dim),
          .hidden = or_rtl(said.hidden, rtl.hidden),
          .heads = or_rtl(said.heads, rtl.heads),
          .kv_heads = or_rtl(said.kv_heads, rtl.kv_heads),
          .heads_per_kv = or_rtl(said.heads_per_kv, rtl.heads_per_kv),
          .head_size = or_rtl(header.largest_head_size, rtl.head_size)};
}

// Of what was given in an image's place, most often a checkpoint.
Error no_image(const std::string& path, const char* what) {
  return Error(concat(path, ": is ", what,
                      ", no Brim image; if it is a model, make an image of it: brim pack ", path,
                      " -o FILE"));
}

const std::filesystem::path& refuse_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw no_image(path.string(), "a folder");
  return path;
}

}  // namespace

MappedImage::MappedImage(const std::filesystem::path& path)
    : path_(path.string()), file_(refuse_folder(path)) {
  const auto bytes = file_.bytes();
  if (bytes.size() >= sizeof kImageMagic && std::memcmp(bytes.data(), kImageMagic, sizeof kImageMagic) != 0)
    throw no_image(path_, "a file of another kind");
  const auto refuse = [&](const std::string& why) -> void {
    throw Error(path_ + ": " + why + "; pack the model again or copy the image again");
  };
  if (bytes.size() < kImageHeaderBytes) refuse("too short for an image header");
  if (const char* problem = check_header(bytes.data(), bytes.size())) refuse(problem);
  for (const RegionEntry& region : regions()) {
    if (!is_large(region.kind)) check_region(region, 0, 0, {});
  }
}

std::span<const uint8_t> MappedImage::content(const RegionEntry& region) const {
  return file_.bytes().subspan(region.file_offset, region.file_bytes);
}

std::span<const uint8_t> MappedImage::tokenizer() const {
  const RegionEntry* region = view().tokenizer;
  return region != nullptr ? content(*region) : std::span<const uint8_t>();
}

std::string MappedImage::name_of(uint16_t model) const {
  return model == kMainModel ? path_ : path_ + ", draft model";
}

Program MappedImage::program(uint16_t model) const {
  const RegionEntry& region = view(model).program;
  try {
    return read_program(content(region), region.address);
  } catch (const DamageError& error) {
    throw DamageError(name_of(model), error.damage());
  } catch (const Error& error) {
    throw Error(name_of(model) + ": " + error.what());
  }
}

Program MappedImage::runnable_program(uint16_t model) const {
  Program program = this->program(model);
  check_program(name_of(model), program);
  refuse_excess(name_of(model), excess_of(program.header, largest_model(header())),
                concat("the accelerator of board ", header().board));
  return program;
}

void MappedImage::check_region(const RegionEntry& region, uint64_t done, uint64_t total,
                               const Progress& progress) const {
  if (region.kind == RegionKind::kHeader || region.file_bytes == 0) return;
  constexpr uint64_t kStep = 16 << 20;
  uint32_t crc = 0;
  const auto bytes = content(region);
  for (uint64_t offset = 0; offset < bytes.size(); offset += kStep) {
    const auto part = bytes.subspan(offset, std::min<uint64_t>(kStep, bytes.size() - offset));
    crc = crc32c(part.data(), part.size(), crc);
    if (progress) progress(done + offset + part.size(), total);
  }
  if (crc != region.crc) {
    throw Error(concat(path_, ": the checksum of region ", region.name, " is wrong",
                       region.kind == RegionKind::kWeights ? damaged_page(bytes, region.address) : "",
                       "; pack the model again or copy the image again"));
  }
}

void MappedImage::verify(const Progress& progress) const {
  uint64_t total = 0;
  for (const RegionEntry& region : regions()) total += region.file_bytes;
  uint64_t done = 0;
  for (const RegionEntry& region : regions()) {
    check_region(region, done, total, progress);
    done += region.file_bytes;
  }
}

BoardMemory::BoardMemory(const MappedImage& image, Load load) : image_(image) {
  const auto regions = image.regions();
  uint64_t scratch_bytes = 0;
  for (size_t i = 0; i < regions.size(); ++i) {
    if (!is_scratch(regions[i])) continue;
    offsets_[i] = scratch_bytes;
    scratch_bytes += regions[i].bytes;
  }
  try {
    scratch_ = AnonymousMemory(scratch_bytes);
  } catch (const Error& error) {
    throw Error("KV cache: " + std::string(error.what()) + "; pack with a smaller --context");
  }
  if (load == Load::kMap) image.populate();
  if (load != Load::kCopy) return;
  try {
    copy_ = AnonymousMemory(image.bytes().size());
  } catch (const Error& error) {
    throw Error("copy of " + image.path() + ": " + error.what() + "; use --weights map");
  }
  // In parts whose mapped pages are dropped again, so that there are never two copies in this process.
  constexpr uint64_t kPart = 32 << 20;
  for (uint64_t offset = 0; offset < copy_.bytes().size(); offset += kPart) {
    const uint64_t bytes = std::min<uint64_t>(kPart, copy_.bytes().size() - offset);
    std::memcpy(copy_.bytes().data() + offset, image.bytes().data() + offset, bytes);
    image.release();
  }
}

const RegionEntry& BoardMemory::find(uint64_t address, uint64_t bytes) const {
  for (const RegionEntry& region : image_.regions()) {
    if (region.range().contains(address, bytes)) return region;
  }
  throw Error(image_.path() + ": the program refers to memory outside every region; pack the model again");
}

const uint8_t* BoardMemory::read(uint64_t address, uint64_t bytes) const {
  const std::span<const uint8_t> file = copy_.bytes().empty() ? image_.bytes() : copy_.bytes();
  const RegionEntry& embedding = image_.view().embedding;
  // The table of all rows, which on this machine need not be brought into slots.
  if (embedding.on_card() && address == embedding.address && bytes > embedding.bytes &&
      bytes <= embedding.file_bytes) {
    return file.data() + embedding.file_offset;
  }
  const RegionEntry& region = find(address, bytes);
  if (!region.has_content())
    throw Error(image_.path() + ": the program reads weights from region " + region.name);
  return file.data() + region.file_offset + (address - region.address);
}

uint8_t* BoardMemory::write(uint64_t address, uint64_t bytes) {
  const RegionEntry& region = find(address, bytes);
  if (!is_scratch(region)) throw Error(image_.path() + ": the program writes to region " + region.name);
  return scratch_.bytes().data() + offsets_[&region - image_.regions().data()] + (address - region.address);
}

}  // namespace brim
