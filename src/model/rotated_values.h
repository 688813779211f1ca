// A checkpoint whose values are rotated: the same model, with a V that four bits hold better.
#pragma once

#include <memory>

#include "model/tensor_source.h"

namespace brim {

// Whether values can be rotated: no layer's V or output projection is quantised already.
bool can_rotate_values(const TensorSource& source);

// The checkpoint with H / sqrt(n) folded into the rows of V and its biases, and the inverse into the columns
// of the output projection; H and n as in numerics/rotation.h. Attention is linear in V, so every product
// stays what it was. `source` outlives the result. Precondition: can_rotate_values.
std::unique_ptr<TensorSource> rotate_values(const TensorSource& source);

}  // namespace brim
