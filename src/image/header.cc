#include "image/header.h"

#include <string_view>

#include "base/crc32c.h"
#include "tokenizer/printable.h"

namespace brim {

namespace {

template <size_t N>
bool terminated(const char (&text)[N]) {
  for (char c : text) {
    if (c == '\0') return true;
  }
  return false;
}

// Of a terminated text. Names are printed as they are, on a board's console, too.
bool printable(const char* text) { return is_printable(std::string_view(text)); }

bool in_memory(const ImageHeader& header, const RegionEntry& region) {
  for (uint32_t i = 0; i < header.memory_count; ++i) {
    if (header.memory[i].contains(region.range())) return true;
  }
  return false;
}

// An embedding on the card: rows in the file for all tokens, slots in memory for two passes.
const char* check_slots(const ImageHeader& header, const RegionEntry& region) {
  if (region.kind != RegionKind::kEmbedding || region.model != kMainModel)
    return "a region's file size differs from its size";
  if (header.model.dim > kMaxDim) return "the model's dim is out of range";
  const uint64_t row = embedding_row_bytes(header.model.embedding, header.model.dim);
  if (region.file_bytes < header.model.vocabulary * row) return "the embedding's rows are fewer than tokens";
  if (region.bytes < uint64_t{2} * header.tokens_per_pass * row || region.bytes > region.file_bytes)
    return "the embedding's slots in memory are too few or too many";
  return nullptr;
}

const char* check_region(const ImageHeader& header, uint32_t index, uint64_t file_bytes) {
  const RegionEntry& region = header.regions[index];
  const auto kind = static_cast<uint32_t>(region.kind);
  if (kind < 1 || kind > static_cast<uint32_t>(RegionKind::kPrompt)) return "a region has an unknown kind";
  if (region.model >= header.models()) return "a region is of a model that the image does not have";
  const bool shared = region.kind == RegionKind::kHeader || region.kind == RegionKind::kTokenizer ||
                      region.kind == RegionKind::kReserved || region.kind == RegionKind::kPrompt;
  if (shared && region.model != kMainModel) return "a region of all models is one of the draft model";
  if (!terminated(region.name)) return "a region's name is not terminated";
  if (!printable(region.name)) return "a region's name has control characters";
  const bool in_file_alone = region.kind == RegionKind::kPrompt;
  if (in_file_alone) {
    if (region.address != 0 || region.bytes != 0) return "a prompt's region has a place in memory";
  } else {
    if (region.bytes == 0) return "a region is empty";
    if (region.address % kPageBytes != 0) return "a region's address is not page-aligned";
    if (!in_memory(header, region)) return "a region lies outside the board's memory";
  }
  const bool has_content = region.kind <= RegionKind::kWeights || in_file_alone;
  if (has_content != (region.file_bytes != 0))
    return "a region has content where its kind has none, or none where it has";
  if (has_content) {
    if (region.on_card()) {
      if (const char* problem = check_slots(header, region)) return problem;
    }
    if (region.file_offset % kPageBytes != 0) return "a region's file offset is not page-aligned";
    if (!AddressRange{0, file_bytes}.contains(region.file_offset, region.file_bytes))
      return "a region lies outside the file";
  }
  const bool repeatable = region.kind == RegionKind::kWeights || region.kind == RegionKind::kKv;
  for (uint32_t i = 0; i < index; ++i) {
    const RegionEntry& other = header.regions[i];
    if (region.kind == other.kind && region.model == other.model && !repeatable)
      return "two regions are of a kind of which there is one";
    if (region.range().overlaps(other.range())) return "regions overlap in memory";
    const AddressRange in_file{region.file_offset, region.file_bytes};
    if (in_file.overlaps({other.file_offset, other.file_bytes})) {
      return "regions overlap in the file";
    }
  }
  return nullptr;
}

// The first region of this kind of a model; null if there is none.
const RegionEntry* find_region(const ImageHeader& header, RegionKind kind, uint16_t model) {
  for (uint32_t i = 0; i < header.region_count; ++i) {
    if (header.regions[i].kind == kind && header.regions[i].model == model) return &header.regions[i];
  }
  return nullptr;
}

// The regions without which there is nothing to read or to run.
const char* check_presence(const ImageHeader& header) {
  struct Needed {
    RegionKind kind;
    const char* missing;
  };
  constexpr Needed kNeeded[] = {{RegionKind::kHeader, "regions has no entry for the header"},
                                {RegionKind::kProgram, "regions has no entry for the program"},
                                {RegionKind::kParameters, "regions has no entry for the parameters"},
                                {RegionKind::kRope, "regions has no entry for the rope table"},
                                {RegionKind::kEmbedding, "regions has no entry for the embedding"},
                                {RegionKind::kWeights, "regions has no entry for the weights"},
                                {RegionKind::kKvScales, "regions has no entry for the KV cache's scales"},
                                {RegionKind::kKv, "regions has no entry for the KV cache"},
                                {RegionKind::kLogits, "regions has no entry for the logits"}};
  for (const Needed& needed : kNeeded) {
    if (find_region(header, needed.kind, kMainModel) == nullptr) return needed.missing;
    if (header.has_draft() && needed.kind != RegionKind::kHeader &&
        find_region(header, needed.kind, kDraftModel) == nullptr) {
      return "regions lacks one of the draft model's";
    }
  }
  const RegionEntry& self = *find_region(header, RegionKind::kHeader, kMainModel);
  if (self.file_offset != 0) return "the header's region is not where the file begins";
  return nullptr;
}

const char* check_known_pass(const KnownPass& known, uint32_t context, uint32_t vocabulary) {
  if (known.tokens > kMaxKnownTokens) return "known_pass has too many tokens";
  if (known.tokens > context) return "known_pass has more tokens than the context";
  for (uint32_t i = 0; i < kMaxKnownTokens; ++i) {
    if (i < known.tokens && known.ids[i] >= vocabulary)
      return "known_pass has a token id beyond the vocabulary";
    if (i >= known.tokens && known.ids[i] != 0) return "known_pass has more ids than tokens";
  }
  if (known.tokens == 0 && known.logits_crc != 0) return "known_pass has a checksum and no tokens";
  return nullptr;
}

const char* check_model(const ImageModel& model) {
  if (!terminated(model.name)) return "the model's name is not terminated";
  if (!terminated(model.quantiser)) return "the quantiser's name is not terminated";
  if (!printable(model.name)) return "the model's name has control characters";
  if (!printable(model.quantiser)) return "the quantiser's name has control characters";
  if (static_cast<uint32_t>(model.embedding) > 2) return "the embedding format is unknown";
  return nullptr;
}

}  // namespace

uint32_t header_checksum(const void* page) {
  constexpr size_t kField = offsetof(ImageHeader, crc);
  constexpr uint8_t kZero[sizeof(ImageHeader::crc)] = {};
  const auto* bytes = static_cast<const uint8_t*>(page);
  uint32_t crc = crc32c(bytes, kField);
  crc = crc32c(kZero, sizeof(kZero), crc);
  return crc32c(bytes + kField + sizeof(kZero), kImageHeaderBytes - kField - sizeof(kZero), crc);
}

const char* check_header(const void* page, uint64_t file_bytes) {
  const auto& header = *static_cast<const ImageHeader*>(page);
  for (size_t i = 0; i < sizeof(kImageMagic); ++i) {
    if (header.magic[i] != kImageMagic[i]) return "it is no Brim image (wrong magic)";
  }
  if (header.version != kImageVersion)
    return "its format version is not the one this brim reads; pack the model again";
  if (header.crc != header_checksum(page)) return "the header's checksum is wrong";
  if (header.file_bytes != file_bytes) return "the file's size is not the one in the header (truncated?)";
  if (header.memory_count == 0 || header.memory_count > kMaxMemoryRegions)
    return "memory_count is out of range";
  for (uint32_t i = 0; i < header.memory_count; ++i) {
    if (header.memory[i].bytes > ~header.memory[i].base) return "a memory range is out of range";
  }
  if (header.region_count == 0 || header.region_count > kMaxRegions) return "region_count is out of range";
  if (!terminated(header.board)) return "the board's name is not terminated";
  if (!printable(header.board)) return "the board's name has control characters";
  if (const char* problem = check_model(header.model)) return problem;
  if (const char* problem = check_model(header.draft)) return problem;
  for (uint32_t i = 0; i < header.region_count; ++i) {
    if (const char* problem = check_region(header, i, file_bytes)) return problem;
  }
  if (const char* problem = check_presence(header)) return problem;
  return check_known_pass(header.known_pass, header.context, header.model.vocabulary);
}

ImageView::ImageView(const ImageHeader& image, uint16_t model)
    : header(*find_region(image, RegionKind::kHeader, kMainModel)),
      program(*find_region(image, RegionKind::kProgram, model)),
      parameters(*find_region(image, RegionKind::kParameters, model)),
      rope(*find_region(image, RegionKind::kRope, model)),
      embedding(*find_region(image, RegionKind::kEmbedding, model)),
      weights(*find_region(image, RegionKind::kWeights, model)),
      kv_scales(*find_region(image, RegionKind::kKvScales, model)),
      logits(*find_region(image, RegionKind::kLogits, model)),
      tokenizer(find_region(image, RegionKind::kTokenizer, kMainModel)),
      prompt(find_region(image, RegionKind::kPrompt, kMainModel)) {}

}  // namespace brim
