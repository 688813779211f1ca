// Quantisers that go through a model layer by layer: a text's activations run through the layers as they are
// rounded, and each matrix is rounded for the inputs that it will have. One layer is in memory at a time, as
// FP32; finished ones are on disk (finished_layers.h), and a run that was ended goes on behind them.
#pragma once

#include <memory>

#include "quantize/quantiser.h"

namespace brim {

// `--quant gptq`: each matrix on its own merits.
std::unique_ptr<TensorSource> quantise_gptq(const QuantiserInput& input);

// `--quant best`: with the channel scales of awq.h, and towards the products of the model that was not
// rounded.
std::unique_ptr<TensorSource> quantise_best(const QuantiserInput& input);

}  // namespace brim
