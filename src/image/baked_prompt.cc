#include "image/baked_prompt.h"

#include <algorithm>
#include <cstring>

#include "base/concat.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "image/output_file.h"
#include "isa/kv_ranges.h"

namespace brim {

namespace {

// Takes a region's content apart, piece by piece.
class Pieces {
 public:
  explicit Pieces(std::span<const uint8_t> bytes) : rest_(bytes) {}

  // The next `bytes` bytes; what fills their last sector is left out. Throws Error where there are not so
  // many.
  std::span<const uint8_t> take(uint64_t bytes) {
    if (bytes > rest_.size() || in_prompt(bytes) > rest_.size()) throw Error("it is too short");
    const auto piece = rest_.first(bytes);
    rest_ = rest_.subspan(in_prompt(bytes));
    return piece;
  }

  template <typename T>
  T take() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

 private:
  std::span<const uint8_t> rest_;
};

BakedPrompt parse(const MappedImage& image, std::span<const uint8_t> content) {
  Pieces pieces(content);
  const auto head = pieces.take<PromptHead>();
  if (const char* problem = check_prompt(head, image.header())) throw Error(problem);
  BakedPrompt prompt{.kind = head.kind, .text = {}, .tokens = {}, .cache = {}};
  const auto ids = pieces.take(uint64_t{head.tokens} * sizeof(uint32_t));
  prompt.tokens.resize(head.tokens);
  std::memcpy(prompt.tokens.data(), ids.data(), ids.size());
  const auto beyond = [&](uint32_t id) { return id >= image.header().model.vocabulary; };
  if (std::ranges::any_of(prompt.tokens, beyond)) throw Error("it has a token beyond the vocabulary");
  const auto text = pieces.take(head.text_bytes);
  prompt.text.assign(reinterpret_cast<const char*>(text.data()), text.size());

  const auto ranges = kv_ranges(image.runnable_program(), head.tokens);
  if (head.parts != ranges.size()) throw Error("it is of another program");
  for (const AddressRange& range : ranges) {
    const auto part = pieces.take<PromptPart>();
    if (part.address != range.base || part.bytes != range.bytes || !in_cache(part, image.header()))
      throw Error("it is of another program");
    prompt.cache.push_back(pieces.take(part.bytes));
  }
  return prompt;
}

// Writes pieces one after the other, each from the start of a sector.
class PieceWriter {
 public:
  PieceWriter(OutputFile& file, uint64_t offset) : file_(file), start_(offset), at_(offset) {}

  void put(std::span<const uint8_t> bytes) {
    static constexpr uint8_t kZeros[kPageBytes] = {};
    append(bytes);
    append({kZeros, in_prompt(bytes.size()) - bytes.size()});
  }
  template <typename T>
  void put(const T& value) {
    put({reinterpret_cast<const uint8_t*>(&value), sizeof(T)});
  }
  void fill_page() {
    static constexpr uint8_t kZeros[kPageBytes] = {};
    append({kZeros, (kPageBytes - bytes() % kPageBytes) % kPageBytes});
  }

  uint64_t bytes() const { return at_ - start_; }
  uint32_t crc() const { return crc_; }

 private:
  void append(std::span<const uint8_t> bytes) {
    file_.write(at_, bytes);
    crc_ = crc32c(bytes.data(), bytes.size(), crc_);
    at_ += bytes.size();
  }

  OutputFile& file_;
  const uint64_t start_;
  uint64_t at_;
  uint32_t crc_ = 0;
};

}  // namespace

std::optional<BakedPrompt> baked_prompt(const MappedImage& image) {
  const RegionEntry* region = image.view().prompt;
  if (region == nullptr) return std::nullopt;
  try {
    return parse(image, image.content(*region));
  } catch (const Error& error) {
    throw Error(concat(image.path(), ": the baked prompt cannot be used: ", error.what(), "; bake it again"));
  }
}

void write_with_prompt(const MappedImage& image, const BakedPrompt& prompt,
                       const std::filesystem::path& path) {
  alignas(ImageHeader) uint8_t page[kImageHeaderBytes];
  std::memcpy(page, image.bytes().data(), sizeof(page));
  auto& header = *reinterpret_cast<ImageHeader*>(page);
  uint64_t end = image.bytes().size();
  if (const RegionEntry* earlier = image.view().prompt; earlier != nullptr) {
    if (earlier != &image.regions().back() || earlier->file_offset + earlier->file_bytes != end)
      throw Error(image.path() + ": its prompt is not the end of the file; pack the model again");
    end = earlier->file_offset;
    header.regions[--header.region_count] = {};
  }
  if (header.region_count == kMaxRegions) {
    throw Error(
        concat(image.path(), ": has ", kMaxRegions, " regions, and there is no room for another one"));
  }

  OutputFile file(path, 0);
  constexpr uint64_t kStep = 16 << 20;
  for (uint64_t at = 0; at < end; at += kStep)
    file.write(at, image.bytes().subspan(at, std::min(kStep, end - at)));
  const auto ranges = kv_ranges(image.runnable_program(), static_cast<uint32_t>(prompt.tokens.size()));
  PieceWriter writer(file, end);
  writer.put(PromptHead{.kind = prompt.kind,
                        .tokens = static_cast<uint32_t>(prompt.tokens.size()),
                        .text_bytes = static_cast<uint32_t>(prompt.text.size()),
                        .parts = static_cast<uint32_t>(ranges.size())});
  writer.put(std::span(reinterpret_cast<const uint8_t*>(prompt.tokens.data()),
                       prompt.tokens.size() * sizeof(uint32_t)));
  writer.put(std::span(reinterpret_cast<const uint8_t*>(prompt.text.data()), prompt.text.size()));
  for (size_t i = 0; i < ranges.size(); ++i) {
    writer.put(PromptPart{.address = ranges[i].base, .bytes = ranges[i].bytes});
    writer.put(prompt.cache[i]);
  }
  writer.fill_page();

  header.regions[header.region_count++] = {.kind = RegionKind::kPrompt,
                                           .model = kMainModel,
                                           .crc = writer.crc(),
                                           .address = 0,
                                           .bytes = 0,
                                           .file_offset = end,
                                           .file_bytes = writer.bytes(),
                                           .name = "prompt"};
  header.file_bytes = end + writer.bytes();
  header.crc = header_checksum(page);
  file.write(0, page);
  file.commit();
}

}  // namespace brim
