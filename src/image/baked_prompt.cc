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

// Where K and V of a prompt of so many tokens stand, in the model's cache and in the draft model's; nowhere
// in that where it is shorter.
struct Ranges {
  Ranges(const MappedImage& image, uint32_t tokens) : main(kv_ranges(image.runnable_program(), tokens)) {
    if (!image.header().has_draft()) return;
    const Program program = image.runnable_program(kDraftModel);
    if (tokens <= program.header.context) draft = kv_ranges(program, tokens);
  }

  std::vector<AddressRange> main, draft;
};

BakedPrompt parse(const MappedImage& image, std::span<const uint8_t> content) {
  Pieces pieces(content);
  const auto head = pieces.take<PromptHead>();
  if (const char* problem = check_prompt(head, image.header())) throw Error(problem);
  BakedPrompt prompt{.kind = head.kind, .text = {}, .tokens = {}, .cache = {}, .draft_cache = {}};
  const auto ids = pieces.take(uint64_t{head.tokens} * sizeof(uint32_t));
  prompt.tokens.resize(head.tokens);
  std::memcpy(prompt.tokens.data(), ids.data(), ids.size());
  const auto beyond = [&](uint32_t id) { return id >= image.header().model.vocabulary; };
  if (std::ranges::any_of(prompt.tokens, beyond)) throw Error("it has a token beyond the vocabulary");
  const auto text = pieces.take(head.text_bytes);
  prompt.text.assign(reinterpret_cast<const char*>(text.data()), text.size());

  const Ranges ranges(image, head.tokens);
  const bool with_draft = head.parts != ranges.main.size();
  if (with_draft && head.parts != ranges.main.size() + ranges.draft.size())
    throw Error("it is of another program");
  const auto take = [&](uint16_t model, const std::vector<AddressRange>& of_model, auto& cache) {
    for (const AddressRange& range : of_model) {
      const auto part = pieces.take<PromptPart>();
      if (part.address != range.base || part.bytes != range.bytes || model_of(part, image.header()) != model)
        throw Error("it is of another program");
      cache.push_back(pieces.take(part.bytes));
    }
  };
  take(kMainModel, ranges.main, prompt.cache);
  if (with_draft) take(kDraftModel, ranges.draft, prompt.draft_cache);
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
  const Ranges ranges(image, static_cast<uint32_t>(prompt.tokens.size()));
  PieceWriter writer(file, end);
  writer.put(PromptHead{.kind = prompt.kind,
                        .tokens = static_cast<uint32_t>(prompt.tokens.size()),
                        .text_bytes = static_cast<uint32_t>(prompt.text.size()),
                        .parts = static_cast<uint32_t>(prompt.cache.size() + prompt.draft_cache.size())});
  writer.put(std::span(reinterpret_cast<const uint8_t*>(prompt.tokens.data()),
                       prompt.tokens.size() * sizeof(uint32_t)));
  writer.put(std::span(reinterpret_cast<const uint8_t*>(prompt.text.data()), prompt.text.size()));
  const auto put = [&](const std::vector<AddressRange>& of_model, const auto& cache) {
    for (size_t i = 0; i < cache.size(); ++i) {
      writer.put(PromptPart{.address = of_model[i].base, .bytes = of_model[i].bytes});
      writer.put(cache[i]);
    }
  };
  put(ranges.main, prompt.cache);
  put(ranges.draft, prompt.draft_cache);
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
