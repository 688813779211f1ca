// Where each vector of the parameter region stands, and how much RoPE's tables take.
#pragma once

#include <cstdint>

#include "model/description.h"

namespace brim {

// Offsets, in bytes from the start of the parameter region, of the FP32 vectors that the SPU needs:
// norm weights, and biases and head norms where the model has them. Every vector starts on a beat.
// Head biases stand one after the other in the order of the Qkv matrix's rows, each padded to whole beats.
class ParameterLayout {
 public:
  explicit ParameterLayout(const ModelDescription& model);

  // Of norms before and behind attention and FFN, those that the model has.
  uint64_t attention_norm(uint32_t layer) const { return layer * layer_bytes_; }
  uint64_t ffn_norm(uint32_t layer) const { return attention_norm(layer) + norm_bytes_; }
  uint64_t post_attention_norm(uint32_t layer) const { return attention_norm(layer) + pre_norms_bytes_; }
  uint64_t post_ffn_norm(uint32_t layer) const { return post_attention_norm(layer) + norm_bytes_; }
  uint64_t qkv_bias(uint32_t layer) const { return post_attention_norm(layer) + post_norms_bytes_; }
  uint64_t query_norm(uint32_t layer) const { return qkv_bias(layer) + bias_bytes_; }
  uint64_t key_norm(uint32_t layer) const { return query_norm(layer) + query_norm_bytes_; }
  uint64_t final_norm() const { return layers_ * layer_bytes_; }
  uint64_t bytes() const { return final_norm() + norm_bytes_; }

  uint64_t norm_bytes() const { return norm_bytes_; }  // one norm vector, whole beats
  uint64_t bias_bytes() const { return bias_bytes_; }  // all biases of a layer; 0 without
  uint64_t head_bytes() const { return head_bytes_; }  // one head's vector, whole beats
  // Norm weights of q and k: a head's, or those of all heads one after the other; 0 without.
  uint64_t query_norm_bytes() const { return query_norm_bytes_; }
  uint64_t key_norm_bytes() const { return key_norm_bytes_; }

 private:
  uint64_t layers_, norm_bytes_, pre_norms_bytes_, post_norms_bytes_, head_bytes_, bias_bytes_,
      query_norm_bytes_, key_norm_bytes_, layer_bytes_;
};

// Bytes of the RoPE region: rope_tables(model) one after the other, each with a row for each position.
uint64_t rope_bytes(const ModelDescription& model, uint64_t context);

}  // namespace brim
