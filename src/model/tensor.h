// The tensors of a model: what each is for, its shape, and what files usually call it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/description.h"
#include "model/tensor_role.h"

namespace brim {

// A size of the model that a tensor's shape is made of.
enum class ModelSize : uint8_t {
  kOne,
  kDim,
  kQueryWidth,
  kKvWidth,
  kQueryNormWidth,  // elements that have a norm weight of their own
  kKeyNormWidth,
  kHidden,
  kExpertHidden,
  kExperts,
  kVocabulary,
};

enum class TensorKind : uint8_t { kMatrix, kNorm, kBias };

// All that there is to say about a role.
struct RoleRow {
  TensorRole role;
  const char* name;  // in messages
  TensorKind kind;   // norms and biases are vectors: one row
  ModelSize rows, columns;
  bool per_layer;
  bool per_expert;
  bool (*needed)(const ModelDescription&);  // whether a model has it
  const char* hf;    // usual name in Hugging Face files, after "model." and "layers.N."
  const char* gguf;  // usual name in GGUF files, after "blk.N."
};

inline constexpr std::array<RoleRow, kTensorRoles> kRoles = [] {
  using enum TensorRole;
  using enum TensorKind;
  using enum ModelSize;
  constexpr auto kAlways = [](const ModelDescription&) { return true; };
  constexpr auto kWithBias = [](const ModelDescription& model) { return model.qkv_bias; };
  constexpr auto kWithPreNorm = [](const ModelDescription& model) { return model.pre_norm; };
  constexpr auto kWithPostNorm = [](const ModelDescription& model) { return model.post_norm; };
  constexpr auto kWithHeadNorm = [](const ModelDescription& model) { return model.qk_norm; };
  constexpr auto kWithFfn = [](const ModelDescription& model) { return model.hidden != 0; };
  constexpr auto kWithExperts = [](const ModelDescription& model) { return model.experts != 0; };
  // clang-format off
  return std::array<RoleRow, kTensorRoles>{{
      {kEmbedding, "embedding", kMatrix, kVocabulary, kDim, false, false, kAlways, "embed_tokens.weight", "token_embd.weight"},
      {kAttentionNorm, "attention_norm", kNorm, kOne, kDim, true, false, kWithPreNorm, "input_layernorm.weight", "attn_norm.weight"},
      {kQuery, "wq", kMatrix, kQueryWidth, kDim, true, false, kAlways, "self_attn.q_proj.weight", "attn_q.weight"},
      {kKey, "wk", kMatrix, kKvWidth, kDim, true, false, kAlways, "self_attn.k_proj.weight", "attn_k.weight"},
      {kValue, "wv", kMatrix, kKvWidth, kDim, true, false, kAlways, "self_attn.v_proj.weight", "attn_v.weight"},
      {kQueryBias, "wq bias", kBias, kOne, kQueryWidth, true, false, kWithBias, "self_attn.q_proj.bias", "attn_q.bias"},
      {kKeyBias, "wk bias", kBias, kOne, kKvWidth, true, false, kWithBias, "self_attn.k_proj.bias", "attn_k.bias"},
      {kValueBias, "wv bias", kBias, kOne, kKvWidth, true, false, kWithBias, "self_attn.v_proj.bias", "attn_v.bias"},
      {kQueryNorm, "q_norm", kNorm, kOne, kQueryNormWidth, true, false, kWithHeadNorm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
      {kKeyNorm, "k_norm", kNorm, kOne, kKeyNormWidth, true, false, kWithHeadNorm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
      {kAttentionOut, "wo", kMatrix, kDim, kQueryWidth, true, false, kAlways, "self_attn.o_proj.weight", "attn_output.weight"},
      {kFfnNorm, "ffn_norm", kNorm, kOne, kDim, true, false, kWithPreNorm, "post_attention_layernorm.weight", "ffn_norm.weight"},
      {kGate, "w_gate", kMatrix, kHidden, kDim, true, false, kWithFfn, "mlp.gate_proj.weight", "ffn_gate.weight"},
      {kUp, "w_up", kMatrix, kHidden, kDim, true, false, kWithFfn, "mlp.up_proj.weight", "ffn_up.weight"},
      {kDown, "w_down", kMatrix, kDim, kHidden, true, false, kWithFfn, "mlp.down_proj.weight", "ffn_down.weight"},
      {kFinalNorm, "final_norm", kNorm, kOne, kDim, false, false, kAlways, "norm.weight", "output_norm.weight"},
      {kLmHead, "lm_head", kMatrix, kVocabulary, kDim, false, false, kAlways, "lm_head.weight", "output.weight"},
      {kRouter, "router", kMatrix, kExperts, kDim, true, false, kWithExperts, "mlp.gate.weight", "ffn_gate_inp.weight"},
      {kExpertGate, "w_gate", kMatrix, kExpertHidden, kDim, true, true, kWithExperts, "gate_proj.weight", "ffn_gate_exps.weight"},
      {kExpertUp, "w_up", kMatrix, kExpertHidden, kDim, true, true, kWithExperts, "up_proj.weight", "ffn_up_exps.weight"},
      {kExpertDown, "w_down", kMatrix, kDim, kExpertHidden, true, true, kWithExperts, "down_proj.weight", "ffn_down_exps.weight"},
      {kPostAttentionNorm, "post_attention_norm", kNorm, kOne, kDim, true, false, kWithPostNorm, "post_attention_layernorm.weight", "post_attention_norm.weight"},
      {kPostFfnNorm, "post_ffn_norm", kNorm, kOne, kDim, true, false, kWithPostNorm, "post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
  }};
  // clang-format on
}();

constexpr const RoleRow& row_of(TensorRole role) { return kRoles[static_cast<size_t>(role)]; }

static_assert(
    [] {
      for (size_t i = 0; i < kTensorRoles; ++i) {
        if (kRoles[i].role != static_cast<TensorRole>(i)) return false;
      }
      return true;
    }(),
    "kRoles stands in the order of TensorRole");

struct TensorId {
  TensorRole role;
  uint32_t layer = 0;   // 0 for the roles that are not per layer
  uint32_t expert = 0;  // likewise
  bool operator==(const TensorId&) const = default;
};

struct TensorShape {
  uint64_t rows;  // vectors are one row
  uint64_t columns;
};

// The shape that `role` has in `model`.
TensorShape tensor_shape(const ModelDescription& model, TensorRole role);

// Whether each layer has a tensor of this role.
constexpr bool is_per_layer(TensorRole role) { return row_of(role).per_layer; }

// Tensors of this role that a layer has; 1 for those that no layer has, too.
uint32_t tensors_of_layer(const ModelDescription& model, TensorRole role);

// Whether the tensor is a vector (a norm or a bias) and not a matrix.
constexpr bool is_vector(TensorRole role) { return row_of(role).kind != TensorKind::kMatrix; }

// Whether the image holds the matrix in eight bits, else in four.
bool has_eight_bits(const ModelDescription& model, TensorRole role);

// Whether `id` exists in `model`: its layer and expert are in range, and biases, q/k norms and experts only
// where switched on.
bool has_tensor(const ModelDescription& model, TensorId id);

// Numbers the tensors of a model without gaps but for those that it lacks, for tables of them.
class TensorIndex {
 public:
  explicit TensorIndex(const ModelDescription& model);
  uint64_t size() const { return layers_ * of_layer_; }
  uint64_t of(TensorId id) const {
    return id.layer * of_layer_ + first_[static_cast<size_t>(id.role)] + id.expert;
  }

 private:
  uint64_t layers_, of_layer_ = 0;
  std::array<uint64_t, kTensorRoles> first_{};  // of each role, in a layer
};

// body(TensorId) for every tensor of the model.
template <typename Body>
void for_each_tensor(const ModelDescription& model, const Body& body) {
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    for (const RoleRow& row : kRoles) {
      for (uint32_t expert = 0; expert < tensors_of_layer(model, row.role); ++expert) {
        const TensorId id{row.role, layer, expert};
        if (has_tensor(model, id)) body(id);
      }
    }
  }
}

// "layer 3 wq", "layer 3 expert 7 w_up": how messages name a tensor.
std::string tensor_name(TensorId id);

}  // namespace brim
