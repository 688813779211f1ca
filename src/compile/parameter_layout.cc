#include "compile/parameter_layout.h"

#include "isa/layout.h"

namespace brim {

namespace {

constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

ParameterLayout::ParameterLayout(const ModelDescription& model)
    : layers_(model.layers),
      norm_bytes_(round_up(uint64_t{model.dim} * sizeof(float), kBeatBytes)),
      pre_norms_bytes_(model.pre_norm ? 2 * norm_bytes_ : 0),
      post_norms_bytes_(model.post_norm ? 2 * norm_bytes_ : 0),
      head_bytes_(round_up(uint64_t{model.head_size} * sizeof(float), kBeatBytes)),
      bias_bytes_(model.qkv_bias ? (model.heads + 2 * model.kv_heads) * head_bytes_ : 0),
      query_norm_bytes_(!model.qk_norm ? 0 : head_bytes_ * (model.norm_all_heads ? model.heads : 1)),
      key_norm_bytes_(!model.qk_norm ? 0 : head_bytes_ * (model.norm_all_heads ? model.kv_heads : 1)),
      layer_bytes_(pre_norms_bytes_ + post_norms_bytes_ + bias_bytes_ + query_norm_bytes_ + key_norm_bytes_) {
}

uint64_t rope_bytes(const ModelDescription& model, uint64_t context) {
  return context * rope_row_bytes(model.head_size) * rope_tables(model).size();
}

}  // namespace brim
