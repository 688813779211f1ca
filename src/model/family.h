// What a family of models is: a row for each, for Hugging Face and GGUF files alike. Adding a family is
// adding a row, where its arithmetic is that of the decode program.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/description.h"
#include "model/tensor.h"

namespace brim {

// What becomes of a value of a checkpoint on its way into the image: (value + add) * multiply. Whatever a
// family does to its activations by constants is folded into its weights so.
struct Fold {
  float add = 0.0f;
  float multiply = 1.0f;
  bool operator==(const Fold&) const = default;
};

void apply(const Fold& fold, std::span<float> values);

// Constants that a family multiplies its activations with.
struct Multipliers {
  double embedding = 1.0;
  double attention = 0.0;  // of the scores; 0: 1 / sqrt(head_size)
  double residual = 1.0;   // of what attention and FFN add to the residual
  double logits = 1.0;
  double norm_offset = 0.0;  // what is added to the weights of norms
  bool operator==(const Multipliers&) const = default;
};

// What the fold of each tensor is.
Fold fold_of(const ModelDescription& model, const Multipliers& multipliers, TensorRole role);

// Where the rows of a role stand in a file.
struct TensorSlot {
  std::string tensor;        // name in the file
  uint64_t first_row = 0;    // of the tensor
  uint64_t tensor_rows = 0;  // that the tensor has in all: more than the role's where it is fused
  uint64_t experts = 0;      // whose rows it stacks, in a dimension of its own; 0: it has two dimensions
  Fold fold;
};

// The values that keys of config.json have where they are absent: those of the family's configuration class
// in transformers. A null means something else (None): docs/checkpoints.md.
struct HfDefaults {
  uint32_t vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads;
  uint32_t num_key_value_heads;  // 0: as num_attention_heads
  uint32_t head_dim;             // 0: hidden_size / num_attention_heads
  uint32_t max_position_embeddings;
  double rms_norm_eps, rope_theta;
  bool tie_word_embeddings;
  uint32_t sliding_window;  // 0: none
};

// Which layers' tokens see a window only.
enum class SlidingWindow : uint8_t {
  kNever,            // `sliding_window` has no meaning
  kAlways,           // wherever `sliding_window` is a number
  kSwitch,           // with `use_sliding_window`, in the layers from `max_window_layers` on
  kSwitchUnrotated,  // with `use_sliding_window`, in the layers without RoPE
  kBetweenFull,      // in all layers but every `full_every`-th
};

// What angles the layers with a window turn by.
enum class LocalRope : uint8_t {
  kNone,      // those of all layers
  kUnscaled,  // without the scaling that the others have
  kOwnBase,   // without it, and of a base of their own: `rope_local_base_freq`
};

// How the weights of the chosen experts come from the router's logits.
enum class ExpertWeights : uint8_t {
  kOfAll,     // softmax over all experts
  kOfChosen,  // over the chosen ones, or of all and then divided by the sum of the chosen
  kSwitch,    // the second with norm_topk_prob, else the first
};

// A family's mixture of experts.
struct ExpertFamily {
  const char* count = nullptr;  // key of config.json that says how many there are; null: a dense family
  uint32_t experts = 0, experts_per_token = 0;  // where the keys are absent
  const char* hidden = nullptr;                 // key of an expert's width
  uint32_t hidden_size = 0;
  ExpertWeights weights = ExpertWeights::kOfChosen;
  bool gguf_chosen = true;  // what llama.cpp does, whose files do not say
  bool stacked = false;     // in Hugging Face files: all experts in one tensor, gate and up after one another
  const char* module = "mlp.experts.";  // in Hugging Face files, with the router and the three of an expert
  const char* router = "mlp.gate.weight";
  const char* gate = "gate_proj.weight";
  const char* up = "up_proj.weight";
  const char* down = "down_proj.weight";
  // Of the expert that all tokens share: the key of its width, its gate and up in one tensor, and its down;
  // null: the family has none.
  const char* shared = nullptr;
  const char* shared_gate_up = nullptr;
  const char* shared_down = nullptr;
};

struct Family {
  std::string_view name;           // model_type of config.json
  std::string_view architecture;   // general.architecture of GGUF; empty: not read from there
  std::string_view configuration;  // the class in transformers that `hf` is from
  HfDefaults hf;
  RopePairing
      gguf_pairing;  // llama.cpp's converter makes adjacent pairs of some families; config.json is half-split
  bool qkv_bias = false;
  bool qk_norm = false;
  bool fused = false;        // q, k, v in one tensor; gate and up in one
  bool multipliers = false;  // has keys for Multipliers
  SlidingWindow window = SlidingWindow::kNever;
  uint32_t full_every = 0;  // n: every n-th layer sees all positions, where the file does not say which
  LocalRope local_rope = LocalRope::kNone;
  bool gelu = false;
  bool scaled_embedding = false;  // the embedding is multiplied with sqrt(dim)
  double hf_norm_offset = 0.0;    // norms multiply with this plus the weights of Hugging Face files
  // Default of the key whose -1/2 power scores are multiplied with, 0: there is none; and how many layers the
  // model has for which it is dim / heads, which GGUF files do not say.
  uint32_t query_pre_attn_scalar = 0;
  uint32_t gguf_wide_layers = 0;
  bool norm_all_heads = false;
  bool pre_norm = true;
  bool post_norm = false;
  uint32_t unrotated_every =
      0;  // n: every n-th layer has no RoPE, where the file does not say which; 0: all have
  ExpertFamily experts = {};
};

std::span<const Family> families();

// The family of a model_type or a general.architecture; null: none.
const Family* family_of_config(std::string_view model_type);
// `experts`, `shared`, `window`: the file has some, one that all tokens share, a sliding window. Mixtral's
// files call themselves llama, and OLMo 3's olmo2.
const Family* family_of_gguf(std::string_view architecture, bool experts = false, bool shared = false,
                             bool window = false);

// Why there is no such family: what it needs, or the names in `known`.
std::string refusal_of(std::string_view name, const std::string& known);

// Which of a family's layers have no RoPE if every n-th has none; empty for n = 0.
std::vector<bool> unrotated_layers(uint32_t layers, uint32_t every);
// Which have a window if every n-th has none; empty for n = 0.
std::vector<bool> windowed_layers(uint32_t layers, uint32_t full_every);

// The base of the angles of layers with a window, that of the others and whether theirs are scaled being
// known. `own`: what the file says. 0: that of the others.
double local_rope_theta(const Family& family, const ModelDescription& model, std::optional<double> own);

// "llama, mistral, ..."
std::string known_model_types();
std::string known_architectures();

// The slot of a tensor in Hugging Face files (without the prefix "model.") and in GGUF files. The LM head of
// tied embeddings is that of the embedding.
TensorSlot hf_slot(const Family& family, const ModelDescription& model, TensorId id, bool tied);
TensorSlot gguf_slot(const Family& family, const ModelDescription& model, TensorId id, bool tied);

}  // namespace brim
