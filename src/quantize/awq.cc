#include "quantize/awq.h"

#include <algorithm>
#include <array>
#include <cmath>

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
  }
  final_.scale.assign(model_.dim, 1.0f);
}

AwqSource::AwqSource(const TensorSource& base, const InputMoments& moments, uint32_t threads,
                     const Progress& progress)
    : AwqSource(base) {
  const uint64_t inputs = uint64_t{layers_} * kInputsPerLayer + 1;
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
  const auto layer = static_cast<uint32_t>(index / kInputsPerLayer);
  constexpr TensorRole kQkv[] = {TensorRole::kQuery, TensorRole::kKey, TensorRole::kValue};
  constexpr TensorRole kOut[] = {TensorRole::kAttentionOut};
  constexpr TensorRole kGateUp[] = {TensorRole::kGate, TensorRole::kUp};
  constexpr TensorRole kDown[] = {TensorRole::kDown};
  constexpr TensorRole kLmHead[] = {TensorRole::kLmHead};
  if (layer == layers_) {
    search(0, kLmHead, false, moments.final, &final_);
  } else if (index % kInputsPerLayer == 0) {
    search(layer, kQkv, false, moments.normed_attention[layer], &normed_attention_[layer]);
  } else if (index % kInputsPerLayer == 1) {
    search(layer, kOut, true, moments.attention[layer], &attention_[layer]);
  } else if (index % kInputsPerLayer == 2) {
    search(layer, kGateUp, false, moments.normed_ffn[layer], &normed_ffn_[layer]);
  } else {
    search(layer, kDown, false, moments.hidden[layer], &hidden_[layer]);
  }
}

// `heads`: the channels are attention outputs, produced by V rows that the query heads of a group share, so
// those channels share a scale.
void AwqSource::search(uint32_t layer, std::span<const TensorRole> matrices, bool heads,
                       const std::vector<float>& moments, Input* input) const {
  const ModelDescription& model = base_.description();
  input->scale.assign(moments.size(), 1.0f);
  input->importance = moments;
  const auto fixed = [&](TensorRole role) { return base_.is_quantised({role, layer}); };
  if (std::any_of(matrices.begin(), matrices.end(), fixed)) return;
  if (heads && fixed(TensorRole::kValue)) return;
  if (matrices[0] == TensorRole::kDown && fixed(TensorRole::kUp)) return;

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
  for (const TensorRole role : matrices) {
    const auto [count, columns] = tensor_shape(model, role);
    const uint64_t step = std::max<uint64_t>(1, count / kSampleRows);
    for (uint64_t row = 0; row < count; row += step) {
      rows.emplace_back(columns);
      base_.read_rows({role, layer}, row, 1, rows.back());
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
      return &normed_ffn_[id.layer];
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
  const bool matrix = id.role == TensorRole::kValue || id.role == TensorRole::kUp;
  for (uint64_t i = 0; i < out.size(); ++i) {
    out[i] /= produced->scale[channel(matrix ? first_row + i / columns : i)];
  }
}

std::span<const float> AwqSource::importance(TensorId id) const {
  const Input* input = input_of(id);
  return input ? std::span<const float>(input->importance) : std::span<const float>();
}

}  // namespace brim
