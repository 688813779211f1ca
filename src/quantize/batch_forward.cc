#include "quantize/batch_forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "quantize/dense.h"

namespace brim {

namespace {

// x / rms(x) * w in place.
void normalise(std::span<float> x, std::span<const float> w, float eps) {
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  const auto mean = static_cast<float>(squares / static_cast<double>(x.size()));
  const float factor = 1.0f / std::sqrt(mean + eps);
  for (size_t i = 0; i < x.size(); ++i) x[i] *= factor * w[i];
}

// Probabilities from scores.
void softmax(std::span<float> scores) {
  const float max = *std::max_element(scores.begin(), scores.end());
  float sum = 0.0f;
  for (float& score : scores) sum += score = std::exp(score - max);
  for (float& score : scores) score /= sum;
}

}  // namespace

BatchForward::BatchForward(const TensorSource& source, std::vector<uint32_t> windows, uint32_t threads)
    : source_(source), model_(source.description()), windows_(std::move(windows)), threads_(threads) {
  tokens_ = std::accumulate(windows_.begin(), windows_.end(), uint64_t{0});
  const uint32_t longest = windows_.empty() ? 0 : *std::max_element(windows_.begin(), windows_.end());
  if (model_.attention_window != 0 && longest > model_.attention_window)
    throw Error("texts to calibrate with are longer than the model's attention window");
  for (const RopeTable table : rope_tables(model_)) {
    const RopeFrequencies rope = rope_frequencies(model_, 0, table);
    Angles& angles = angles_[static_cast<size_t>(table)];
    for (uint32_t position = 0; position < longest; ++position) {
      for (const double radians : rope.radians_per_position) {
        angles.cosines.push_back(static_cast<float>(std::cos(position * radians) * rope.amplitude));
        angles.sines.push_back(static_cast<float>(std::sin(position * radians) * rope.amplitude));
      }
    }
  }
}

std::vector<float> BatchForward::vector_of(TensorId id) const {
  if (!has_tensor(model_, id)) return {};
  std::vector<float> values(tensor_shape(model_, id.role).columns);
  source_.read_rows(id, 0, 1, values);
  return values;
}

Activations BatchForward::embed(std::span<const uint32_t> ids) const {
  Activations x(tokens_ * model_.dim);
  for (uint64_t t = 0; t < tokens_; ++t) {
    if (ids[t] >= model_.vocabulary) {
      throw Error("token " + std::to_string(ids[t]) + " is not in the vocabulary of " +
                  std::to_string(model_.vocabulary));
    }
    source_.read_rows({TensorRole::kEmbedding}, ids[t], 1, std::span(x).subspan(t * model_.dim, model_.dim));
  }
  return x;
}

Activations BatchForward::norm(const Activations& x, TensorId id) const {
  const std::vector<float> w = vector_of(id);
  Activations y = x;
  if (w.empty()) return y;
  for_each_index(threads_, tokens_, [&](uint64_t t) {
    normalise(std::span(y).subspan(t * w.size(), w.size()), w, model_.norm_eps);
  });
  return y;
}

void BatchForward::multiply(std::span<const float> w, uint64_t columns, const Activations& x, uint64_t first,
                            uint64_t width, Activations& out) const {
  const uint64_t rows = w.size() / columns;
  for (uint64_t t = 0; t < tokens_; ++t) std::fill_n(&out[t * width + first], rows, 0.0f);
  multiply_add({.rows = tokens_, .columns = rows, .inner = columns}, row_major(x.data(), columns),
               row_major(w.data(), columns).transposed(), &out[first], width, threads_);
}

void BatchForward::add_bias(TensorId id, Activations& x) const {
  const std::vector<float> bias = vector_of(id);
  for (size_t i = 0; !bias.empty() && i < x.size(); ++i) x[i] += bias[i % bias.size()];
}

void BatchForward::rotate(std::span<float> head, const Angles& angles, uint64_t position) const {
  const size_t pairs = head.size() / 2;
  const bool adjacent = model_.rope_pairing == RopePairing::kAdjacent;
  for (size_t i = 0; i < pairs; ++i) {
    float& a = head[adjacent ? 2 * i : i];
    float& b = head[adjacent ? 2 * i + 1 : i + pairs];
    const float cosine = angles.cosines[position * pairs + i];
    const float sine = angles.sines[position * pairs + i];
    const float rotated_a = a * cosine - b * sine;
    b = a * sine + b * cosine;
    a = rotated_a;
  }
}

Activations BatchForward::attend(uint32_t layer, Activations& q, Activations& k, const Activations& v) const {
  const uint64_t size = model_.head_size;
  const uint64_t q_width = model_.query_width();
  const uint64_t kv_width = model_.kv_width();
  const std::vector<float> q_norm = vector_of({TensorRole::kQueryNorm, layer});
  const std::vector<float> k_norm = vector_of({TensorRole::kKeyNorm, layer});
  Activations out(q.size());

  std::vector<uint64_t> starts;
  for (uint64_t start = 0; const uint32_t window : windows_) {
    starts.push_back(start);
    start += window;
  }
  const auto prepare = [&, &turns = angles(layer)](std::span<float> heads, std::span<const float> w,
                                                   uint64_t position) {
    if (model_.norm_all_heads) {
      normalise(heads, w, model_.norm_eps);
      w = {};
    }
    for (uint64_t i = 0; i < heads.size(); i += size) {
      if (!w.empty()) normalise(heads.subspan(i, size), w, model_.norm_eps);
      rotate(heads.subspan(i, size), turns, position);
    }
  };
  for_each_index(threads_, windows_.size(), [&](uint64_t window) {
    for (uint64_t position = 0; position < windows_[window]; ++position) {
      const uint64_t t = starts[window] + position;
      prepare(std::span(q).subspan(t * q_width, q_width), q_norm, position);
      prepare(std::span(k).subspan(t * kv_width, kv_width), k_norm, position);
    }
  });
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  for_each_index(threads_, windows_.size() * model_.heads, [&](uint64_t job) {
    const uint64_t window = job / model_.heads;
    const uint64_t head = job % model_.heads;
    const uint64_t n = windows_[window];
    const MatrixView queries{&q[starts[window] * q_width + head * size], q_width, 1};
    const uint64_t kv = starts[window] * kv_width + head / model_.heads_per_kv() * size;
    std::vector<float> scores(n * n);
    multiply_add({.rows = n, .columns = n, .inner = size, .factor = scale}, queries,
                 MatrixView{&k[kv], kv_width, 1}.transposed(), scores.data(), n, 1);
    for (uint64_t t = 0; t < n; ++t) {
      softmax(std::span(scores).subspan(t * n, t + 1));
      std::fill_n(&scores[t * n + t + 1], n - t - 1, 0.0f);
    }
    multiply_add({.rows = n, .columns = size, .inner = n}, row_major(scores.data(), n),
                 MatrixView{&v[kv], kv_width, 1}, &out[starts[window] * q_width + head * size], q_width, 1);
  });
  return out;
}

void BatchForward::gate(Activations& gate, const Activations& up) const {
  for_each_index(threads_, tokens_, [&](uint64_t t) {
    for (uint64_t i = t * model_.hidden; i < (t + 1) * model_.hidden; ++i) {
      const float x = gate[i];
      // GELU's (1 + tanh(y)) / 2 is the sigmoid of 2 y.
      const float y = model_.gelu ? 1.5957691f * x * (1.0f + 0.044715f * x * x) : x;
      gate[i] = x / (1.0f + std::exp(-y)) * up[i];
    }
  });
}

void BatchForward::add(const Activations& branch, Activations& x) const {
  for (size_t i = 0; i < x.size(); ++i) x[i] += branch[i];
}

}  // namespace brim
