// The pass whose logits an image carries (KnownPass in image/header.h), to see whether an executor that has
// no other to compare itself with, as a board's accelerator, computes what it should.
#pragma once

#include "engine/executor.h"
#include "image/mapped_image.h"

namespace brim {

// Runs up to kMaxKnownTokens tokens from position 0 on. The image must have room for them in its context.
// Throws Error if the executor does, or if the logits are no numbers.
KnownPass run_known_pass(Executor& executor);

// Whether the executor gives the logits that the image carries. The image must carry some. Throws Error if
// the executor does.
bool gives_known_logits(Executor& executor, const KnownPass& known);

// What pack_image stores: the pass on the image in `file`, by the fastest kernels of this processor. Of the
// image, little more than one matrix is resident in this process at a time. `name` is what messages call it.
KnownPass known_pass_of(const std::string& file, const std::string& name, uint32_t threads);

}  // namespace brim
