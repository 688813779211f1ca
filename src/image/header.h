// The first page of an image: what it holds and where. Freestanding: the firmware reads it too.
// docs/image-format.md describes every field.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address_range.h"
#include "isa/regions.h"

namespace brim {

inline constexpr char kImageMagic[8] = {'B', 'R', 'I', 'M', 'I', 'M', 'G', '\0'};
inline constexpr uint32_t kImageVersion = 2;
inline constexpr uint32_t kMaxRegions = 64;

// The files that the image is cut into for an SD card, one for each memory that holds some of it.
inline constexpr const char* kPartNames[kMaxMemoryRegions] = {"brim.img", "brim1.img", "brim2.img",
                                                              "brim3.img"};

// The file with the rows of an embedding that stays on the card.
inline constexpr const char* kRowsName = "brimrows.img";

// The file with a prompt that was run already (image/prompt_region.h).
inline constexpr const char* kPromptName = "brimkv.img";

// The models of an image: the one that it is of, and one with the same tokens that drafts for it.
inline constexpr uint16_t kMainModel = 0;
inline constexpr uint16_t kDraftModel = 1;
inline constexpr uint16_t kMaxModels = 2;

// One contiguous range of physical memory. Regions with content have it at file_offset; the others
// (file_bytes = 0) start as zeros. A prompt has no memory of its own (address = bytes = 0): it goes into the
// KV cache.
struct RegionEntry {
  RegionKind kind;
  uint16_t model;    // of the image: kMainModel, kDraftModel
  uint32_t crc;      // CRC-32C of the content; 0 for the header's own entry and for no content
  uint64_t address;  // physical, page-aligned
  uint64_t bytes;
  uint64_t file_offset;  // page-aligned
  uint64_t file_bytes;   // 0 or `bytes`, but for an embedding on the card and a prompt
  char name[24];         // zero-terminated

  AddressRange range() const { return {address, bytes}; }
  // An embedding whose rows are in the file alone: memory has slots for those of two passes.
  bool on_card() const { return bytes != 0 && file_bytes != 0 && file_bytes != bytes; }
  // What stands there when the board starts; else it starts as zeros.
  bool has_content() const { return bytes != 0 && file_bytes == bytes; }
};
static_assert(sizeof(RegionEntry) == 64);

// The model's sizes, for people and for checking; executors take theirs from the program.
struct ImageModel {
  char name[64];  // zero-terminated
  uint32_t dim, layers, heads, kv_heads, head_size, hidden, vocabulary, trained_context;
  float norm_eps;
  uint32_t flags;  // kModel...
  EmbeddingFormat embedding;
  uint8_t padding[7];
  char quantiser[16];  // zero-terminated: "rtn", "awq"
};
static_assert(sizeof(ImageModel) == 128);

inline constexpr uint32_t kModelTied = 1;
inline constexpr uint32_t kModelQkvBias = 2;
inline constexpr uint32_t kModelQkNorm = 4;
inline constexpr uint32_t kModelNormAllHeads = 8;
inline constexpr uint32_t kModelNoPreNorm = 16;
inline constexpr uint32_t kModelPostNorm = 32;

// Tokens at position 0 of an empty cache, and what the last one's logits are: they were computed when the
// image was packed, and by the arithmetic's contract every executor gives the same bits.
inline constexpr uint32_t kMaxKnownTokens = 8;
struct KnownPass {
  uint32_t tokens;      // 0: the image has none
  uint32_t logits_crc;  // CRC-32C of the logits, FP32
  uint32_t ids[kMaxKnownTokens];
};
static_assert(sizeof(KnownPass) == 40);

// The largest model that the accelerator of the image's board takes; 0: as the RTL, isa/accelerator_limits.h.
struct ImageLargestModel {
  uint32_t dim, hidden, heads, kv_heads, heads_per_kv;
};
static_assert(sizeof(ImageLargestModel) == 20);

struct ImageHeader {
  char magic[8];
  uint32_t version;
  uint32_t crc;  // CRC-32C of the header page with this field zero
  uint64_t file_bytes;
  uint32_t region_count;
  uint32_t memory_count;                   // entries of `memory`
  uint32_t context;                        // positions
  uint32_t tokens_per_pass;                // positions whose logits have room
  char board[32];                          // zero-terminated
  AddressRange memory[kMaxMemoryRegions];  // the board's DDR, ascending
  ImageModel model;
  RegionEntry regions[kMaxRegions];
  KnownPass known_pass;
  ImageLargestModel largest_model;
  ImageModel draft;            // of kDraftModel; zeros: the image has none
  uint32_t largest_head_size;  // of largest_model; 0: as the RTL

  bool has_draft() const { return draft.vocabulary != 0; }
  uint16_t models() const { return has_draft() ? 2 : 1; }
};
static_assert(sizeof(ImageHeader) <= kImageHeaderBytes);

// Null when `page` (kImageHeaderBytes bytes) is a sound header, else what is wrong with which field. Checks
// magic, version, checksum, that strings are terminated and printable, that the regions every image has are
// there, that regions are aligned, lie inside the board's memory and the file, and do not overlap, and that
// the known pass can be run. Zeros behind the last field are not asked for: a later field may stand there.
const char* check_header(const void* page, uint64_t file_bytes);

// One model in an image, by its regions. All but the tokenizer and the prompt are in every sound image.
// Header, tokenizer and prompt are the image's, whichever model it is.
struct ImageView {
  // Precondition: check_header finds nothing wrong, and the image has this model.
  explicit ImageView(const ImageHeader& header, uint16_t model = kMainModel);

  const RegionEntry& header;
  const RegionEntry& program;
  const RegionEntry& parameters;
  const RegionEntry& rope;
  const RegionEntry& embedding;
  const RegionEntry& weights;  // the first run of chunks
  const RegionEntry& kv_scales;
  const RegionEntry& logits;
  const RegionEntry* tokenizer;  // null: the image has none
  const RegionEntry* prompt;     // likewise
};

// The value of the `crc` field for this page.
uint32_t header_checksum(const void* page);

}  // namespace brim
