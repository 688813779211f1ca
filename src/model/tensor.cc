#include "model/tensor.h"

namespace brim {

namespace {

uint64_t size_of(const ModelDescription& model, ModelSize size) {
  switch (size) {
    case ModelSize::kOne:
      return 1;
    case ModelSize::kDim:
      return model.dim;
    case ModelSize::kQueryWidth:
      return model.query_width();
    case ModelSize::kKvWidth:
      return model.kv_width();
    case ModelSize::kHeadSize:
      return model.head_size;
    case ModelSize::kHidden:
      return model.hidden;
    case ModelSize::kVocabulary:
      return model.vocabulary;
  }
  __builtin_unreachable();
}

}  // namespace

TensorShape tensor_shape(const ModelDescription& model, TensorRole role) {
  return {size_of(model, row_of(role).rows), size_of(model, row_of(role).columns)};
}

bool has_tensor(const ModelDescription& model, TensorId id) {
  const RoleRow& row = row_of(id.role);
  return id.layer < (row.per_layer ? model.layers : 1) && (row.needs == nullptr || model.*row.needs);
}

std::string tensor_name(TensorId id) {
  const std::string name = row_of(id.role).name;
  return is_per_layer(id.role) ? "layer " + std::to_string(id.layer) + " " + name : name;
}

}  // namespace brim
