#include "quantize/awq.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/concat.h"
#include "base/parallel.h"
#include "quantize/rtn.h"

namespace brim {

namespace {

constexpr uint64_t kInputsPerLayer = 4;
constexpr uint32_t kSampleRows = 128;  // of each matrix, evenly spread
constexpr std::array<float, 11> kAlphas = {0.0f, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1.0f};

// rms^alpha, scaled so that the geometric mean of the extremes is 1 and no FP16 scale leaves its range.
std::vector<float> channel_scales(std::span<const float> moments, float alpha) {
  std::vector<float> scale(moments.size());
  for (size_t c = 0; c < scale.size(); ++c) {
    scale[c] = std::pow(std::max(std::sqrt(moments[c]), 1e-4f), alpha);
  }
  const auto [low, high] = std::minmax_element(scale.begin(), scale.end());
  const float middle = std::sqrt(*low * *high);
  for (float& s : scale) s = std::clamp(s / middle, 1e-2f, 1e2f);
  return scale;
}

// Weighted rounding error of one row, scaled.
double row_error(std::span<const float> row, std::span<const float> scale,
                 std::span<const float> importance) {
  double error = 0;
  for (size_t first = 0; first < row.size(); first += kGroup) {
    std::array<float, kGroup> w{};
    std::array<float, kGroup> weight{};
    for (size_t i = 0; i < std::min<size_t>(kGroup, row.size() - first); ++i) {
      w[i] = row[first + i] * scale[first + i];
      weight[i] = importance[first + i];
    }
    error += static_cast<double>(group_error(w, weight));
  }
  return error;
}

}  // namespace

std::unique_ptr<TensorSource> quantise_awq(const QuantiserInput& input) {
  const InputMoments moments = input.calibrate();
  return std::make_unique<AwqSource>(input.source, moments, input.threads,
                                     input.progress("searching scales"));
}

AwqSource::AwqSource(const TensorSource& base)
    : base_(base),
      model_(base.description()),
      layers_(model_.layers),
      normed_attention_(layers_),
      attention_(layers_),
      normed_ffn_(layers_),
      hidden_(layers_) {
  model_.tied_embeddings = false;
  for (uint32_t layer = 0; layer < layers_; ++layer) {
    normed_attention_[layer].scale.assign(model_.dim, 1.0f);
    attention_[layer].scale.assign(model_.query_width(), 1.0f);
    normed_ffn_[layer].scale.assign(model_.dim, 1.0f);
    hidden_[layer].scale.assign(model_.hidden, 1.0f);
    for (Input& input : expert_hidden_.emplace_back(model_.experts)) {
      input.scale.assign(model_.expert_hidden, 1.0f);
    }
  }
  final_.scale.assign(model_.dim, 1.0f);
}

AwqSource::AwqSource(const TensorSource& base, const InputMoments& moments, uint32_t threads,
                     const Progress& progress)
    : AwqSource(base) {
  const uint64_t inputs = uint64_t{layers_} * kInputsPerLayer + 1;
  for (const auto& layer : moments.expert_hidden) {
    for (const auto& expert : layer) unreached_ += expert.empty();
  }
  ProgressCounter counter(progress, inputs);
  for_each_index(threads, inputs, [&](uint64_t index) {
    search_input(index, moments);
    counter.advance(1);
  });
}

void AwqSource::search_layer(uint32_t layer, const InputMoments& moments, uint32_t threads) {
  const uint64_t first = uint64_t{layer} * kInputsPerLayer;
  for_each_index(threads, layer == layers_ ? 1 : kInputsPerLayer,
                 [&](uint64_t i) { search_input(first + i, moments); });
}

// The inputs of all layers in turn, and that of the LM head.
void AwqSource::search_input(uint64_t index, const InputMoments& moments) {
  using enum TensorRole;
  const auto layer = static_cast<uint32_t>(index / kInputsPerLayer);
  if (layer == layers_) {
    const TensorId head[] = {{kLmHead}};
    return search(head, false, moments.final, &final_);
  }
  switch (index % kInputsPerLayer) {
    case 0: {
      const TensorId qkv[] = {{kQuery, layer}, {kKey, layer}, {kValue, layer}};
      return search(qkv, false, moments.normed_attention[layer], &normed_attention_[layer]);
    }
    case 1: {
      const TensorId out[] = {{kAttentionOut, layer}};
      return search(out, true, moments.attention[layer], &attention_[layer]);
    }
    case 2: {
      std::vector<TensorId> gate_up;
      if (model_.hidden > 0) gate_up = {{kGate, layer}, {kUp, layer}};
      for (uint32_t expert = 0; expert < model_.experts; ++expert) {
        gate_up.push_back({kExpertGate, layer, expert});
        gate_up.push_back({kExpertUp, layer, expert});
      }
      return search(gate_up, false, moments.normed_ffn[layer], &normed_ffn_[layer]);
    }
    default:
      if (model_.hidden > 0) {
        const TensorId down[] = {{kDown, layer}};
        search(down, false, moments.hidden[layer], &hidden_[layer]);
      }
      for (uint32_t expert = 0; expert < model_.experts; ++expert) {
        search_expert(layer, expert, moments.expert_hidden[layer][expert]);
      }
  }
}

// An expert that the text has not reached keeps its scales of 1.
void AwqSource::search_expert(uint32_t layer, uint32_t expert, const std::vector<float>& moments) {
  if (moments.empty()) return;
  const TensorId down[] = {{TensorRole::kExpertDown, layer, expert}};
  search(down, false, moments, &expert_hidden_[layer][expert]);
}

// `heads`: the channels are attention outputs, produced by V rows that the query heads of a group share, so
// those channels share a scale.
void AwqSource::search(std::span<const TensorId> matrices, bool heads, const std::vector<float>& moments,
                       Input* input) const {
  const ModelDescription& model = base_.description();
  input->scale.assign(moments.size(), 1.0f);
  input->importance = moments;
  const auto fixed = [&](TensorId id) { return base_.is_quantised(id); };
  if (std::any_of(matrices.begin(), matrices.end(), fixed)) return;
  const auto fixed_producer = [&](TensorRole role) {
    return fixed({role, matrices[0].layer, row_of(role).per_expert ? matrices[0].expert : 0});
  };
  // What is not normed has no weights that could take the scales.
  const bool normed = matrices[0].role == TensorRole::kQuery || matrices[0].role == TensorRole::kGate;
  if (normed && !model.pre_norm) return;
  if (heads && fixed_producer(TensorRole::kValue)) return;
  if (matrices[0].role == TensorRole::kDown && fixed_producer(TensorRole::kUp)) return;
  if (matrices[0].role == TensorRole::kExpertDown && fixed_producer(TensorRole::kExpertUp)) return;

  std::vector<float> shared = moments;
  if (heads) {
    const uint32_t d = model.head_size;
    for (uint32_t g = 0; g < model.kv_heads; ++g) {
      for (uint32_t j = 0; j < d; ++j) {
        const auto channel = [&](uint32_t i) { return (g * model.heads_per_kv() + i) * d + j; };
        float sum = 0;
        for (uint32_t i = 0; i < model.heads_per_kv(); ++i) sum += moments[channel(i)];
        for (uint32_t i = 0; i < model.heads_per_kv(); ++i) {
          shared[channel(i)] = sum / static_cast<float>(model.heads_per_kv());
        }
      }
    }
  }

  std::vector<std::vector<float>> rows;
  for (const TensorId id : matrices) {
    if (has_eight_bits(model, id.role)) continue;  // fine enough without
    const auto [count, columns] = tensor_shape(model, id.role);
    const uint64_t sampled = std::max<uint64_t>(1, kSampleRows / tensors_of_layer(model, id.role));
    const uint64_t step = std::max<uint64_t>(1, count / sampled);
    for (uint64_t row = 0; row < count; row += step) {
      rows.emplace_back(columns);
      base_.read_rows(id, row, 1, rows.back());
    }
  }

  double best_error = INFINITY;
  for (const float alpha : kAlphas) {
    const std::vector<float> scale = channel_scales(shared, alpha);
    std::vector<float> importance(moments.size());
    for (size_t c = 0; c < scale.size(); ++c) importance[c] = moments[c] / (scale[c] * scale[c]);
    double error = 0;
    for (const auto& row : rows) error += row_error(row, scale, importance);
    if (error < best_error) {
      best_error = error;
      input->scale = scale;
      input->importance = importance;
    }
  }
}

const AwqSource::Input* AwqSource::input_of(TensorId id) const {
  switch (id.role) {
    case TensorRole::kQuery:
    case TensorRole::kKey:
    case TensorRole::kValue:
      return &normed_attention_[id.layer];
    case TensorRole::kAttentionOut:
      return &attention_[id.layer];
    case TensorRole::kGate:
    case TensorRole::kUp:
    case TensorRole::kRouter:
    case TensorRole::kExpertGate:
    case TensorRole::kExpertUp:
      return &normed_ffn_[id.layer];
    case TensorRole::kExpertDown:
      return &expert_hidden_[id.layer][id.expert];
    case TensorRole::kDown:
      return &hidden_[id.layer];
    case TensorRole::kLmHead:
      return &final_;
    default:
      return nullptr;
  }
}

const AwqSource::Input* AwqSource::producer_scale(TensorId id) const {
  switch (id.role) {
    case TensorRole::kAttentionNorm:
      return &normed_attention_[id.layer];
    case TensorRole::kValue:
    case TensorRole::kValueBias:
      return &attention_[id.layer];
    case TensorRole::kFfnNorm:
      return &normed_ffn_[id.layer];
    case TensorRole::kUp:
      return &hidden_[id.layer];
    case TensorRole::kExpertUp:
      return &expert_hidden_[id.layer][id.expert];
    case TensorRole::kFinalNorm:
      return &final_;
    default:
      return nullptr;
  }
}

void AwqSource::read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const {
  base_.read_rows(id, first_row, rows, out);
  const ModelDescription& model = base_.description();
  const uint64_t columns = tensor_shape(model, id.role).columns;
  if (const Input* input = input_of(id)) {
    for (uint64_t i = 0; i < out.size(); ++i) out[i] *= input->scale[i % columns];
  }
  const Input* produced = producer_scale(id);
  if (produced == nullptr) return;
  // Norms and biases are vectors over the channels; V rows of KV head g feed the channels of its query heads,
  // which share their scale, so the first query head's stands for all.
  const auto channel = [&](uint64_t index) {
    if (id.role != TensorRole::kValue && id.role != TensorRole::kValueBias) return index;
    return index / model.head_size * model.heads_per_kv() * model.head_size + index % model.head_size;
  };
  const bool matrix = !is_vector(id.role);
  for (uint64_t i = 0; i < out.size(); ++i) {
    out[i] /= produced->scale[channel(matrix ? first_row + i / columns : i)];
  }
}

std::vector<std::string> AwqSource::notes() const {
  std::vector<std::string> notes = base_.notes();
  if (unreached_ > 0) {
    notes.push_back(
        concat(unreached_, " of ", uint64_t{layers_} * model_.experts,
               " experts are never chosen in the calibration text: their channels are not scaled"));
  }
  return notes;
}

std::span<const float> AwqSource::importance(TensorId id) const {
  const Input* input = input_of(id);
  return input ? std::span<const float>(input->importance) : std::span<const float>();
}

}  // namespace brim
