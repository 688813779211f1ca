#include "model/tensor_source.h"

#include "base/error.h"
#include "numerics/fp32.h"

namespace brim {
namespace {

// Throws Error unless the rows lie within the tensor; returns its shape.
TensorShape check_rows(const ModelDescription& model, TensorId id, uint64_t first_row, uint64_t rows) {
  if (!has_tensor(model, id)) throw Error("model " + model.name + " has no " + tensor_name(id));
  const TensorShape shape = tensor_shape(model, id.role);
  if (first_row > shape.rows || rows > shape.rows - first_row) {
    throw Error(tensor_name(id) + " has " + std::to_string(shape.rows) + " rows: cannot read " +
                std::to_string(rows) + " from row " + std::to_string(first_row));
  }
  return shape;
}

}  // namespace

void check_read(const ModelDescription& model, TensorId id, uint64_t first_row, uint64_t rows,
                uint64_t out_size) {
  const TensorShape shape = check_rows(model, id, first_row, rows);
  if (out_size != rows * shape.columns) {
    throw Error(tensor_name(id) + ": the destination holds " + std::to_string(out_size) + " values, not " +
                std::to_string(rows * shape.columns));
  }
}

void check_quantised_read(const ModelDescription& model, TensorId id, uint64_t first_row, uint64_t rows,
                          const QuantisedRows& out) {
  const uint64_t groups = rows * groups_of(check_rows(model, id, first_row, rows).columns);
  if (out.q.size() != groups * kGroup || out.zeros.size() != groups || out.scales.size() != groups) {
    throw Error(tensor_name(id) + ": the destination must hold " + std::to_string(groups) + " groups");
  }
}

void check_finite(std::span<const float> values, TensorId id, const std::string& origin) {
  // Branch-free, so that it vectorises: an all-ones exponent field carries into bit 31.
  uint32_t carry = 0;
  for (const float value : values) carry |= (float_bits(value) & 0x7FFFFFFFu) + 0x00800000u;
  if ((carry & 0x80000000u) != 0) {
    throw Error(origin + ": " + tensor_name(id) + " holds infinities or NaNs: the checkpoint is damaged");
  }
}

void TensorSource::read_quantised_rows(TensorId id, uint64_t, uint64_t, const QuantisedRows&) const {
  throw Error(tensor_name(id) + " is not quantised in this checkpoint");
}

}  // namespace brim
