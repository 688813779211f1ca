// The tensors of a model: what each is for, its shape, and what files usually call it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/description.h"

namespace brim {

// A tensor's role in the model. Matrices are [rows = outputs][columns = inputs], row-major.
enum class TensorRole : uint8_t {
  kEmbedding,
  kAttentionNorm,
  kQuery,
  kKey,
  kValue,
  kQueryBias,
  kKeyBias,
  kValueBias,
  kQueryNorm,
  kKeyNorm,
  kAttentionOut,
  kFfnNorm,
  kGate,
  kUp,
  kDown,
  kFinalNorm,
  kLmHead,  // with tied embeddings the embedding's values
};
inline constexpr uint32_t kTensorRoles = 17;

// A size of the model that a tensor's shape is made of.
enum class ModelSize : uint8_t { kOne, kDim, kQueryWidth, kKvWidth, kHeadSize, kHidden, kVocabulary };

enum class TensorKind : uint8_t { kMatrix, kNorm, kBias };

// All that there is to say about a role.
struct RoleRow {
  TensorRole role;
  const char* name;  // in messages
  TensorKind kind;   // norms and biases are vectors: one row
  ModelSize rows, columns;
  bool per_layer;
  bool ModelDescription::*needs;  // the switch that a model with this tensor has; null: every model has it
  const char* hf;                 // usual name in Hugging Face files, after "model." and "layers.N."
  const char* gguf;               // usual name in GGUF files, after "blk.N."
};

inline constexpr std::array<RoleRow, kTensorRoles> kRoles = [] {
  using enum TensorRole;
  using enum TensorKind;
  using enum ModelSize;
  constexpr bool ModelDescription::*kAlways = nullptr;
  constexpr auto kWithBias = &ModelDescription::qkv_bias;
  constexpr auto kWithHeadNorm = &ModelDescription::qk_norm;
  // clang-format off
  return std::array<RoleRow, kTensorRoles>{{
      {kEmbedding, "embedding", kMatrix, kVocabulary, kDim, false, kAlways, "embed_tokens.weight", "token_embd.weight"},
      {kAttentionNorm, "attention_norm", kNorm, kOne, kDim, true, kAlways, "input_layernorm.weight", "attn_norm.weight"},
      {kQuery, "wq", kMatrix, kQueryWidth, kDim, true, kAlways, "self_attn.q_proj.weight", "attn_q.weight"},
      {kKey, "wk", kMatrix, kKvWidth, kDim, true, kAlways, "self_attn.k_proj.weight", "attn_k.weight"},
      {kValue, "wv", kMatrix, kKvWidth, kDim, true, kAlways, "self_attn.v_proj.weight", "attn_v.weight"},
      {kQueryBias, "wq bias", kBias, kOne, kQueryWidth, true, kWithBias, "self_attn.q_proj.bias", "attn_q.bias"},
      {kKeyBias, "wk bias", kBias, kOne, kKvWidth, true, kWithBias, "self_attn.k_proj.bias", "attn_k.bias"},
      {kValueBias, "wv bias", kBias, kOne, kKvWidth, true, kWithBias, "self_attn.v_proj.bias", "attn_v.bias"},
      {kQueryNorm, "q_norm", kNorm, kOne, kHeadSize, true, kWithHeadNorm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
      {kKeyNorm, "k_norm", kNorm, kOne, kHeadSize, true, kWithHeadNorm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
      {kAttentionOut, "wo", kMatrix, kDim, kQueryWidth, true, kAlways, "self_attn.o_proj.weight", "attn_output.weight"},
      {kFfnNorm, "ffn_norm", kNorm, kOne, kDim, true, kAlways, "post_attention_layernorm.weight", "ffn_norm.weight"},
      {kGate, "w_gate", kMatrix, kHidden, kDim, true, kAlways, "mlp.gate_proj.weight", "ffn_gate.weight"},
      {kUp, "w_up", kMatrix, kHidden, kDim, true, kAlways, "mlp.up_proj.weight", "ffn_up.weight"},
      {kDown, "w_down", kMatrix, kDim, kHidden, true, kAlways, "mlp.down_proj.weight", "ffn_down.weight"},
      {kFinalNorm, "final_norm", kNorm, kOne, kDim, false, kAlways, "norm.weight", "output_norm.weight"},
      {kLmHead, "lm_head", kMatrix, kVocabulary, kDim, false, kAlways, "lm_head.weight", "output.weight"},
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
  uint32_t layer = 0;  // 0 for the roles that are not per layer
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

// Whether the tensor is a vector (a norm or a bias) and not a matrix.
constexpr bool is_vector(TensorRole role) { return row_of(role).kind != TensorKind::kMatrix; }

// Whether `id` exists in `model`: its layer is in range, and biases and q/k norms only where switched on.
bool has_tensor(const ModelDescription& model, TensorId id);

// "layer 3 wq": how messages name a tensor.
std::string tensor_name(TensorId id);

}  // namespace brim
