// Models on which executors are compared with one another: their images take every path of a program.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "isa/layout.h"
#include "model/description.h"
#include "tests/support/model_shape.h"

namespace brim::test {

inline constexpr uint32_t kExecutorContext = 192;  // three blocks of attention positions

struct ExecutorShape {
  std::string name;
  ModelDescription model;
  EmbeddingFormat embedding = EmbeddingFormat::kQ8;
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
      shape("four_column_pages_heads_of_96_tied", 512, {4, 4, 96}, 1024, EmbeddingFormat::kQ8),
      shape("norms_behind_and_a_layer_without_rope", 320, {4, 2, 64}, 384, EmbeddingFormat::kQ8)};
  shapes[1].model.qkv_bias = true;
  shapes[2].model.qk_norm = true;
  shapes[3].model.tied_embeddings = true;
  shapes[4].model.pre_norm = false;
  shapes[4].model.post_norm = true;
  shapes[4].model.unrotated = {false, true};
  return shapes;
}

}  // namespace brim::test
