#include "firmware/embedding_rows.h"

#include <algorithm>

#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/timer.h"

namespace brim {

bool EmbeddingRows::attach(const ImageHeader& image, Fat32* volume) {
  const RegionEntry& embedding = ImageView(image).embedding;
  if (!embedding.on_card()) return true;
  const auto fail = [](std::string_view why) {
    print("Error: ", std::string_view(kRowsName), " with the rows of the embedding ", why, "\n");
    return false;
  };
  FatFile file;
  if (volume == nullptr) return fail("is wanted, and there is no card. Put the card back.");
  if (volume->find(kRowsName, &file) != Fat32::Found::kYes)
    return fail("is not on the card. Copy all files that `brim export` writes.");
  if (file.bytes != embedding.file_bytes)
    return fail("has a wrong size: it is truncated or of another image. Copy the image to the card again.");
  switch (file_.resolve(*volume, file)) {
    case ResolvedFile::Resolved::kYes:
      break;
    case ResolvedFile::Resolved::kDamaged:
      return fail("cannot be read. Check the card, or copy the image to it again.");
    case ResolvedFile::Resolved::kScattered:
      return fail("is in too many pieces. Format the card and copy the image to it again.");
  }
  row_bytes_ = embedding_row_bytes(image.model.embedding, image.model.dim);
  if (row_bytes_ > ResolvedFile::kMostBytes) return fail("has rows that are too long.");
  vocabulary_ = image.model.vocabulary;
  address_ = embedding.address;
  slots_ = static_cast<uint32_t>(embedding.bytes / row_bytes_);
  for (uint32_t i = 0; i < kMostTokens; ++i) {
    halves_[0].slots[i] = i;
    halves_[1].slots[i] = tokens_of_half() + i;
  }
  return true;
}

bool EmbeddingRows::read(Half& half, std::span<const uint32_t> tokens) {
  half.count = 0;
  for (const uint32_t token : tokens) {
    auto* slot = reinterpret_cast<uint8_t*>(address_ + uint64_t{half.slots[half.count]} * row_bytes_);
    const uint64_t offset = uint64_t{token} * row_bytes_;
    if (token >= vocabulary_ || !file_.read(static_cast<uint32_t>(offset), row_bytes_, slot)) return false;
    clean_cache(slot, row_bytes_);  // the accelerator reads it in memory
    half.tokens[half.count++] = token;
    ++counts_.rows;
  }
  return true;
}

std::span<const uint32_t> EmbeddingRows::fetch(std::span<const uint32_t> tokens) {
  Half& half = halves_[next_];
  next_ = 1 - next_;
  const bool there = tokens.size() <= half.count && std::equal(tokens.begin(), tokens.end(), half.tokens);
  if (!there) {
    const double start = seconds_now();
    if (!read(half, tokens)) {
      half.count = 0;
      print("\nError: the rows of the embedding cannot be read from the card (", std::string_view(kRowsName),
            "). Check the card.\n");
      return {};
    }
    counts_.seconds += seconds_now() - start;
  }
  half.count = 0;  // they serve one pass
  return {half.slots, tokens.size()};
}

void EmbeddingRows::prepare(std::span<const uint32_t> tokens) {
  if (tokens.size() <= tokens_of_half()) read(halves_[next_], tokens);
}

}  // namespace brim
