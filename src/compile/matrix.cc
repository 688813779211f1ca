#include "compile/matrix.h"

namespace brim {

std::vector<Matrix> matrices(const ModelDescription& model) {
  std::vector<Matrix> result;
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    result.push_back({MatrixKind::kQkv, layer, model.query_width() + 2 * model.kv_width(), model.dim});
    result.push_back({MatrixKind::kOut, layer, model.dim, model.query_width()});
    result.push_back({MatrixKind::kGateUp, layer, 2 * model.hidden, model.dim});
    result.push_back({MatrixKind::kDown, layer, model.dim, model.hidden});
  }
  result.push_back({MatrixKind::kLmHead, 0, model.vocabulary, model.dim});
  return result;
}

uint32_t rope_source(const ModelDescription& model, uint32_t i) {
  if (model.rope_pairing == RopePairing::kAdjacent) return i;
  return i / 2 + (i % 2) * (model.head_size / 2);
}

namespace {

RowSource qkv_source(const ModelDescription& model, uint32_t layer, uint32_t row) {
  const uint32_t d = model.head_size;
  const uint32_t rows_per_kv_head = (2 + model.heads_per_kv()) * d;
  const uint32_t kv_head = row / rows_per_kv_head;
  const uint32_t head_in_group = row % rows_per_kv_head / d;  // 0: K, 1: V, 2...: Q
  const uint32_t element = row % d;
  switch (head_in_group) {
    case 0:
      return {{TensorRole::kKey, layer}, uint64_t{kv_head} * d + rope_source(model, element)};
    case 1:
      return {{TensorRole::kValue, layer}, uint64_t{kv_head} * d + element};
    default: {
      const uint32_t head = kv_head * model.heads_per_kv() + head_in_group - 2;
      return {{TensorRole::kQuery, layer}, uint64_t{head} * d + rope_source(model, element)};
    }
  }
}

}  // namespace

RowSource row_source(const ModelDescription& model, const Matrix& matrix, uint32_t row) {
  switch (matrix.kind) {
    case MatrixKind::kQkv:
      return qkv_source(model, matrix.layer, row);
    case MatrixKind::kOut:
      return {{TensorRole::kAttentionOut, matrix.layer}, row};
    case MatrixKind::kGateUp:
      return {{row % 2 == 0 ? TensorRole::kGate : TensorRole::kUp, matrix.layer}, row / 2};
    case MatrixKind::kDown:
      return {{TensorRole::kDown, matrix.layer}, row};
    case MatrixKind::kLmHead:
      return {{TensorRole::kLmHead, 0}, row};
  }
  __builtin_unreachable();
}

}  // namespace brim
