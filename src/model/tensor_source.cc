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

// Another source, but for what its description says of bits.
class WithEightBits final : public TensorSource {
 public:
  WithEightBits(std::unique_ptr<TensorSource> base, RoleSet roles)
      : base_(std::move(base)), model_(base_->description()) {
    model_.eight_bit |= roles;
  }
  const ModelDescription& description() const override { return model_; }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    base_->read_rows(id, first_row, rows, out);
  }
  std::span<const float> importance(TensorId id) const override { return base_->importance(id); }
  bool is_quantised(TensorId id) const override {
    return !has_eight_bits(model_, id.role) && base_->is_quantised(id);
  }
  void read_quantised_rows(TensorId id, uint64_t first_row, uint64_t rows,
                           const QuantisedRows& out) const override {
    base_->read_quantised_rows(id, first_row, rows, out);
  }
  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = base_->notes();
    for (const RoleRow& row : kRoles) {
      if (!model_.eight_bit.contains(row.role) || !base_->is_quantised({row.role})) continue;
      notes.push_back(std::string(row.name) + " has four bits in the checkpoint: eight add nothing to it");
    }
    return notes;
  }
  std::optional<TokenizerArrays> embedded_tokenizer() const override { return base_->embedded_tokenizer(); }

 private:
  std::unique_ptr<TensorSource> base_;
  ModelDescription model_;
};

}  // namespace

std::unique_ptr<TensorSource> with_eight_bits(std::unique_ptr<TensorSource> source, RoleSet roles) {
  if (roles == RoleSet{}) return source;
  return std::make_unique<WithEightBits>(std::move(source), roles);
}

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
