// A LLaMA decoder in plain FP32, straight from the equations and the checkpoint's own tensors. It shares
// nothing with the images, programs and executors, and so can tell whether they are right.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/tensor_source.h"

namespace brim {

// One sequence. Holds all weights as FP32: 4 bytes for each of them.
class Fp32Forward {
 public:
  // Reads every tensor. `context`: positions that there is room for, which longrope asks; 0: few. Throws
  // Error as the source does.
  explicit Fp32Forward(const TensorSource& source, uint64_t context = 0);

  // Takes the token at the next position; returns its logits, [vocabulary], valid until the next call.
  // Throws Error if `token` is not in the vocabulary.
  std::span<const float> step(uint32_t token);

  // Forgets the sequence.
  void reset();

  uint32_t position() const { return position_; }

 private:
  using Vector = std::vector<float>;

  struct Ffn {
    Vector w_gate, w_up;  // [hidden][dim]
    Vector w_down;        // [dim][hidden]
  };

  struct Layer {
    Vector attention_norm;       // [dim]; empty without pre_norm, as ffn_norm
    Vector wq, wk, wv;           // [heads * head_size][dim], [kv_heads * head_size][dim] twice
    Vector bq, bk, bv;           // empty without qkv_bias
    Vector q_norm, k_norm;       // [head_size], of all heads [heads * head_size]; empty without qk_norm
    Vector wo;                   // [dim][heads * head_size]
    Vector post_attention_norm;  // [dim]; empty without post_norm, as post_ffn_norm
    Vector ffn_norm;
    Vector post_ffn_norm;
    Ffn ffn;        // of a dense model, or the expert that all tokens share; empty without
    Vector router;  // [experts][dim]; empty without
    std::vector<Ffn> experts;
    Vector keys, values;  // [position][kv_heads * head_size]
  };

  void attend(const Layer& layer, size_t first);
  void feed_forward(const Ffn& ffn, float weight, std::span<const float> norm);
  void mix_experts(const Layer& layer);
  void turn_by(RopeTable table);
  void rotate(std::span<float> head) const;

  ModelDescription model_;
  uint64_t context_;
  Vector embedding_;  // [vocabulary][dim]
  std::vector<Layer> layers_;
  Vector final_norm_;  // [dim]
  Vector lm_head_;     // [vocabulary][dim]; empty with tied embeddings

  uint32_t position_ = 0;
  Vector x_, normed_, branch_;  // [dim]
  Vector q_, attended_;         // [heads * head_size]
  Vector k_, v_;                // [kv_heads * head_size]
  Vector gate_, up_;            // [hidden], of an expert [expert_hidden]
  Vector choices_;              // [experts]
  Vector scores_;               // [position + 1]
  Vector cosines_, sines_;      // [head_size / 2], of the position and a layer's table
  Vector logits_;               // [vocabulary]
};

}  // namespace brim
