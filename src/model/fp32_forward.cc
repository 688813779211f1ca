#include "model/fp32_forward.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/error.h"

namespace brim {
namespace {

std::vector<float> read_tensor(const TensorSource& source, TensorRole role, uint32_t layer = 0,
                               uint32_t expert = 0) {
  const TensorId id{role, layer, expert};
  if (!has_tensor(source.description(), id)) return {};
  const TensorShape shape = tensor_shape(source.description(), role);
  std::vector<float> values(shape.rows * shape.columns);
  source.read_rows(id, 0, shape.rows, values);
  return values;
}

// Sixteen partial sums, so that the compiler may use vectors without reordering anything.
float dot(const float* a, const float* b, size_t n) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  }
  float sum = 0.0f;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const float lane : lanes) sum += lane;
  return sum;
}

// y = W x (+ bias), W: [y.size()][x.size()].
void multiply(std::span<const float> w, std::span<const float> x, std::span<const float> bias,
              std::span<float> y) {
  for (size_t row = 0; row < y.size(); ++row) {
    y[row] = dot(&w[row * x.size()], x.data(), x.size()) + (bias.empty() ? 0.0f : bias[row]);
  }
}

// y = x / rms(x) * w; y may be x. Without w, y = x.
void rms_norm(std::span<const float> x, std::span<const float> w, float eps, std::span<float> y) {
  if (w.empty()) {
    std::ranges::copy(x, y.begin());
    return;
  }
  const float mean_square = dot(x.data(), x.data(), x.size()) / static_cast<float>(x.size());
  const float factor = 1.0f / std::sqrt(mean_square + eps);
  for (size_t i = 0; i < x.size(); ++i) y[i] = x[i] * factor * w[i];
}

void add_to(std::span<float> x, std::span<const float> y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

// Probabilities from scores.
void softmax(std::span<float> scores) {
  const float max = *std::max_element(scores.begin(), scores.end());
  float sum = 0.0f;
  for (float& score : scores) sum += score = std::exp(score - max);
  for (float& score : scores) score /= sum;
}

float silu(float x) { return x / (1.0f + std::exp(-x)); }

float gelu(float x) {
  constexpr float kFactor = 0.79788456f;  // sqrt(2 / pi)
  return 0.5f * x * (1.0f + std::tanh(kFactor * (x + 0.044715f * x * x * x)));
}

}  // namespace

Fp32Forward::Fp32Forward(const TensorSource& source, uint64_t context)
    : model_(source.description()),
      context_(context),
      embedding_(read_tensor(source, TensorRole::kEmbedding)),
      final_norm_(read_tensor(source, TensorRole::kFinalNorm)),
      x_(model_.dim),
      normed_(model_.dim),
      branch_(model_.dim),
      q_(model_.query_width()),
      attended_(model_.query_width()),
      k_(model_.kv_width()),
      v_(model_.kv_width()),
      cosines_(model_.head_size / 2),
      sines_(model_.head_size / 2),
      logits_(model_.vocabulary) {
  for (uint32_t i = 0; i < model_.layers; ++i) {
    const auto read = [&](TensorRole role) { return read_tensor(source, role, i); };
    std::vector<Ffn> experts;
    for (uint32_t e = 0; e < model_.experts; ++e) {
      experts.push_back({.w_gate = read_tensor(source, TensorRole::kExpertGate, i, e),
                         .w_up = read_tensor(source, TensorRole::kExpertUp, i, e),
                         .w_down = read_tensor(source, TensorRole::kExpertDown, i, e)});
    }
    layers_.push_back({.attention_norm = read(TensorRole::kAttentionNorm),
                       .wq = read(TensorRole::kQuery),
                       .wk = read(TensorRole::kKey),
                       .wv = read(TensorRole::kValue),
                       .bq = read(TensorRole::kQueryBias),
                       .bk = read(TensorRole::kKeyBias),
                       .bv = read(TensorRole::kValueBias),
                       .q_norm = read(TensorRole::kQueryNorm),
                       .k_norm = read(TensorRole::kKeyNorm),
                       .wo = read(TensorRole::kAttentionOut),
                       .post_attention_norm = read(TensorRole::kPostAttentionNorm),
                       .ffn_norm = read(TensorRole::kFfnNorm),
                       .post_ffn_norm = read(TensorRole::kPostFfnNorm),
                       .ffn = {.w_gate = read(TensorRole::kGate),
                               .w_up = read(TensorRole::kUp),
                               .w_down = read(TensorRole::kDown)},
                       .router = read(TensorRole::kRouter),
                       .experts = std::move(experts),
                       .keys = {},
                       .values = {}});
  }
  if (!model_.tied_embeddings) lm_head_ = read_tensor(source, TensorRole::kLmHead);
}

void Fp32Forward::reset() {
  position_ = 0;
  for (Layer& layer : layers_) {
    layer.keys.clear();
    layer.values.clear();
  }
}

// Makes cosines_ and sines_ those of position_ in a table.
void Fp32Forward::turn_by(RopeTable table) {
  const RopeFrequencies rope = rope_frequencies(model_, context_, table);
  for (size_t i = 0; i < cosines_.size(); ++i) {
    const double angle = position_ * rope.radians_per_position[i];
    cosines_[i] = static_cast<float>(std::cos(angle) * rope.amplitude);
    sines_[i] = static_cast<float>(std::sin(angle) * rope.amplitude);
  }
}

