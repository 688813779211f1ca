// Whether the accelerator of a board takes a program.
#pragma once

#include <string>

#include "board/board.h"
#include "isa/accelerator_limits.h"

namespace brim {

AcceleratorLimits limits_of(const Board& board);

// Throws Error, in the same words for all who ask, naming the size and the most that the accelerator takes,
// unless there is no excess. `name` is that of the model or the image, `accelerator` where it is: "the
// accelerator of board kv260".
void refuse_excess(const std::string& name, const Excess& excess, const std::string& accelerator);
void require_taken(const std::string& name, const ProgramHeader& program, const AcceleratorLimits& limits,
                   const std::string& accelerator);
void require_taken(const std::string& name, const ProgramHeader& program, const Board& board);

}  // namespace brim
