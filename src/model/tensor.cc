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
    case ModelSize::kQueryNormWidth:
      return model.norm_all_heads ? model.query_width() : model.head_size;
    case ModelSize::kKeyNormWidth:
      return model.norm_all_heads ? model.kv_width() : model.head_size;
    case ModelSize::kHidden:
      return model.hidden;
    case ModelSize::kExpertHidden:
      return model.expert_hidden;
    case ModelSize::kExperts:
      return model.experts;
    case ModelSize::kVocabulary:
      return model.vocabulary;
  }
  __builtin_unreachable();
}

}  // namespace

TensorShape tensor_shape(const ModelDescription& model, TensorRole role) {
  return {size_of(model, row_of(role).rows), size_of(model, row_of(role).columns)};
}

uint32_t tensors_of_layer(const ModelDescription& model, TensorRole role) {
  return row_of(role).per_expert ? model.experts : 1;
}

bool has_eight_bits(const ModelDescription& model, TensorRole role) {
  return role == TensorRole::kRouter || model.eight_bit.contains(role);
}

bool has_tensor(const ModelDescription& model, TensorId id) {
  const RoleRow& row = row_of(id.role);
  return id.layer < (row.per_layer ? model.layers : 1) && id.expert < tensors_of_layer(model, id.role) &&
         row.needed(model);
}

TensorIndex::TensorIndex(const ModelDescription& model) : layers_(model.layers) {
  for (const RoleRow& row : kRoles) {
    first_[static_cast<size_t>(row.role)] = of_layer_;
    of_layer_ += tensors_of_layer(model, row.role);
  }
}

std::string tensor_name(TensorId id) {
  std::string name = row_of(id.role).name;
  if (row_of(id.role).per_expert) name = "expert " + std::to_string(id.expert) + " " + name;
  return is_per_layer(id.role) ? "layer " + std::to_string(id.layer) + " " + name : name;
}

}  // namespace brim
