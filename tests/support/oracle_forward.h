// A LLaMA decoder in double, written from the equations, with the places at which the arithmetic contract
// rounds coarsely open to the caller. For tests.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "model/tensor_source.h"

namespace brim::test {

// What happens to a vector at each of the contract's coarse roundings; empty: nothing.
struct OracleRoundings {
  using Change = std::function<void(std::span<double> x)>;
  Change activations;  // a vector on its way into a matrix; a query head on its way into the scores
  Change keys;         // one head's K of one position, before it is stored
  Change values;       // likewise V
  // The probabilities (up to a common factor) that weigh the V vectors `v`, [positions][head_size].
  std::function<void(std::span<double> p, std::span<const double> v)> attention;
};

inline double max_abs(std::span<const double> x) {
  double max = 0;
  for (const double value : x) max = std::max(max, std::abs(value));
  return max;
}

// The nearest FP16 (normal here): 11 significant bits.
inline double nearest_fp16(double x) {
  const double unit = std::exp2(std::floor(std::log2(x)) - 10);
  return std::nearbyint(x / unit) * unit;
}

// KV8: int8 times an FP16 scale. A rounding of `keys` and `values`.
inline void round_to_kv8(std::span<double> x) {
  if (max_abs(x) == 0) return;
  const double scale = nearest_fp16(max_abs(x) / 127);
  for (double& value : x) value = std::clamp(std::nearbyint(value / scale), -127.0, 127.0) * scale;
}

// The step of KV4.
inline double kv4_step(std::span<const double> x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  return (std::max(*high, 0.0) - std::min(*low, 0.0)) / 15;
}

// KV4: 0 ... 15 less a zero-point of as many, times an FP16 scale. Likewise.
inline void round_to_kv4(std::span<double> x) {
  if (kv4_step(x) == 0) return;
  const double scale = nearest_fp16(kv4_step(x));
  const double low = std::min(*std::min_element(x.begin(), x.end()), 0.0);
  const double zero = std::min(std::nearbyint(-low / scale), 15.0);
  for (double& value : x) {
    value = (std::clamp(std::nearbyint(value / scale + zero), 0.0, 15.0) - zero) * scale;
  }
}

// Does `change` to the head as the Hadamard matrix rotates it, by its definition: element (i, j) is -1 to the
// number of binary digits that i and j share.
inline void change_rotated(std::span<double> x, const OracleRoundings::Change& change) {
  const size_t size = x.size() & (~x.size() + 1);
  const auto rotated = [&](std::span<const double> from) {
    std::vector<double> result(from.size());
    for (size_t i = 0; i < from.size(); ++i) {
      for (size_t j = 0; j < size; ++j) {
        const double value = from[i / size * size + j];
        result[i] += std::popcount(i % size & j) % 2 != 0 ? -value : value;
      }
    }
    return result;
  };
  std::vector<double> head = rotated(x);
  change(head);
  head = rotated(head);
  for (size_t i = 0; i < x.size(); ++i) x[i] = head[i] / static_cast<double>(size);
}

class OracleForward {
 public:
  // cos and sin of each (adjacent) pair in turn at a position.
  using RopeRows = std::function<std::vector<float>(uint32_t position)>;

  OracleForward(const TensorSource& source, RopeRows rope, OracleRoundings roundings = {})
      : model_(source.description()), rope_rows_(std::move(rope)), roundings_(std::move(roundings)) {
    const auto read = [&](TensorRole role, uint32_t layer) {
      const TensorId id{role, layer};
      if (!has_tensor(model_, id)) return std::vector<float>{};
      const TensorShape shape = tensor_shape(model_, role);
      std::vector<float> values(shape.rows * shape.columns);
      source.read_rows(id, 0, shape.rows, values);
      return values;
    };
    embedding_ = read(TensorRole::kEmbedding, 0);
    for (uint32_t l = 0; l < model_.layers; ++l) {
      layers_.push_back({read(TensorRole::kAttentionNorm, l), read(TensorRole::kFfnNorm, l),
                         read(TensorRole::kQuery, l), read(TensorRole::kKey, l), read(TensorRole::kValue, l),
                         read(TensorRole::kQueryBias, l), read(TensorRole::kKeyBias, l),
                         read(TensorRole::kValueBias, l), read(TensorRole::kQueryNorm, l),
                         read(TensorRole::kKeyNorm, l), read(TensorRole::kAttentionOut, l),
                         read(TensorRole::kGate, l), read(TensorRole::kUp, l), read(TensorRole::kDown, l),
                         std::vector<Vector>(model_.kv_heads), std::vector<Vector>(model_.kv_heads)});
    }
    final_norm_ = read(TensorRole::kFinalNorm, 0);
    lm_head_ = read(TensorRole::kLmHead, 0);
  }

  // The logits of `token` at the next position.
  std::vector<double> step(uint32_t token) {
    rope_ = rope_rows_(position_);
    Vector x(&embedding_[uint64_t{token} * model_.dim],
             &embedding_[uint64_t{token} * model_.dim] + model_.dim);
    for (Layer& layer : layers_) {
      add(x, attention(layer, x));
      add(x, feed_forward(layer, x));
    }
    ++position_;
    const double r = inverse_rms(x);
    return scaled(multiply(lm_head_, model_.vocabulary, rounded(weighted(x, final_norm_))), r);
  }

 private:
  using Vector = std::vector<double>;

  struct Layer {
    std::vector<float> attention_norm, ffn_norm;
    std::vector<float> wq, wk, wv, bq, bk, bv, query_norm, key_norm, wo;
    std::vector<float> gate, up, down;
    std::vector<Vector> keys, values;  // [kv head][position * head_size]
  };

