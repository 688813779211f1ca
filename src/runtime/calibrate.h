// What the matrices' inputs look like on a text: the basis of activation-aware quantisation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "engine/interpreter.h"
#include "image/pack.h"
#include "model/description.h"
#include "quantize/quantiser.h"
#include "runtime/perplexity.h"

namespace brim {

// The first tokens of a text, cut into windows of at most 512 that the model can attend to. Some thousand
// tell what a model's inputs look like; more cost time. Throws Error if there are none or the tokenizer's
// tables are bad.
CalibrationTokens calibration_tokens(const ModelDescription& model, std::span<const uint8_t> tokenizer,
                                     std::string_view text);

// Runs the text through an image of `model` (any quantisation will do) and returns the mean square of every
// input channel of every matrix. Throws Error if there is no text.
InputMoments calibrate(Interpreter& interpreter, const ModelDescription& model, std::span<const uint32_t> ids,
                       const EvalWindows& windows, const Progress& progress);

// The same for a checkpoint: packs it, rounded to nearest, into the file `temporary`, which vanishes at once,
// and runs the first of the text's tokens. `packing.progress` is that of packing.
InputMoments calibrate(const TensorSource& source, std::span<const uint8_t> tokenizer, std::string_view text,
                       const PackOptions& packing, const std::filesystem::path& temporary,
                       const Progress& progress);

}  // namespace brim
