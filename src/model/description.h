// What a LLaMA-family model looks like: every size and switch that packing and programs depend on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/tensor_role.h"

namespace brim {

// Which elements of a head RoPE rotates together: (2i, 2i + 1) as in llama2.c and GGUF, or
// (i, i + head_size / 2) as in Hugging Face. Images always hold adjacent pairs (rows of Wq and Wk,
// their biases and norms are permuted when packing).
enum class RopePairing : uint8_t { kAdjacent, kHalfSplit };

// Change of the RoPE frequencies for contexts longer than trained (Hugging Face `rope_scaling`).
struct RopeScaling {
  enum class Kind : uint8_t { kNone, kLinear, kLlama3, kYarn, kLongRope };
  Kind kind = Kind::kNone;
  double factor = 1.0;
  double low_freq_factor = 1.0;   // llama3
  double high_freq_factor = 4.0;  // llama3
  double original_context = 0.0;  // llama3, yarn, longrope: context the model was trained with
  double beta_fast = 32.0;        // yarn
  double beta_slow = 1.0;         // yarn
  // yarn, longrope: factor on cos and sin; 0: for yarn 0.1 ln(factor) + 1, for longrope
  // sqrt(1 + ln(factor) / ln(original_context)), and 1 for a factor up to 1.
  double attention_factor = 0.0;
  // longrope: divisors of the frequencies, [head_size / 2], within the original context and beyond it.
  std::vector<float> short_factors = {}, long_factors = {};
};

// Angles by which a model's layers turn q and k. A model has one or more of them.
enum class RopeTable : uint8_t {
  kUsual,  // of rope_theta and rope_scaling
  kLocal,  // of local_rope_theta, without scaling
  kNone,   // that turn nothing
};

struct ModelDescription {
  std::string name;  // for people: "stories260K", "llama2-7b"
  uint32_t dim = 0;  // width of the residual
  uint32_t layers = 0;
  uint32_t heads = 0;      // query heads
  uint32_t kv_heads = 0;   // divides heads
  uint32_t head_size = 0;  // even, at most 256; heads * head_size need not be dim
  uint32_t hidden = 0;  // FFN width; of a model with experts that of the one that all tokens share, 0: none
  uint32_t vocabulary = 0;
  uint32_t trained_context = 0;   // positions the model was trained for (0: not known)
  uint32_t attention_window = 0;  // positions that a token attends to, its own included (Mistral 0.1); 0: all
  std::vector<bool> windowed = {};  // of each layer, whether it has the window; empty: all have
  float norm_eps = 1e-5f;
  double rope_theta = 10000.0;
  double local_rope_theta =
      0.0;  // Gemma 3, OLMo 3: base of the angles of layers with the window; 0: the usual
  RopePairing rope_pairing = RopePairing::kAdjacent;
  RopeScaling rope_scaling;
  std::vector<bool> unrotated = {};  // SmolLM3: of each layer, whether it has no RoPE; empty: all have
  bool tied_embeddings = false;      // lm_head is the embedding
  bool qkv_bias = false;             // Qwen2
  bool qk_norm = false;              // Qwen3: RMSNorm of each q and k head before RoPE
  bool norm_all_heads = false;  // OLMoE: with qk_norm, one RMSNorm for all heads of q and one for those of k
  bool pre_norm = true;         // RMSNorm of the residual on its way into attention and FFN
  bool post_norm = false;       // OLMo 2: RMSNorm of what attention and FFN give, before it is added
  bool gelu = false;            // Gemma: GELU (tanh) of the FFN's gate, else SiLU
  uint32_t experts = 0;         // FFNs that a router chooses from; 0: a dense model
  uint32_t experts_per_token = 0;
  uint32_t expert_hidden = 0;  // FFN width of an expert
  bool softmax_chosen =
      false;          // softmax of the router over the chosen experts (Mixtral), else over all (OLMoE)
  RoleSet eight_bit;  // matrices that the image holds in eight bits; the router always is

  uint32_t query_width() const { return heads * head_size; }
  uint32_t kv_width() const { return kv_heads * head_size; }
  uint32_t heads_per_kv() const { return heads / kv_heads; }
  bool has_window(uint32_t layer) const { return windowed.empty() || windowed[layer]; }
  // Positions that a token attends to in a layer; 0: all.
  uint32_t window(uint32_t layer) const { return has_window(layer) ? attention_window : 0; }
  RopeTable rope_table(uint32_t layer) const {
    if (!unrotated.empty() && unrotated[layer]) return RopeTable::kNone;
    return local_rope_theta != 0.0 && has_window(layer) ? RopeTable::kLocal : RopeTable::kUsual;
  }
};

// Throws Error, naming the field, unless every size is positive, consistent and within the format's
// limits (head_size even and <= 256, sizes below 2^24, dim, hidden and heads * head_size <= 65536,
// layers <= 1024, experts <= 256, of which a token has <= 16).
void validate(const ModelDescription& model);

// Positions that an image has room for where the user names no number: at most these. 0: no limit is known.
// With longrope those up to the original context, as more would change all positions; with an attention
// window those of the window, as the accelerator takes no more of them.
uint32_t usual_context(const ModelDescription& model);

// What a user should know about a context of so many tokens; empty: nothing.
std::string context_note(const ModelDescription& model, uint64_t tokens);

// Weights in the matrices that are streamed for one token (all layers' projections and lm_head; of the
// experts those that it chooses), and in all matrices that may be.
uint64_t streamed_weights(const ModelDescription& model);
uint64_t matrix_weights(const ModelDescription& model);

// Angle per position of each pair, head_size / 2 values, and the factor on cos and sin, after scaling.
// Sources: Su et al. 2021 (RoPE); Hugging Face modeling_rope_utils for linear, llama3, yarn and longrope.
struct RopeFrequencies {
  std::vector<double> radians_per_position;
  double amplitude = 1.0;
};
// `context`: positions that there is room for. Only longrope asks: all positions turn by the long factors
// where there is room for more than the original context, as in llama.cpp and vLLM.
RopeFrequencies rope_frequencies(const ModelDescription& model, uint64_t context = 0,
                                 RopeTable table = RopeTable::kUsual);

// The tables that the layers of a model turn by, ascending; the usual one always.
std::vector<RopeTable> rope_tables(const ModelDescription& model);

}  // namespace brim
