#include "firmware/baked_prompt.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "firmware/cache.h"
#include "firmware/console.h"
#include "firmware/timer.h"
#include "image/prompt_region.h"

namespace brim {

static_assert(kPromptAlignment == kSectorBytes);

// The region piece by piece. A piece whose rest is not wanted is passed over.
class BakedPrompt::Reader {
 public:
  Reader(Fat32& volume, const FatFile& file) : reader_(volume, file) {}

  // The next `bytes` bytes, of which the first `wanted` go to `to`. False if the card fails or has no more.
  bool take(uint64_t bytes, uint8_t* to, uint64_t wanted) {
    for (uint64_t done = 0; done < bytes;) {
      const uint64_t part = std::min(kStep, bytes - done);
      const uint64_t direct =
          done >= wanted ? 0 : std::min(part, wanted - done) / kSectorBytes * kSectorBytes;
      if (direct > 0) {
        if (!read(to + done, direct)) return false;
        done += direct;
        continue;
      }
      if (!read(sector_, kSectorBytes)) return false;
      const uint64_t here = std::min<uint64_t>(kSectorBytes, bytes - done);
      if (done < wanted) std::memcpy(to + done, sector_, std::min(here, wanted - done));
      done += here;
    }
    return true;
  }
  template <typename T>
  bool take(T& value) {
    return take(sizeof(T), reinterpret_cast<uint8_t*>(&value), sizeof(T));
  }

  // What fills the last page.
  bool finish() {
    while (reader_.left() > 0) {
      if (!read(sector_, kSectorBytes)) return false;
    }
    return true;
  }

  uint32_t crc() const { return crc_; }

 private:
  static constexpr uint64_t kStep = 1 << 20;

  bool read(uint8_t* to, uint64_t bytes) {
    if (bytes > reader_.left() || !reader_.read(to, static_cast<uint32_t>(bytes))) return false;
    crc_ = crc32c(to, bytes, crc_);
    console::poll();
    return true;
  }

  FatReader reader_;
  uint32_t crc_ = 0;
  alignas(kCacheLine) uint8_t sector_[kSectorBytes] = {};
};

bool BakedPrompt::load(const ImageHeader& image, Fat32* volume) {
  const RegionEntry* region = ImageView(image).prompt;
  if (region == nullptr) return true;
  const auto fail = [](std::string_view why) {
    print("Error: ", std::string_view(kPromptName), " with the baked prompt ", why, "\n");
    return false;
  };
  FatFile file;
  if (volume == nullptr) return fail("is wanted, and there is no card. Put the card back.");
  if (volume->find(kPromptName, &file) != Fat32::Found::kYes)
    return fail("is not on the card. Copy all files that `brim export` writes.");
  if (file.bytes != region->file_bytes)
    return fail("has a wrong size: it is truncated or of another image. Copy the image to the card again.");
  const double start = seconds_now();
  Reader reader(*volume, file);
  if (const char* problem = read(reader, image)) return fail(problem);
  if (!reader.finish()) return fail("cannot be read. Check the card, or copy the image to it again.");
  if (reader.crc() != region->crc)
    return fail("has a wrong checksum. Copy the image to the card again, or try another card.");
  print("Prompt: ", count_, " tokens stand in the KV cache already, ",
        Fixed{static_cast<double>(file.bytes) / (1 << 20), 1}, " MiB read in ",
        Fixed{seconds_now() - start, 2}, " s.\n");
  return true;
}

// Null, or what is wrong.
const char* BakedPrompt::read(Reader& reader, const ImageHeader& image) {
  constexpr const char* kUnreadable = "cannot be read. Check the card, or copy the image to it again.";
  PromptHead head = {};
  if (!reader.take(head)) return kUnreadable;
  if (check_prompt(head, image) != nullptr) return "is malformed. Bake it again.";
  const bool system = head.kind == PromptKind::kSystem;
  if (system && head.text_bytes > kMostText) return "is too long for this firmware. Bake a shorter one.";

  count_ = std::min(head.tokens, kMostTokens);
  if (!reader.take(uint64_t{head.tokens} * sizeof(uint32_t), reinterpret_cast<uint8_t*>(tokens_),
                   uint64_t{count_} * sizeof(uint32_t)))
    return kUnreadable;
  text_bytes_ = system ? head.text_bytes : 0;
  if (!reader.take(head.text_bytes, reinterpret_cast<uint8_t*>(text_), text_bytes_)) return kUnreadable;
  for (uint32_t i = 0; i < head.parts; ++i) {
    PromptPart part = {};
    if (!reader.take(part)) return kUnreadable;
    const auto model = model_of(part, image);
    if (!model) return "goes beyond the KV cache. Bake it again.";
    with_draft_ = with_draft_ || *model == kDraftModel;
    auto* const to = reinterpret_cast<uint8_t*>(part.address);
    if (!reader.take(part.bytes, to, part.bytes)) return kUnreadable;
    clean_cache(to, part.bytes);  // the accelerator reads it in memory
  }
  return nullptr;
}

}  // namespace brim
