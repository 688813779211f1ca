// What the matrices' inputs look like on a text: the basis of activation-aware quantisation.
#pragma once

#include <cstdint>
#include <span>

#include "engine/interpreter.h"
#include "model/description.h"
#include "quantize/awq.h"
#include "runtime/perplexity.h"

namespace brim {

// Runs the text through an image of `model` (any quantisation will do) and returns the mean square of every
// input channel of every matrix. Throws Error if there is no text.
InputMoments calibrate(Interpreter& interpreter, const ModelDescription& model, std::span<const uint32_t> ids,
                       const EvalWindows& windows, const Progress& progress);

}  // namespace brim
