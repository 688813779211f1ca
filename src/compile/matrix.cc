#include "compile/matrix.h"

#include <algorithm>
#include <array>

#include "base/concat.h"
#include "base/error.h"
#include "isa/ops.h"

namespace brim {

namespace {

using enum TensorRole;

struct MatrixName {
  std::string_view name;
  RoleSet roles;
};
constexpr RoleSet kFfn = {kGate, kUp, kExpertGate, kExpertUp};
constexpr std::array kMatrixNames = {
    MatrixName{"qkv", {kQuery, kKey, kValue}},
    MatrixName{"o", {kAttentionOut}},
    MatrixName{"gate_up", kFfn},
    MatrixName{"down", {kDown, kExpertDown}},
    MatrixName{"router", {kRouter}},
    MatrixName{"lm_head", {kLmHead}},
};

}  // namespace

RoleSet roles_of_matrices(std::string_view list) {
  RoleSet roles;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(name.size() + 1, list.size()));
    std::string known = "all";
    bool found = name == "all";
    for (const MatrixName& each : kMatrixNames) {
      if (name == each.name || name == "all") {
        roles |= each.roles;
        found = true;
      }
      known += concat(", ", each.name);
    }
    if (!found) throw Error(concat("there is no matrix '", name, "'; known are ", known));
  }
  return roles;
}

std::vector<MatrixBits> bits_of_matrices(const Program& program) {
  std::vector<MatrixBits> result;
  for (size_t i = 0; i + 1 < program.instructions.size(); ++i) {
    const Instruction& in = program.instructions[i];
    if (in.opcode != Opcode::kMatvec) continue;
    const Opcode taker = program.instructions[i + 1].opcode;
    const char* name = in.buffer == ActivationBuffer::kAttention ? "o"
                       : in.buffer == ActivationBuffer::kHidden  ? "down"
                       : taker == Opcode::kSwiglu                ? "gate_up"
                       : taker == Opcode::kRoute                 ? "router"
                       : taker == Opcode::kLogits                ? "lm_head"
                                                                 : "qkv";
    const MatrixBits bits{name, 4 * planes_of(in)};
    if (std::ranges::find(result, bits) == result.end()) result.push_back(bits);
  }
  return result;
}

std::vector<Matrix> matrices(const ModelDescription& model) {
  std::vector<Matrix> result;
  const auto add = [&](MatrixKind kind, uint32_t layer, uint32_t rows, uint32_t inputs, uint32_t expert = 0) {
    Matrix matrix{.kind = kind, .layer = layer, .rows = rows, .inputs = inputs, .expert = expert};
    matrix.eight_bit = has_eight_bits(model, row_source(model, matrix, 0).tensor.role);
    result.push_back(matrix);
  };
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    add(MatrixKind::kQkv, layer, model.query_width() + 2 * model.kv_width(), model.dim);
    add(MatrixKind::kOut, layer, model.dim, model.query_width());
    if (model.experts > 0) add(MatrixKind::kRouter, layer, model.experts, model.dim);
    for (uint32_t expert = 0; expert < model.experts; ++expert) {
      add(MatrixKind::kExpertGateUp, layer, 2 * model.expert_hidden, model.dim, expert);
      add(MatrixKind::kExpertDown, layer, model.dim, model.expert_hidden, expert);
    }
    if (model.hidden == 0) continue;
    add(MatrixKind::kGateUp, layer, 2 * model.hidden, model.dim);
    add(MatrixKind::kDown, layer, model.dim, model.hidden);
  }
  add(MatrixKind::kLmHead, 0, model.vocabulary, model.dim);
  return result;
}

std::vector<std::span<const Matrix>> runs_of(std::span<const Matrix> matrices) {
  std::vector<std::span<const Matrix>> runs;
  for (size_t first = 0, last = 0; first < matrices.size(); first = last) {
    const auto in_run = [&](const Matrix& matrix) {
      return is_of_expert(matrix.kind) == is_of_expert(matrices[first].kind) &&
             matrix.expert == matrices[first].expert;
    };
    while (last < matrices.size() && in_run(matrices[last])) ++last;
    runs.push_back(matrices.subspan(first, last - first));
  }
  return runs;
}

uint64_t run_bytes(std::span<const Matrix> run) {
  uint64_t pages = 0;
  for (const Matrix& matrix : run) pages += matrix.pages();
  return stream_bytes(pages);
}

uint32_t rope_source(const ModelDescription& model, uint32_t i) {
  if (model.rope_pairing == RopePairing::kAdjacent) return i;
  return i / 2 + (i % 2) * (model.head_size / 2);
}

namespace {

// With norms over all heads: K and the queries of every KV head, then V of every KV head.
RowSource qkv_source_values_last(const ModelDescription& model, uint32_t layer, uint32_t row) {
  const uint32_t d = model.head_size;
  const uint32_t first_value = model.query_width() + model.kv_width();
  if (row >= first_value) return {{TensorRole::kValue, layer}, row - first_value};
  const uint32_t heads = 1 + model.heads_per_kv();  // K and queries of a KV head
  const uint32_t kv_head = row / (heads * d), head_in_group = row / d % heads;
  const uint32_t element = rope_source(model, row % d);
  if (head_in_group == 0) return {{TensorRole::kKey, layer}, uint64_t{kv_head} * d + element};
  const uint32_t head = kv_head * model.heads_per_kv() + head_in_group - 1;
  return {{TensorRole::kQuery, layer}, uint64_t{head} * d + element};
}

RowSource qkv_source(const ModelDescription& model, uint32_t layer, uint32_t row) {
  if (model.norm_all_heads) return qkv_source_values_last(model, layer, row);
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
    case MatrixKind::kRouter:
      return {{TensorRole::kRouter, matrix.layer}, row};
    case MatrixKind::kExpertGateUp:
      return {{row % 2 == 0 ? TensorRole::kExpertGate : TensorRole::kExpertUp, matrix.layer, matrix.expert},
              row / 2};
    case MatrixKind::kExpertDown:
      return {{TensorRole::kExpertDown, matrix.layer, matrix.expert}, row};
    case MatrixKind::kLmHead:
      return {{TensorRole::kLmHead, 0}, row};
  }
  __builtin_unreachable();
}

}  // namespace brim