  static void add(Vector& x, const Vector& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }
  static Vector scaled(Vector x, double factor) {
    for (double& value : x) value *= factor;
    return x;
  }
  double inverse_rms(std::span<const double> x) const {
    double sum = 0;
    for (const double value : x) sum += value * value;
    return 1.0 / std::sqrt(sum / static_cast<double>(x.size()) + model_.norm_eps);
  }
  // x * w as it enters the matrices that follow a norm; 1 / rms(x) is applied to what comes out.
  static Vector weighted(const Vector& x, const std::vector<float>& w) {
    Vector result(x.size());
    for (size_t i = 0; i < x.size(); ++i) result[i] = x[i] * w[i];
    return result;
  }

  // x as it enters a matrix, or the scores.
  Vector rounded(Vector x) const {
    if (roundings_.activations) roundings_.activations(x);
    return x;
  }

  // W x, W: [rows][x.size()].
  static Vector multiply(const std::vector<float>& w, size_t rows, const Vector& x) {
    constexpr size_t kLanes = 8;  // partial sums, which compilers turn into vectors
    Vector y(rows);
    for (size_t row = 0; row < rows; ++row) {
      const float* weights = &w[row * x.size()];
      double lanes[kLanes] = {};
      size_t i = 0;
      for (; i + kLanes <= x.size(); i += kLanes) {
        for (size_t l = 0; l < kLanes; ++l) lanes[l] += weights[i + l] * x[i + l];
      }
      for (; i < x.size(); ++i) y[row] += weights[i] * x[i];
      for (const double lane : lanes) y[row] += lane;
    }
    return y;
  }

  // Bias, head norm and rotation of the heads in x, each step where there is one.
  void finish_heads(Vector& x, const std::vector<float>& bias, const std::vector<float>& norm,
                    bool rotate) const {
    for (size_t i = 0; i < bias.size(); ++i) x[i] += bias[i];
    const size_t d = model_.head_size;
    for (size_t first = 0; first < x.size(); first += d) {
      const std::span<double> head(&x[first], d);
      if (!norm.empty()) {
        const double r = inverse_rms(head);
        for (size_t i = 0; i < d; ++i) head[i] *= norm[i] * r;
      }
      for (size_t i = 0; rotate && i < d; i += 2) {
        const double a = head[i], b = head[i + 1];
        head[i] = a * rope_[i] - b * rope_[i + 1];
        head[i + 1] = a * rope_[i + 1] + b * rope_[i];
      }
    }
  }

  void store(std::vector<Vector>& cache, const Vector& heads, const OracleRoundings::Change& change) const {
    for (size_t g = 0; g < model_.kv_heads; ++g) {
      Vector head(&heads[g * model_.head_size], &heads[g * model_.head_size] + model_.head_size);
      if (change) change(head);
      cache[g].insert(cache[g].end(), head.begin(), head.end());
    }
  }

  Vector attention(Layer& layer, const Vector& x) {
    const double r = inverse_rms(x);
    const Vector in = rounded(weighted(x, layer.attention_norm));
    Vector q = scaled(multiply(layer.wq, model_.query_width(), in), r);
    Vector k = scaled(multiply(layer.wk, model_.kv_width(), in), r);
    Vector v = scaled(multiply(layer.wv, model_.kv_width(), in), r);
    finish_heads(q, layer.bq, layer.query_norm, true);
    finish_heads(k, layer.bk, layer.key_norm, true);
    finish_heads(v, layer.bv, {}, false);
    store(layer.keys, k, roundings_.keys);
    store(layer.values, v, roundings_.values);

    const size_t d = model_.head_size;
    Vector attended(model_.query_width());
    for (size_t h = 0; h < model_.heads; ++h) {
      const Vector& keys = layer.keys[h / model_.heads_per_kv()];
      const Vector& values = layer.values[h / model_.heads_per_kv()];
      const Vector query = rounded(Vector(&q[h * d], &q[h * d] + d));
      Vector p(position_ + 1);
      for (size_t t = 0; t < p.size(); ++t) {
        for (size_t i = 0; i < d; ++i) p[t] += query[i] * keys[t * d + i];
        p[t] /= std::sqrt(static_cast<double>(d));
      }
      const double max = *std::max_element(p.begin(), p.end());
      double sum = 0;
      for (double& value : p) sum += value = std::exp(value - max);
      if (roundings_.attention) roundings_.attention(p, values);
      for (size_t t = 0; t < p.size(); ++t) {
        for (size_t i = 0; i < d; ++i) attended[h * d + i] += p[t] / sum * values[t * d + i];
      }
    }
    return multiply(layer.wo, model_.dim, rounded(std::move(attended)));
  }

  Vector feed_forward(const Layer& layer, const Vector& x) const {
    const double r = inverse_rms(x);
    const Vector in = rounded(weighted(x, layer.ffn_norm));
    const Vector gate = scaled(multiply(layer.gate, model_.hidden, in), r);
    const Vector up = scaled(multiply(layer.up, model_.hidden, in), r);
    Vector hidden(model_.hidden);
    for (size_t i = 0; i < hidden.size(); ++i) hidden[i] = gate[i] / (1.0 + std::exp(-gate[i])) * up[i];
    return multiply(layer.down, model_.dim, rounded(std::move(hidden)));
  }

  ModelDescription model_;
  RopeRows rope_rows_;
  OracleRoundings roundings_;
  std::vector<float> embedding_, final_norm_, lm_head_;
  std::vector<Layer> layers_;
  std::vector<float> rope_;  // of the position under way
  uint32_t position_ = 0;
};

}  // namespace brim::test
