// Models on which executors are compared with one another: their images take every path of a program.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "compile/build_program.h"
#include "isa/layout.h"
#include "model/description.h"
#include "tests/support/model_shape.h"

namespace brim::test {

inline constexpr uint32_t kExecutorContext = 192;  // three blocks of attention positions
inline constexpr uint32_t kLongContext = 2048;
inline constexpr uint32_t kLongPositions[] = {0, 63, 64, 2000};

struct ExecutorShape {
  std::string name;
  ModelDescription model;
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
  KvCache kv = {};
};

inline void PrintTo(const ExecutorShape& shape, std::ostream* out) { *out << shape.name; }

// Grouped queries, biases, head norms, norms behind, a layer without RoPE, tied embeddings, all embedding
// formats, head sizes 8 to 128, all page shapes; the Qkv matrix in one part (the first two), and in parts of
// one and of two KV heads.
inline std::vector<ExecutorShape> executor_shapes() {
  const auto shape = [](const char* name, uint32_t dim, Heads heads, uint32_t hidden,
                        EmbeddingFormat embedding) {
    return ExecutorShape{.name = name,
                         .model = model_shape(name, dim, heads, hidden, 100, kExecutorContext),
                         .embedding = embedding};
  };
  std::vector<ExecutorShape> shapes = {
      shape("one_group_gqa_heads_of_8", 64, {8, 4, 8}, 172, EmbeddingFormat::kQ8),
      shape("one_column_pages_heads_of_64_bias", 384, {6, 2, 64}, 640, EmbeddingFormat::kFp16),
      shape("two_column_pages_heads_of_128_qk_norm", 256, {2, 2, 128}, 768, EmbeddingFormat::kQ4),
      shape("four_column_pages_heads_of_96_tied_gelu", 512, {4, 4, 96}, 1024, EmbeddingFormat::kQ8),
      shape("norms_behind_and_a_layer_without_rope", 320, {4, 2, 64}, 384, EmbeddingFormat::kQ8)};
  shapes[1].model.qkv_bias = true;
  shapes[2].model.qk_norm = true;
  shapes[3].model.tied_embeddings = true;
  shapes[3].model.gelu = true;
  shapes[4].model.pre_norm = false;
  shapes[4].model.post_norm = true;
  shapes[4].model.unrotated = {false, true};
  return shapes;
}

// A cache of four bits: of K and V, of V alone, of K alone; rotated or not, also with eight bits; records of
// half a beat and of a whole one, and heads that do not fill them.
inline std::vector<ExecutorShape> four_bit_cache_shapes() {
  const auto shape = [](const char* name, size_t like, const KvCache& kv) {
    ExecutorShape result = executor_shapes()[like];
    result.name = name;
    result.kv = kv;
    return result;
  };
  return {
      shape("rotated_gqa_heads_of_8", 0, {.key_bits = 8, .value_bits = 8, .rotated = true}),
      shape("four_bits_rotated_gqa_heads_of_8", 0, {.key_bits = 4, .value_bits = 4, .rotated = true}),
      shape("four_bits_gqa_heads_of_64_bias", 1, {.key_bits = 4, .value_bits = 4, .rotated = false}),
      shape("four_bits_rotated_heads_of_128_qk_norm", 2, {.key_bits = 4, .value_bits = 4, .rotated = true}),
      shape("k8v4_heads_of_96", 3, {.key_bits = 8, .value_bits = 4, .rotated = false}),
      shape("k4v8_rotated_heads_of_96", 3, {.key_bits = 4, .value_bits = 8, .rotated = true}),
      shape("k8v4_heads_of_64", 4, {.key_bits = 8, .value_bits = 4, .rotated = false})};
}

// Of four bits and rotated, where heads have 128 elements.
inline ExecutorShape four_bit_cache_shape() { return four_bit_cache_shapes()[3]; }

// Two query heads to each KV head, of 64 elements and of 128, and a context of a few thousand positions.
inline std::vector<ExecutorShape> long_four_bit_cache_shapes() {
  std::vector<ExecutorShape> shapes = {four_bit_cache_shapes()[1], four_bit_cache_shape()};
  shapes[0].name = "long_context_in_four_bits_heads_of_64";
  shapes[1].name = "long_context_in_four_bits_heads_of_128";
  for (ExecutorShape& shape : shapes) {
    shape.model.name = shape.name;
    shape.model.layers = 1;
    shape.model.trained_context = kLongContext;
  }
  shapes[0].model.head_size = 64;
  shapes[1].model.heads = 4;
  return shapes;
}

// A shape with one layer, so that many passes are quick.
inline ExecutorShape with_one_layer(ExecutorShape shape) {
  shape.model.layers = 1;
  if (!shape.model.unrotated.empty()) shape.model.unrotated.resize(1);
  return shape;
}

// All of these.
inline std::vector<ExecutorShape> executor_and_cache_shapes() {
  std::vector<ExecutorShape> shapes = executor_shapes();
  for (ExecutorShape& shape : four_bit_cache_shapes()) shapes.push_back(std::move(shape));
  return shapes;
}

// The first of them, changed.
inline ExecutorShape small_shape(const char* name, const std::function<void(ModelDescription&)>& change) {
  ExecutorShape result = executor_shapes()[0];
  result.name = name;
  result.model.name = name;
  change(result.model);
  return result;
}

// All layers are mixtures; with `shared` hidden elements of an expert for all tokens beside them.
inline void with_experts(ModelDescription& model, uint32_t experts, uint32_t per_token,
                         uint32_t expert_hidden, uint32_t shared = 0) {
  model.experts = experts;
  model.experts_per_token = per_token;
  model.expert_hidden = expert_hidden;
  model.hidden = shared;
}

inline void with_norm_over_all_heads(ModelDescription& model, uint32_t heads, uint32_t head_size) {
  model.heads = model.kv_heads = heads;
  model.head_size = head_size;
  model.qk_norm = model.norm_all_heads = true;
}

// Mixtures of experts, matrices in eight bits, norms over all heads.
inline std::vector<ExecutorShape> mixture_shapes() {
  return {
      small_shape("eight_bit_everywhere",
                  [](auto& m) {
                    using enum TensorRole;
                    m.eight_bit = {kQuery, kKey, kValue, kAttentionOut, kGate, kUp, kDown, kLmHead};
                  }),
      small_shape("eight_bit_down_of_odd_groups",
                  [](auto& m) {
                    m.dim = m.hidden = 384;
                    m.eight_bit = {TensorRole::kDown};
                  }),
      small_shape("experts_softmax_over_the_chosen",
                  [](auto& m) {
                    with_experts(m, 8, 2, 200);
                    m.softmax_chosen = true;
                  }),
      small_shape("experts_softmax_over_all_and_a_shared_one",
                  [](auto& m) {
                    m.dim = 256;
                    with_experts(m, 20, 3, 64, 172);
                  }),
      small_shape("most_experts", [](auto& m) { with_experts(m, 128, 8, 32); }),
      small_shape("one_expert",
                  [](auto& m) {
                    with_experts(m, 1, 1, 130);
                    m.softmax_chosen = true;
                  }),
      small_shape("norm_over_all_heads", [](auto& m) { with_norm_over_all_heads(m, 4, 32); }),
      small_shape("norm_over_all_heads_of_128_and_experts",
                  [](auto& m) {
                    m.dim = 256;
                    with_norm_over_all_heads(m, 2, 128);
                    with_experts(m, 16, 8, 96);
                  }),
      [] {
        ExecutorShape shape = small_shape("norm_over_all_heads_in_four_bits",
                                          [](auto& m) { with_norm_over_all_heads(m, 4, 32); });
        shape.kv = {.key_bits = 4, .value_bits = 4, .rotated = true};
        return shape;
      }(),
  };
}

}  // namespace brim::test
