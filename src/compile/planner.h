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
  std::optional<uint32_t> context;  // positions; none: the longest that fits, up to the trained context
  uint64_t tokenizer_bytes = 0;
};

// One region of the image with its place in memory.
struct PlannedRegion {
  RegionKind kind;
  std::string name;
  uint64_t address;
  uint64_t bytes;
  bool in_file;  // has content
};

struct Plan {
  std::vector<PlannedRegion> regions;  // by address
  ProgramAddresses addresses;
  uint64_t used_bytes = 0;  // the firmware's area included
  uint64_t capacity_bytes = 0;

  const PlannedRegion& region(RegionKind kind) const;  // the first of its kind
};

// Throws Error, with the bytes needed and available, if the model or the context asked for does not fit.
Plan plan_image(const ModelDescription& model, const Board& board, const PlanOptions& options);

}  // namespace brim