// One head, at position_; cosines_ and sines_ hold the position's row.
void Fp32Forward::rotate(std::span<float> head) const {
  const size_t pairs = head.size() / 2;
  const bool adjacent = model_.rope_pairing == RopePairing::kAdjacent;
  for (size_t i = 0; i < pairs; ++i) {
    float& a = head[adjacent ? 2 * i : i];
    float& b = head[adjacent ? 2 * i + 1 : i + pairs];
    const float rotated_a = a * cosines_[i] - b * sines_[i];
    b = a * sines_[i] + b * cosines_[i];
    a = rotated_a;
  }
}

// attended_ = for each query head, softmax(q K^T / sqrt(head_size)) V over positions from `first` on.
void Fp32Forward::attend(const Layer& layer, size_t first) {
  const size_t size = model_.head_size;
  const size_t stride = model_.kv_width();
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  scores_.resize(position_ + 1 - first);
  std::fill(attended_.begin(), attended_.end(), 0.0f);
  for (size_t head = 0; head < model_.heads; ++head) {
    const float* q = &q_[head * size];
    float* out = &attended_[head * size];
    const size_t kv_offset = head / model_.heads_per_kv() * size;
    for (size_t t = first; t <= position_; ++t) {
      scores_[t - first] = dot(q, &layer.keys[t * stride + kv_offset], size) * scale;
    }
    softmax(scores_);
    for (size_t t = first; t <= position_; ++t) {
      const float* value = &layer.values[t * stride + kv_offset];
      for (size_t i = 0; i < size; ++i) out[i] += scores_[t - first] * value[i];
    }
  }
}

// x_ += weight * norm(w_down (silu(w_gate normed_) * (w_up normed_))), or with gelu.
void Fp32Forward::feed_forward(const Ffn& ffn, float weight, std::span<const float> norm) {
  gate_.resize(ffn.w_gate.size() / model_.dim);
  up_.resize(gate_.size());
  multiply(ffn.w_gate, normed_, {}, gate_);
  multiply(ffn.w_up, normed_, {}, up_);
  for (size_t i = 0; i < gate_.size(); ++i)
    gate_[i] = (model_.gelu ? gelu(gate_[i]) : silu(gate_[i])) * up_[i];
  multiply(ffn.w_down, gate_, {}, branch_);
  rms_norm(branch_, norm, model_.norm_eps, branch_);
  for (float& value : branch_) value *= weight;
  add_to(x_, branch_);
}

// The experts_per_token most probable experts, with their probabilities, or those divided by their sum.
void Fp32Forward::mix_experts(const Layer& layer) {
  choices_.resize(model_.experts);
  multiply(layer.router, normed_, {}, choices_);
  softmax(choices_);
  std::vector<uint32_t> order(model_.experts);
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, std::greater(), [&](uint32_t e) { return choices_[e]; });
  order.resize(model_.experts_per_token);
  float sum = 0.0f;
  for (const uint32_t e : order) sum += choices_[e];
  for (const uint32_t e : order) {
    feed_forward(layer.experts[e], model_.softmax_chosen ? choices_[e] / sum : choices_[e], {});
  }
}

std::span<const float> Fp32Forward::step(uint32_t token) {
  if (token >= model_.vocabulary) {
    throw Error("token " + std::to_string(token) + " is not in the vocabulary of " +
                std::to_string(model_.vocabulary));
  }
  const size_t size = model_.head_size;
  const auto each_head = [&](std::span<float> heads, std::span<const float> norm) {
    if (model_.norm_all_heads) {
      rms_norm(heads, norm, model_.norm_eps, heads);
      norm = {};
    }
    for (size_t i = 0; i < heads.size(); i += size) {
      const std::span<float> head = heads.subspan(i, size);
      if (!norm.empty()) rms_norm(head, norm, model_.norm_eps, head);
      rotate(head);
    }
  };

  std::copy_n(&embedding_[uint64_t{token} * model_.dim], model_.dim, x_.begin());
  for (uint32_t i = 0; i < model_.layers; ++i) {
    Layer& layer = layers_[i];
    rms_norm(x_, layer.attention_norm, model_.norm_eps, normed_);
    multiply(layer.wq, normed_, layer.bq, q_);
    multiply(layer.wk, normed_, layer.bk, k_);
    multiply(layer.wv, normed_, layer.bv, v_);
    if (i == 0 || model_.rope_table(i) != model_.rope_table(i - 1)) turn_by(model_.rope_table(i));
    each_head(q_, layer.q_norm);
    each_head(k_, layer.k_norm);
    layer.keys.insert(layer.keys.end(), k_.begin(), k_.end());
    layer.values.insert(layer.values.end(), v_.begin(), v_.end());
    const uint32_t window = model_.window(i);
    attend(layer, window == 0 || position_ < window ? 0 : position_ + 1 - window);
    multiply(layer.wo, attended_, {}, branch_);
    rms_norm(branch_, layer.post_attention_norm, model_.norm_eps, branch_);
    add_to(x_, branch_);

    rms_norm(x_, layer.ffn_norm, model_.norm_eps, normed_);
    if (!layer.router.empty()) mix_experts(layer);
    if (!layer.ffn.w_gate.empty()) feed_forward(layer.ffn, 1.0f, layer.post_ffn_norm);
  }
  rms_norm(x_, final_norm_, model_.norm_eps, normed_);
  multiply(model_.tied_embeddings ? embedding_ : lm_head_, normed_, {}, logits_);
  ++position_;
  return logits_;
}

}  // namespace brim
