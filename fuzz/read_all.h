// Reads every tensor of a checkpoint that opened, so that what was accepted is also used.
#pragma once

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "model/tensor_source.h"

namespace brim::fuzz {

// A few rows of each tensor, from both ends. Damaged values are refused by an Error, which is fine.
inline void read_all(const TensorSource& source) {
  const ModelDescription& model = source.description();
  rope_frequencies(model);
  source.notes();
  source.embedded_tokenizer();
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    for (uint32_t role = 0; role < kTensorRoles; ++role) {
      const TensorId id{static_cast<TensorRole>(role), layer};
      if (!has_tensor(model, id)) continue;
      const TensorShape shape = tensor_shape(model, id.role);
      const uint64_t rows = std::min<uint64_t>(shape.rows, 9);
      std::vector<float> values(rows * shape.columns);
      try {
        source.read_rows(id, 0, rows, values);
        source.read_rows(id, shape.rows - rows, rows, values);
      } catch (const Error&) {
      }
      if (!source.is_quantised(id)) continue;
      std::vector<uint8_t> q(values.size()), zeros(values.size() / kGroup);
      std::vector<uint16_t> scales(values.size() / kGroup);
      try {
        source.read_quantised_rows(id, shape.rows - rows, rows, {q, zeros, scales});
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace brim::fuzz
