// Geometry of an image in memory: beats, pages, chunks, KV pages, embedding rows. Freestanding; the
// same constants are generated into the accelerator's SystemVerilog package.
#pragma once

#include <cstdint>

namespace brim {

inline constexpr uint32_t kBeatBytes = 64;        // one accelerator cycle, one DDR burst
inline constexpr uint32_t kPageBytes = 8192;      // one DDR row
inline constexpr uint32_t kSubBlockBytes = 2048;  // what one AXI port reads of a page
inline constexpr uint32_t kPorts = 4;

// A weight page: 128 groups of 128 u4 weights, 64 bytes each, low nibble first.
inline constexpr uint32_t kGroupBytes = 64;
inline constexpr uint32_t kGroupInputs = 2 * kGroupBytes;
inline constexpr uint32_t kGroupsPerPage = kPageBytes / kGroupBytes;
inline constexpr uint32_t kGroupsPerSubBlock = kGroupsPerPage / kPorts;

// A weight page holds `columns` groups of each of `rows` rows: 4 x 32, 2 x 64 or 1 x 128.
// Stored as columns one after the other; a column is `rows` groups of 64 bytes.
struct PageShape {
  uint32_t columns;  // groups of 128 inputs
  uint32_t rows;     // outputs
  bool operator==(const PageShape&) const = default;
};

// The widest shape that wastes no column: by divisibility of the number of column groups.
constexpr PageShape page_shape(uint32_t groups) {
  return groups % 4 == 0 ? PageShape{4, 32} : groups % 2 == 0 ? PageShape{2, 64} : PageShape{1, 128};
}

// A chunk: one metadata page, then the weight pages it describes. Each weight page has one record:
// 64 bytes of zero-points (group g's nibble at byte g / 2, low nibble first), then 128 FP16 scales.
// Group g of a page is its 64 bytes at g * 64.
inline constexpr uint32_t kPagesPerChunk = 25;
inline constexpr uint32_t kMetadataRecordBytes = 320;
inline constexpr uint32_t kMetadataZeroBytes = 64;
inline constexpr uint64_t kChunkBytes = uint64_t{kPageBytes} * (kPagesPerChunk + 1);

// Bytes that `pages` weight pages occupy as a stream that starts with a chunk of its own.
constexpr uint64_t stream_bytes(uint64_t pages) {
  const uint64_t chunks = (pages + kPagesPerChunk - 1) / kPagesPerChunk;
  return (pages + chunks) * kPageBytes;
}

// Offset of weight page `page` and of its metadata record from the start of its stream.
constexpr uint64_t page_offset(uint64_t page) {
  return page / kPagesPerChunk * kChunkBytes + (1 + page % kPagesPerChunk) * kPageBytes;
}
constexpr uint64_t metadata_offset(uint64_t page) {
  return page / kPagesPerChunk * kChunkBytes + page % kPagesPerChunk * kMetadataRecordBytes;
}

// How a KV head's K (or V) vectors and their scales lie in memory. A page holds the records of consecutive
// tokens; token t of a page stands in sub-block t mod 4, so that a part-filled page loads all ports alike.
struct KvFormat {
  uint32_t bits;          // of an element: 8 (KV8) or 4 (KV4)
  uint32_t record_bytes;  // of a token; elements past the head size are zero
  uint32_t scale_bytes;   // of a token: an FP16 scale, with KV4 then a u16 zero-point

  bool operator==(const KvFormat&) const = default;

