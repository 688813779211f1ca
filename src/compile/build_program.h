// Builds the decode program of a model, given where everything stands in memory.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "isa/layout.h"
#include "isa/program.h"
#include "model/description.h"

namespace brim {

// How K and V are kept, 8 or 4 bits to an element, and whether q and k are rotated before.
struct KvCache {
  uint8_t key_bits = 8;
  uint8_t value_bits = 8;
  bool rotated = false;
  bool operator==(const KvCache&) const = default;

  // Of K and of V.
  std::array<KvFormat, 2> formats(uint32_t head_size) const {
    return {kv_format(head_size, key_bits), kv_format(head_size, value_bits)};
  }
};

// A layer's window in a context of so many positions, 0: none, or one that is as long; and how many positions
// its part of the cache has: the context, or a ring.
uint32_t window_in(const ModelDescription& model, uint32_t layer, uint32_t context);
uint32_t cache_positions(const ModelDescription& model, uint32_t layer, uint32_t context, const KvCache& kv);
// Bytes of the scales of a KV head of a layer, K and V; of those of all heads of all layers.
uint64_t scales_bytes(const ModelDescription& model, uint32_t layer, uint32_t context, const KvCache& kv);
uint64_t scales_bytes(const ModelDescription& model, uint32_t context, const KvCache& kv);

// Physical byte addresses of everything a program refers to.
struct ProgramAddresses {
  uint64_t parameters = 0;
  uint64_t rope = 0;  // rope_tables(model), each of `context` rows
  uint64_t embedding = 0;
  EmbeddingFormat embedding_format = EmbeddingFormat::kQ8;
  uint64_t kv_scales = 0;
  uint64_t logits = 0;
  KvCache kv_cache;
  uint32_t context = 0;      // positions, a multiple of kAttentionBlock
  std::vector<uint64_t> kv;  // [layer][kv head][K, V]: start of the pages

  // Where a new run of weight chunks starts: before matrix `matrix` of matrices(model). Of a layer's experts
  // only that of the first one is here.
  struct StreamStart {
    uint32_t matrix;
    uint64_t address;
  };
  std::vector<StreamStart> streams;
};

// The header of a model's program, its number of instructions left 0.
ProgramHeader program_header(const ModelDescription& model, uint32_t context, const KvCache& kv = {});

Program build_program(const ModelDescription& model, const ProgramAddresses& addresses);

// Bytes of any program of this model whose weights stand in `streams` regions.
uint64_t program_bytes(const ModelDescription& model, uint64_t streams);

}  // namespace brim
