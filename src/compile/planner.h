// Decides what stands where in a board's memory, and how long a context fits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "board/board.h"
#include "compile/build_program.h"
#include "isa/regions.h"
#include "model/description.h"

namespace brim {

struct PlanOptions {
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
  bool embedding_on_card = false;   // memory has slots for the rows of two passes only
  std::optional<uint32_t> context;  // positions; none: the longest that board and model take
  KvCache kv_cache = {};
  std::optional<KvCache> smaller_kv_cache = {};  // taken where kv_cache does not hold as long a context
  uint64_t tokenizer_bytes = 0;
  const ModelDescription* draft = nullptr;  // a second model, which drafts
  EmbeddingFormat draft_embedding = EmbeddingFormat::kQ8;
};

// One region of the image with its place in memory.
struct PlannedRegion {
  RegionKind kind;
  std::string name;
  uint64_t address;
  uint64_t bytes;
  bool in_file;               // has content
  uint64_t file_offset = 0;   // of it
  uint32_t first_matrix = 0;  // kWeights: of matrices(model), in stream order
  uint32_t matrices = 0;
  uint64_t file_bytes = 0;  // `bytes`, of an embedding on the card more
  uint16_t model = 0;       // 1: of the draft model
};

// What kept a context from being longer.
enum class ContextLimit : uint8_t {
  kAsked,        // the user
  kTrained,      // the model
  kWindow,       // its attention window, beyond which processors alone go
  kMemory,       // of the board
  kAccelerator,  // its score buffer or most positions
};

struct Plan {
  std::vector<PlannedRegion> regions;  // by address
  ProgramAddresses addresses;
  std::optional<ProgramAddresses> draft;  // of the draft model
  uint64_t file_bytes = 0;
  uint64_t used_bytes = 0;  // the firmware's area included
  uint64_t capacity_bytes = 0;
  ContextLimit limited_by = ContextLimit::kAsked;
  uint32_t tokens_per_pass = 0;  // of a prompt, at most: fewer than the accelerator's where scores are many

  const PlannedRegion& region(RegionKind kind, uint16_t model = 0) const;  // the first of its kind
  // Of either model.
  const ProgramAddresses& addresses_of(uint16_t model) const { return model == 0 ? addresses : *draft; }
};

// Throws Error if the board's accelerator does not take the model or the context asked for, or, with the
// bytes needed and available, if they do not fit into its memory. Which KV cache it became, the addresses
// say. A draft model gets an 8-bit KV cache for as many positions as the model has, or for as many as it and
// the accelerator take.
Plan plan_image(const ModelDescription& model, const Board& board, const PlanOptions& options);

// "asked for", "trained for so many": why the context is no longer, for people.
std::string describe(ContextLimit limit);

}  // namespace brim