  constexpr uint32_t elements() const { return record_bytes * 8 / bits; }
  // That a record is in; with records of half a beat, it shares that with another one.
  constexpr uint32_t record_beats() const { return (record_bytes + kBeatBytes - 1) / kBeatBytes; }
  constexpr uint32_t tokens_per_page() const { return kPageBytes / record_bytes; }
  // Of token t's record, from the start of its head's pages.
  constexpr uint64_t offset(uint32_t token) const {
    const uint32_t in_page = token % tokens_per_page();
    return uint64_t{token / tokens_per_page()} * kPageBytes + in_page % kPorts * kSubBlockBytes +
           in_page / kPorts * record_bytes;
  }
  // Of one head's pages, and of its scales.
  constexpr uint64_t page_bytes(uint32_t context) const {
    return (uint64_t{context} + tokens_per_page() - 1) / tokens_per_page() * kPageBytes;
  }
  constexpr uint64_t scales_bytes(uint32_t context) const { return uint64_t{context} * scale_bytes; }
  // Of a sub-block of a page, that hold its share of the page's first `records`.
  constexpr uint32_t sub_block_beats(uint32_t records, uint32_t sub_block) const {
    const uint32_t share = (records + kPorts - 1 - sub_block) / kPorts;
    return (share * record_bytes + kBeatBytes - 1) / kBeatBytes;
  }
  // That hold the records, and the scales, of the first positions.
  constexpr uint64_t past_beats(uint64_t positions) const {
    const auto rest = static_cast<uint32_t>(positions % tokens_per_page());
    uint64_t beats = positions / tokens_per_page() * (kPageBytes / kBeatBytes);
    for (uint32_t i = 0; i < kPorts; ++i) beats += sub_block_beats(rest, i);
    return beats;
  }
  constexpr uint64_t scale_beats(uint64_t positions) const {
    return (positions * scale_bytes + kBeatBytes - 1) / kBeatBytes;
  }
};

// Records have room for 64 elements, of larger heads for 128, of still larger ones for 256. `bits`: 8 or 4.
constexpr KvFormat kv_format(uint32_t head_size, uint32_t bits = 8) {
  return {.bits = bits,
          .record_bytes = (head_size <= 64    ? 64u
                           : head_size <= 128 ? 128u
                                              : 256u) *
                          bits / 8,
          .scale_bytes = bits == 4 ? 4u : 2u};
}

// A layer whose tokens attend to a window of the last positions has a ring of them in its cache: position p
// stands in the place of p mod the ring. A pass reads whole pages, of K and V alike: positions in these
// units.
constexpr uint32_t window_unit(const KvFormat& keys, const KvFormat& values) {
  return keys.tokens_per_page() > values.tokens_per_page() ? keys.tokens_per_page()
                                                           : values.tokens_per_page();
}

// The most tokens of a text in a pass of a program with windows: the ring has room for them besides.
inline constexpr uint32_t kMaxWindowTokens = 64;

// Positions of the ring. What the first of a pass's tokens attends to, from the beginning of its page on, is
// not overwritten by the last one.
constexpr uint32_t ring_positions(uint32_t window, uint32_t unit, uint32_t context) {
  const uint64_t needed = uint64_t{window} + kMaxWindowTokens + unit - 1;
  const uint64_t ring = (needed + unit - 1) / unit * unit;
  return ring < context ? static_cast<uint32_t>(ring) : context;
}

inline constexpr uint32_t kMaxHeadSize = 256;  // of the format; accelerators take less
inline constexpr uint32_t kMaxDim = 1u << 16;  // of the format; accelerators take less

// Positions that share one A16 block of attention weights; contexts are multiples of it.
inline constexpr uint32_t kAttentionBlock = 64;
inline constexpr uint32_t kMaxContext = 1u << 24;  // positions

enum class EmbeddingFormat : uint8_t { kFp16 = 0, kQ8 = 1, kQ4 = 2 };

// Bytes of one embedding row of `dim` values, whole beats.
//   kFp16: dim FP16.
//   kQ8:   dim int8 k padded to whole groups of 128, then one FP16 scale s per group; value k * s.
//   kQ4:   64 bytes of u4 q per group, then one FP16 scale per group, then one u8 zero-point per group;
//          value (q - z) * s.
constexpr uint32_t embedding_row_bytes(EmbeddingFormat format, uint32_t dim) {
  const uint32_t groups = (dim + 127) / 128;
  const uint32_t bytes = format == EmbeddingFormat::kFp16 ? dim * 2
                         : format == EmbeddingFormat::kQ8 ? groups * (128 + 2)
                                                          : groups * (64 + 2 + 1);
  return (bytes + kBeatBytes - 1) / kBeatBytes * kBeatBytes;
}

// Bytes of one position's RoPE row: cos and sin of each pair in turn, FP32, whole beats.
constexpr uint32_t rope_row_bytes(uint32_t head_size) {
  return (head_size * 4 + kBeatBytes - 1) / kBeatBytes * kBeatBytes;
}

}  // namespace brim
