// What is simulated: a model as it stands in a board's memory, from an image or planned without one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "board/board.h"
#include "compile/planner.h"
#include "image/mapped_image.h"
#include "sim/pass.h"

namespace brim::sim {

struct Subject {
  std::string name;
  LoadedProgram program;
  uint64_t streamed_weights = 0;  // of a token: all matrices and lm_head
  std::vector<PlannedRegion> regions;
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;

  uint32_t context() const { return program.program.header.context; }
};

// Throws Error if the image was packed for memory that `board` does not have.
Subject subject_of(const MappedImage& image, const Board& board);

// Without a context in `options`: the longest that fits into memory and the board's score buffer. Throws
// Error if the model does not fit.
Subject subject_of(const ModelDescription& model, const Board& board, PlanOptions options);

}  // namespace brim::sim
