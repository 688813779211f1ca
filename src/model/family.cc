#include "model/family.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/concat.h"

namespace brim {

namespace {

constexpr ExpertFamily kGraniteExperts = {.count = "num_local_experts",
                                          .experts = 8,
                                          .experts_per_token = 2,
                                          .hidden = "intermediate_size",
                                          .hidden_size = 11008,
                                          .stacked = true,
                                          .router = "block_sparse_moe.router.layer.weight",
                                          .gate = "block_sparse_moe.input_linear.weight",
                                          .up = "block_sparse_moe.input_linear.weight",
                                          .down = "block_sparse_moe.output_linear.weight"};

constexpr ExpertFamily beside_a_shared_one(ExpertFamily experts) {
  experts.shared = "shared_intermediate_size";
  experts.shared_gate_up = "shared_mlp.input_linear.weight";
  experts.shared_down = "shared_mlp.output_linear.weight";
  return experts;
}

// Source of `hf`: the configuration classes of transformers 4.57 and 5, which agree on these.
constexpr std::array kFamilies = {
    Family{.name = "llama",
           .architecture = "llama",
           .configuration = "LlamaConfig",
           .hf = {32000, 4096, 11008, 32, 32, 0, 0, 2048, 1e-6, 1e4, false, 0},
           .gguf_pairing = RopePairing::kAdjacent},
    Family{.name = "mistral",
           .architecture = "",  // its GGUF files call themselves llama
           .configuration = "MistralConfig",
           .hf = {32000, 4096, 14336, 32, 32, 8, 0, 131072, 1e-6, 1e4, false, 4096},
           .gguf_pairing = RopePairing::kAdjacent,
           .window = SlidingWindow::kAlways},
    Family{.name = "qwen2",
           .architecture = "qwen2",
           .configuration = "Qwen2Config",
           .hf = {151936, 4096, 22016, 32, 32, 32, 0, 32768, 1e-6, 1e4, false, 4096},
           .gguf_pairing = RopePairing::kHalfSplit,
           .qkv_bias = true,
           .window = SlidingWindow::kSwitch},
    Family{.name = "qwen3",
           .architecture = "qwen3",
           .configuration = "Qwen3Config",
           .hf = {151936, 4096, 22016, 32, 32, 32, 128, 32768, 1e-6, 1e4, false, 4096},
           .gguf_pairing = RopePairing::kHalfSplit,
           .qk_norm = true,
           .window = SlidingWindow::kSwitch},
    Family{.name = "phi3",
           .architecture = "phi3",
           .configuration = "Phi3Config",
           .hf = {32064, 3072, 8192, 32, 32, 0, 0, 4096, 1e-5, 1e4, false, 0},
           .gguf_pairing = RopePairing::kHalfSplit,
           .fused = true,
           .window = SlidingWindow::kAlways},
    Family{.name = "granite",
           .architecture = "granite",
           .configuration = "GraniteConfig",
           .hf = {32000, 4096, 11008, 32, 32, 0, 0, 2048, 1e-6, 1e4, false, 0},
           .gguf_pairing = RopePairing::kAdjacent,
           .multipliers = true},
    Family{.name = "smollm3",
           .architecture = "smollm3",
           .configuration = "SmolLM3Config",
           .hf = {128256, 2048, 11008, 36, 16, 4, 0, 32768, 1e-6, 2e6, true, 0},
           .gguf_pairing = RopePairing::kAdjacent,
           .window = SlidingWindow::kSwitchUnrotated,
           .unrotated_every = 4},
    Family{.name = "olmo2",
           .architecture = "olmo2",
           .configuration = "Olmo2Config",
           .hf = {50304, 4096, 11008, 32, 32, 0, 0, 2048, 1e-5, 1e4, false, 0},
           .gguf_pairing = RopePairing::kHalfSplit,
           .qk_norm = true,
           .norm_all_heads = true,
           .pre_norm = false,
           .post_norm = true},
    Family{.name = "olmo3",
           .architecture = "",  // its GGUF files call themselves olmo2
           .configuration = "Olmo3Config",
           .hf = {50304, 4096, 11008, 32, 32, 0, 0, 2048, 1e-5, 1e4, false, 4096},
           .gguf_pairing = RopePairing::kHalfSplit,
           .qk_norm = true,
           .window = SlidingWindow::kBetweenFull,
           .full_every = 4,
           .local_rope = LocalRope::kUnscaled,
           .norm_all_heads = true,
           .pre_norm = false,
           .post_norm = true},
    Family{.name = "gemma",
           .architecture = "gemma",
           .configuration = "GemmaConfig",
           .hf = {256000, 3072, 24576, 28, 16, 16, 256, 8192, 1e-6, 1e4, true, 0},
           .gguf_pairing = RopePairing::kHalfSplit,
           .gelu = true,
           .scaled_embedding = true,
           .hf_norm_offset = 1.0},
    Family{.name = "gemma3_text",
           .architecture = "gemma3",
           .configuration = "Gemma3TextConfig",
           .hf = {262208, 2304, 9216, 26, 8, 4, 256, 131072, 1e-6, 1e6, true, 4096},
           .gguf_pairing = RopePairing::kHalfSplit,
           .qk_norm = true,
           .window = SlidingWindow::kBetweenFull,
           .full_every = 6,
           .local_rope = LocalRope::kOwnBase,
           .gelu = true,
           .scaled_embedding = true,
           .hf_norm_offset = 1.0,
           .query_pre_attn_scalar = 256,
           .gguf_wide_layers = 62,
           .post_norm = true},
    Family{.name = "mixtral",
           .architecture = "",
           .configuration = "MixtralConfig",
           .hf = {32000, 4096, 14336, 32, 32, 8, 0, 131072, 1e-5, 1e6, false, 0},
           .gguf_pairing = RopePairing::kAdjacent,
           .window = SlidingWindow::kAlways,
           .experts = {.count = "num_local_experts",
                       .experts = 8,
                       .experts_per_token = 2,
                       .hidden = "intermediate_size",
                       .hidden_size = 14336,
                       .module = "block_sparse_moe.experts.",
                       .router = "block_sparse_moe.gate.weight",
                       .gate = "w1.weight",
                       .up = "w3.weight",
                       .down = "w2.weight"}},
    Family{.name = "qwen3_moe",
           .architecture = "qwen3moe",
           .configuration = "Qwen3MoeConfig",
           .hf = {151936, 2048, 6144, 24, 32, 4, 0, 32768, 1e-6, 1e4, false, 4096},
           .gguf_pairing = RopePairing::kHalfSplit,
           .qk_norm = true,
           .window = SlidingWindow::kSwitch,
           .experts = {.count = "num_experts",
                       .experts = 128,
                       .experts_per_token = 8,
                       .hidden = "moe_intermediate_size",
                       .hidden_size = 768,
                       .weights = ExpertWeights::kSwitch}},
    Family{.name = "olmoe",
           .architecture = "olmoe",
           .configuration = "OlmoeConfig",
           .hf = {50304, 2048, 2048, 16, 16, 0, 0, 4096, 1e-5, 1e4, false, 0},
           .gguf_pairing = RopePairing::kHalfSplit,
           .qk_norm = true,
           .norm_all_heads = true,
           .experts = {.count = "num_experts",
                       .experts = 64,
                       .experts_per_token = 8,
                       .hidden = "intermediate_size",
                       .hidden_size = 2048,
                       .weights = ExpertWeights::kSwitch,
                       .gguf_chosen = false}},
    Family{.name = "granitemoe",
           .architecture = "granitemoe",
           .configuration = "GraniteMoeConfig",
           .hf = {32000, 4096, 11008, 32, 32, 0, 0, 2048, 1e-6, 1e4, false, 0},
           .gguf_pairing = RopePairing::kAdjacent,
           .multipliers = true,
           .experts = kGraniteExperts},
    Family{.name = "granitemoeshared",
           .architecture = "",  // its GGUF files call themselves granitemoe
           .configuration = "GraniteMoeSharedConfig",
           .hf = {32000, 4096, 11008, 32, 32, 0, 0, 2048, 1e-6, 1e4, false, 0},
           .gguf_pairing = RopePairing::kAdjacent,
           .multipliers = true,
           .experts = beside_a_shared_one(kGraniteExperts)},
};

// Families that people bring and that the decode program has no steps for: what each needs.
struct Beyond {
  std::string_view name;  // model_type and general.architecture
  std::string_view needs;
};
constexpr std::array kBeyond = {
    Beyond{"gemma2", "soft-capped scores and logits"},
    Beyond{"qwen2moe", "a gate on the expert that all tokens share"},
    Beyond{"qwen2_moe", "a gate on the expert that all tokens share"},
    Beyond{"phimoe", "a choice of experts by jittered thresholds"},
    Beyond{"deepseek2", "a choice of experts by groups, and attention with latent keys and values"},
    Beyond{"deepseek_v2", "a choice of experts by groups, and attention with latent keys and values"},
    Beyond{"deepseek_v3", "a choice of experts by groups, and attention with latent keys and values"},
    Beyond{"glm4_moe", "a choice of experts by groups"},
    Beyond{"glm4moe", "a choice of experts by groups"},
};

std::string join(std::string_view Family::*name) {
  std::string list;
  for (const Family& family : kFamilies) {
    if (!(family.*name).empty()) list += concat(list.empty() ? "" : ", ", family.*name);
  }
  return list;
}

const Family* find(std::string_view Family::*name, std::string_view value) {
  const auto found = std::ranges::find(kFamilies, value, name);
  return value.empty() || found == kFamilies.end() ? nullptr : &*found;
}

// Puts a role's rows where they stand in the tensor that fuses `parts`.
void fuse(const ModelDescription& model, TensorRole role, std::span<const TensorRole> parts,
          const char* tensor, TensorSlot& slot) {
  if (std::ranges::find(parts, role) == parts.end()) return;
  slot.tensor = tensor;
  slot.tensor_rows = 0;
  for (const TensorRole part : parts) {
    if (part == role) slot.first_row = slot.tensor_rows;
    slot.tensor_rows += tensor_shape(model, part).rows;
  }
}

constexpr std::array kQkv = {TensorRole::kQuery, TensorRole::kKey, TensorRole::kValue};
constexpr std::array kGateUp = {TensorRole::kGate, TensorRole::kUp};

constexpr std::array kExpertGateUp = {TensorRole::kExpertGate, TensorRole::kExpertUp};

// Moves a role's slot to its expert's rows of the tensor that stacks those of all experts.
void stack(const ModelDescription& model, TensorId id, TensorSlot& slot) {
  slot.first_row += id.expert * slot.tensor_rows;
  slot.tensor_rows *= model.experts;
  slot.experts = model.experts;
}

TensorSlot slot_of(const Family& family, const ModelDescription& model, TensorId id, bool tied,
                   const char* RoleRow::*name, const char* fused_qkv, const char* fused_gate_up,
                   const char* layer_prefix) {
  const TensorRole role = tied && id.role == TensorRole::kLmHead ? TensorRole::kEmbedding : id.role;
  TensorSlot slot{.tensor = row_of(role).*name, .tensor_rows = tensor_shape(model, role).rows, .fold = {}};
  if (family.fused) {
    fuse(model, role, kQkv, fused_qkv, slot);
    fuse(model, role, kGateUp, fused_gate_up, slot);
  }
  if (is_per_layer(role)) slot.tensor = concat(layer_prefix, id.layer, ".", slot.tensor);
  return slot;
}

}  // namespace

void apply(const Fold& fold, std::span<float> values) {
  if (fold == Fold{}) return;
  for (float& value : values) value = (value + fold.add) * fold.multiply;
}

Fold fold_of(const ModelDescription& model, const Multipliers& multipliers, TensorRole role) {
  const bool norm = row_of(role).kind == TensorKind::kNorm;
  const auto times = [&](double factor) {
    return Fold{.add = norm ? static_cast<float>(multipliers.norm_offset) : 0.0f,
                .multiply = static_cast<float>(factor)};
  };
  switch (role) {
    case TensorRole::kEmbedding:
      return times(multipliers.embedding);
    case TensorRole::kQuery:
    case TensorRole::kQueryBias:
    case TensorRole::kQueryNorm: {
      // A norm of the head takes away what was done to its input.
      const bool last = (role == TensorRole::kQueryNorm) == model.qk_norm;
      const double usual = 1.0 / std::sqrt(static_cast<double>(model.head_size));
      return times(multipliers.attention == 0.0 || !last ? 1.0 : multipliers.attention / usual);
    }
    case TensorRole::kAttentionOut:
    case TensorRole::kDown:
    case TensorRole::kExpertDown:
      return times(multipliers.residual);
    case TensorRole::kLmHead:
      return times(multipliers.logits);
    default:
      return times(1.0);
  }
}

std::span<const Family> families() { return kFamilies; }

const Family* family_of_config(std::string_view model_type) { return find(&Family::name, model_type); }
const Family* family_of_gguf(std::string_view architecture, bool experts, bool shared, bool window) {
  if (architecture == "granitemoe" && shared) return family_of_config("granitemoeshared");
  if (architecture == "llama" && experts) return family_of_config("mixtral");
  if (architecture == "olmo2" && window) return family_of_config("olmo3");
  return find(&Family::architecture, architecture);
}

std::string refusal_of(std::string_view name, const std::string& known) {
  const auto beyond = std::ranges::find(kBeyond, name, &Beyond::name);
  if (beyond != kBeyond.end())
    return concat("'", name, "' needs ", beyond->needs, ", which there is no step for");
  return concat("'", name, "' is not supported; known are ", known);
}

std::vector<bool> unrotated_layers(uint32_t layers, uint32_t every) {
  std::vector<bool> unrotated;
  for (uint32_t layer = 0; every != 0 && layer < layers; ++layer)
    unrotated.push_back((layer + 1) % every == 0);
  return unrotated;
}

std::vector<bool> windowed_layers(uint32_t layers, uint32_t full_every) {
  std::vector<bool> windowed = unrotated_layers(layers, full_every);
  windowed.flip();
  return windowed;
}

double local_rope_theta(const Family& family, const ModelDescription& model, std::optional<double> own) {
  constexpr double kLocalTheta = 1e4;  // of Gemma 3, in transformers and llama.cpp
  switch (family.local_rope) {
    case LocalRope::kNone:
      return 0.0;
    case LocalRope::kUnscaled:
      return model.rope_scaling.kind == RopeScaling::Kind::kNone ? 0.0 : model.rope_theta;
    case LocalRope::kOwnBase:
      return own.value_or(kLocalTheta);
  }
  __builtin_unreachable();
}

std::string known_model_types() { return join(&Family::name); }
std::string known_architectures() { return join(&Family::architecture); }

TensorSlot hf_slot(const Family& family, const ModelDescription& model, TensorId id, bool tied) {
  TensorSlot slot = slot_of(family, model, id, tied, &RoleRow::hf, "self_attn.qkv_proj.weight",
                            "mlp.gate_up_proj.weight", "layers.");
  const ExpertFamily& experts = family.experts;
  const std::string layer = concat("layers.", id.layer, ".");
  // With norms before and behind, those behind have the names that those before have elsewhere.
  if (id.role == TensorRole::kFfnNorm && model.post_norm)
    slot.tensor = layer + "pre_feedforward_layernorm.weight";
  if (id.role == TensorRole::kRouter) slot.tensor = layer + experts.router;
  if (experts.shared != nullptr && std::ranges::find(kGateUp, id.role) != kGateUp.end()) {
    fuse(model, id.role, kGateUp, experts.shared_gate_up, slot);
    slot.tensor = layer + experts.shared_gate_up;
  }
  if (experts.shared != nullptr && id.role == TensorRole::kDown) slot.tensor = layer + experts.shared_down;
  if (!row_of(id.role).per_expert) return slot;
  const char* name = id.role == TensorRole::kExpertGate ? experts.gate
                     : id.role == TensorRole::kExpertUp ? experts.up
                                                        : experts.down;
  if (!experts.stacked) {
    slot.tensor = concat(layer, experts.module, id.expert, ".", name);
    return slot;
  }
  fuse(model, id.role, kExpertGateUp, name, slot);
  slot.tensor = layer + name;
  stack(model, id, slot);
  return slot;
}

TensorSlot gguf_slot(const Family& family, const ModelDescription& model, TensorId id, bool tied) {
  TensorSlot slot =
      slot_of(family, model, id, tied, &RoleRow::gguf, "attn_qkv.weight", "ffn_up.weight", "blk.");
  if (row_of(id.role).per_expert) stack(model, id, slot);
  if (model.experts > 0) {
    const std::string layer = concat("blk.", id.layer, ".");
    if (id.role == TensorRole::kGate) slot.tensor = layer + "ffn_gate_shexp.weight";
    if (id.role == TensorRole::kUp) slot.tensor = layer + "ffn_up_shexp.weight";
    if (id.role == TensorRole::kDown) slot.tensor = layer + "ffn_down_shexp.weight";
  }
  return slot;
}

}  // namespace brim
