// What is simulated: a model as it stands in a board's memory, from an image or planned without one.
#pragma once

#include <cstdint>
#include <optional>
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
  std::optional<LoadedProgram> draft;  // of the image's draft model
  uint64_t streamed_weights = 0;       // of a token: all matrices and lm_head
  std::vector<PlannedRegion> regions;
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;

  uint32_t context() const { return program.program.header.context; }
};

// Throws Error if the image was packed for memory that `board` does not have, or its accelerator does not
// take the program.
Subject subject_of(const MappedImage& image, const Board& board);

// As the model is packed with the same options: plan_image. Throws Error if it does not fit.
Subject subject_of(const ModelDescription& model, const Board& board, const PlanOptions& options);

}  // namespace brim::sim
