#include "quantize/layerwise.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/parallel.h"
#include "numerics/fp16.h"
#include "quantize/awq.h"
#include "quantize/batch_forward.h"
#include "quantize/dense.h"
#include "quantize/finished_layers.h"
#include "quantize/gptq.h"
#include "quantize/rtn.h"

namespace brim {

namespace {

constexpr uint64_t kVersion = 1;  // of what is decided: other ones' layers are not gone on from
constexpr uint64_t kSlabRows = 4096;
// Mean squares settle with fewer tokens than second moments do.
constexpr uint64_t kMomentTokens = 2048;

struct Recipe {
  const char* name;
  bool scales;       // AWQ's
  float correction;  // how far to go from the rounded model's inputs to the exact one's products, 0 to 1
  GptqOptions gptq;
};

// What flows through the model that is not rounded, and through the one that is.
struct Streams {
  Activations exact;
  Activations rounded;
};

// The checkpoint with finished layers in place of its own.
class QuantisedSource final : public TensorSource {
 public:
  QuantisedSource(const TensorSource& base, std::unique_ptr<FinishedLayers> layers)
      : base_(base), model_(base.description()), layers_(std::move(layers)) {
    model_.tied_embeddings = false;  // the LM head is scaled and rounded on its own
  }

  const ModelDescription& description() const override { return model_; }
  bool is_quantised(TensorId id) const override {
    return base_.is_quantised(id) || (!is_vector(id.role) && finished(id));
  }
  std::vector<std::string> notes() const override { return base_.notes(); }
  std::optional<TokenizerArrays> embedded_tokenizer() const override { return base_.embedded_tokenizer(); }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    if (!finished(id)) return base_.read_rows(id, first_row, rows, out);
    check_read(model_, id, first_row, rows, out.size());
    if (is_vector(id.role)) {
      return layers_->layout(file_of(id)).get_vector(id.role, layers_->content(file_of(id)), out);
    }
    const uint64_t columns = tensor_shape(model_, id.role).columns;
    const uint64_t groups = groups_of(columns);
    std::vector<uint8_t> q(rows * groups * kGroup);
    std::vector<uint8_t> zeros(rows * groups);
    std::vector<uint16_t> scales(rows * groups);
    read_quantised_rows(id, first_row, rows, {q, zeros, scales});
    for (uint64_t i = 0; i < out.size(); ++i) {
      const uint64_t group = i / columns * groups + i % columns / kGroup;
      out[i] = static_cast<float>(q[group * kGroup + i % columns % kGroup] - zeros[group]) *
               fp16_to_float(scales[group]);
    }
  }

  void read_quantised_rows(TensorId id, uint64_t first_row, uint64_t rows,
                           const QuantisedRows& out) const override {
    if (!finished(id)) return base_.read_quantised_rows(id, first_row, rows, out);
    check_quantised_read(model_, id, first_row, rows, out);
    layers_->layout(file_of(id)).get_rows(id.role, first_row, rows, layers_->content(file_of(id)), out);
  }

 private:
  uint32_t file_of(TensorId id) const { return is_per_layer(id.role) ? id.layer : model_.layers; }
  bool finished(TensorId id) const {
    return has_tensor(model_, id) && layers_->layout(file_of(id)).holds(id.role);
  }

  const TensorSource& base_;
  ModelDescription model_;
  std::unique_ptr<FinishedLayers> layers_;
};

std::vector<float> mean_squares(const Activations& x, uint64_t width, uint64_t tokens) {
  std::vector<double> sums(width);
  for (uint64_t i = 0; i < tokens * width; ++i) {
    sums[i % width] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  std::vector<float> means(width);
  for (uint64_t c = 0; c < width; ++c) means[c] = static_cast<float>(sums[c] / static_cast<double>(tokens));
  return means;
}

// A checkpoint, text and recipe in a number: descriptions, the tokens, and a few rows of every tensor.
uint64_t key_of(const TensorSource& source, const CalibrationTokens& text, const Recipe& recipe) {
  const ModelDescription& model = source.description();
  uint64_t key = kVersion;
  const auto mix = [&](const void* data, size_t bytes) {
    key = hash_bytes({static_cast<const uint8_t*>(data), bytes}, key);
  };
  mix(recipe.name, std::strlen(recipe.name));
  const uint32_t eight_bit = model.eight_bit.bits();
  mix(&eight_bit, sizeof eight_bit);
  mix(text.ids.data(), text.ids.size() * sizeof(uint32_t));
  mix(text.windows.data(), text.windows.size() * sizeof(uint32_t));
  mix(&model.norm_eps, sizeof model.norm_eps);
  for (const RopeTable table : rope_tables(model)) {
    const RopeFrequencies rope = rope_frequencies(model, 0, table);
    for (const double radians : rope.radians_per_position) mix(&radians, sizeof radians);
  }
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    const RopeTable table = model.rope_table(layer);
    mix(&table, sizeof table);
  }
  for (uint32_t i = 0; i < kTensorRoles; ++i) {
    const auto role = static_cast<TensorRole>(i);
    for (uint32_t layer = 0; has_tensor(model, {role, layer}); ++layer) {
      const auto [rows, columns] = tensor_shape(model, role);
      mix(&columns, sizeof columns);
      std::vector<float> row(columns);
      for (const uint64_t which : {uint64_t{0}, rows / 2, rows - 1}) {
        source.read_rows({role, layer}, which, 1, row);
        mix(row.data(), row.size() * sizeof(float));
      }
    }
  }
  return key;
}

class Layerwise {
 public:
  Layerwise(const QuantiserInput& input, const Recipe& recipe)
      : base_(input.source),
        model_(base_.description()),
        recipe_(recipe),
        text_(input.tokens()),
        scaled_(base_),
        forward_(scaled_, text_.windows, input.threads),
        threads_(input.threads),
        finished_(std::make_unique<FinishedLayers>(input.unfinished, key_of(base_, text_, recipe), base_)),
        progress_(input.progress("quantising")),
        counter_(progress_, matrix_weights(model_)) {}

  std::unique_ptr<TensorSource> run() {
    Streams x;
    Activations both(2 * forward_.tokens() * model_.dim);
    const auto middle = both.begin() + static_cast<int64_t>(both.size() / 2);
    const uint32_t found = finished_->find(both);
    if (found == 0) {
      x.exact = x.rounded = forward_.embed(text_.ids);
    } else {
      x.exact.assign(both.begin(), middle);
      x.rounded.assign(middle, both.end());
      counter_.advance(weights_of(found));
    }
    for (uint32_t layer = found; layer < model_.layers; ++layer) {
      start_file(layer);
      quantise_layer(layer, x);
      std::copy(x.exact.begin(), x.exact.end(), both.begin());
      std::copy(x.rounded.begin(), x.rounded.end(), middle);
      finished_->store(layer, content_, both);
    }
    if (found <= model_.layers) {
      start_file(model_.layers);
      quantise_head(x);
      finished_->store(model_.layers, content_, {});
    }
    return std::make_unique<QuantisedSource>(base_, std::move(finished_));
  }

 private:
  // Weights of the first `files` of the layers and the head.
  uint64_t weights_of(uint32_t files) const {
    const uint64_t head = uint64_t{model_.vocabulary} * model_.dim;
    const uint64_t layers = matrix_weights(model_) - head;
    return layers / model_.layers * std::min(files, model_.layers) + (files > model_.layers ? head : 0);
  }

  void start_file(uint32_t layer) {
    file_ = layer;
    content_.assign(finished_->layout(layer).bytes(), 0);
  }

  // The layer's equations, once for the exact stream to see the inputs' mean squares and choose scales by
  // them, and once for both streams, every matrix being rounded before its products are taken.
  void quantise_layer(uint32_t layer, Streams& x) {
    if (recipe_.scales) scaled_.search_layer(layer, layer_moments(layer, x.exact), threads_);
    Streams q, k, v, attended, gate, up, branch;
    const Streams normed = norm(x, {TensorRole::kAttentionNorm, layer});
    project(layer, normed, {{TensorRole::kQuery, &q}, {TensorRole::kKey, &k}, {TensorRole::kValue, &v}});
    each(q, [&](Activations& a) { forward_.add_bias({TensorRole::kQueryBias, layer}, a); });
    each(k, [&](Activations& a) { forward_.add_bias({TensorRole::kKeyBias, layer}, a); });
    each(v, [&](Activations& a) { forward_.add_bias({TensorRole::kValueBias, layer}, a); });
    attended.exact = forward_.attend(layer, q.exact, k.exact, v.exact);
    attended.rounded = forward_.attend(layer, q.rounded, k.rounded, v.rounded);
    project(layer, attended, {{TensorRole::kAttentionOut, &branch}});
    add(norm(branch, {TensorRole::kPostAttentionNorm, layer}), x);
    const Streams normed_ffn = norm(x, {TensorRole::kFfnNorm, layer});
    project(layer, normed_ffn, {{TensorRole::kGate, &gate}, {TensorRole::kUp, &up}});
    forward_.gate(gate.exact, up.exact);
    forward_.gate(gate.rounded, up.rounded);
    project(layer, gate, {{TensorRole::kDown, &branch}});
    add(norm(branch, {TensorRole::kPostFfnNorm, layer}), x);
    store_vectors(layer);
  }

  void quantise_head(const Streams& x) {
    if (recipe_.scales) {
      InputMoments moments;
      const Activations normed = forward_.norm(x.exact, {TensorRole::kFinalNorm});
      moments.final = mean_squares(normed, model_.dim, forward_.tokens());
      scaled_.search_layer(model_.layers, moments, threads_);
    }
    project(0, norm(x, {TensorRole::kFinalNorm}), {{TensorRole::kLmHead, nullptr}});
    store_vectors(0);
  }

  InputMoments layer_moments(uint32_t layer, const Activations& exact) const {
    std::vector<uint32_t> windows;
    uint64_t tokens = 0;
    for (size_t i = 0; i < text_.windows.size() && tokens < kMomentTokens; ++i) {
      windows.push_back(text_.windows[i]);
      tokens += text_.windows[i];
    }
    const BatchForward some(base_, std::move(windows), threads_);
    InputMoments moments;
    for (auto* all : {&moments.normed_attention, &moments.attention, &moments.normed_ffn, &moments.hidden}) {
      all->resize(model_.layers);
    }
    const auto product = [&](TensorRole role, const Activations& in) {
      const auto [rows, columns] = tensor_shape(model_, role);
      Activations out(tokens * rows);
      for (uint64_t first = 0; first < rows; first += kSlabRows) {
        some.multiply(read_slab(base_, {role, layer}, first), columns, in, first, rows, out);
      }
      return out;
    };
    Activations x(exact.begin(), exact.begin() + static_cast<int64_t>(tokens * model_.dim));
    Activations normed = some.norm(x, {TensorRole::kAttentionNorm, layer});
    moments.normed_attention[layer] = mean_squares(normed, model_.dim, tokens);
    Activations q = product(TensorRole::kQuery, normed);
    Activations k = product(TensorRole::kKey, normed);
    Activations v = product(TensorRole::kValue, normed);
    some.add_bias({TensorRole::kQueryBias, layer}, q);
    some.add_bias({TensorRole::kKeyBias, layer}, k);
    some.add_bias({TensorRole::kValueBias, layer}, v);
    const Activations attended = some.attend(layer, q, k, v);
    moments.attention[layer] = mean_squares(attended, model_.query_width(), tokens);
    some.add(some.norm(product(TensorRole::kAttentionOut, attended), {TensorRole::kPostAttentionNorm, layer}),
             x);
    normed = some.norm(x, {TensorRole::kFfnNorm, layer});
    moments.normed_ffn[layer] = mean_squares(normed, model_.dim, tokens);
    Activations gate = product(TensorRole::kGate, normed);
    some.gate(gate, product(TensorRole::kUp, normed));
    moments.hidden[layer] = mean_squares(gate, model_.hidden, tokens);
    return moments;
  }

  // Rows [first, first + kSlabRows) of a matrix, or what there is of them.
  std::vector<float> read_slab(const TensorSource& source, TensorId id, uint64_t first) const {
    const TensorShape shape = tensor_shape(model_, id.role);
    const uint64_t rows = std::min(kSlabRows, shape.rows - first), columns = shape.columns;
    std::vector<float> values(rows * columns);
    constexpr uint64_t kRows = 64;
    for_each_index(threads_, (rows + kRows - 1) / kRows, [&](uint64_t job) {
      const uint64_t row = job * kRows;
      const uint64_t count = std::min(kRows, rows - row);
      source.read_rows(id, first + row, count, std::span(values).subspan(row * columns, count * columns));
    });
    return values;
  }

  struct Projection {
    TensorRole role;
    Streams* out;  // null: not wanted
  };

  // Rounds matrices that have one input, and multiplies.
  void project(uint32_t layer, const Streams& in, std::initializer_list<Projection> projections) {
    const uint64_t columns = tensor_shape(model_, projections.begin()->role).columns;
    std::unique_ptr<const Gptq> gptq;
    for (const auto& [role, out] : projections) {
      const TensorId id{role, layer};
      const uint64_t rows = tensor_shape(model_, role).rows;
      if (out != nullptr) {
        out->exact.assign(forward_.tokens() * rows, 0.0f);
        out->rounded.assign(forward_.tokens() * rows, 0.0f);
      }
      for (uint64_t first = 0; first < rows; first += kSlabRows) {
        std::vector<float> w = read_slab(scaled_, id, first);
        const uint64_t count = w.size() / columns;
        if (out != nullptr) forward_.multiply(w, columns, in.exact, first, rows, out->exact);
        if (has_eight_bits(model_, role)) {
          w = round_slab(id, first, w, [&](const QuantisedRows& to) { round_to_eight_bits(w, columns, to); });
        } else if (!base_.is_quantised(id)) {
          if (!gptq)
            gptq =
                std::make_unique<Gptq>(second_moments(in.rounded, columns), columns, recipe_.gptq, threads_);
          std::vector<float> correction;
          if (recipe_.correction > 0) correction = correction_of(w, count, columns, in);
          w = round_slab(id, first, w, [&](const QuantisedRows& to) {
            gptq->quantise(w, correction, count, to, threads_);
          });
        }
        if (out != nullptr) forward_.multiply(w, columns, in.rounded, first, rows, out->rounded);
        counter_.advance(count * columns);
      }
    }
  }

  // The mean of x x^T, on and below the diagonal.
  std::vector<float> second_moments(const Activations& x, uint64_t columns) const {
    std::vector<float> moments(columns * columns);
    const MatrixView view = row_major(x.data(), columns);
    multiply_add({.rows = columns,
                  .columns = columns,
                  .inner = forward_.tokens(),
                  .factor = 1.0f / static_cast<float>(forward_.tokens()),
                  .part = Part::kLower},
                 view.transposed(), view, moments.data(), columns, threads_);
    return moments;
  }

  // Eight bits are fine enough to be rounded to nearest.
  void round_to_eight_bits(std::span<const float> w, uint64_t columns, const QuantisedRows& to) const {
    const uint64_t groups = groups_of(columns);
    for_each_index(threads_, w.size() / columns, [&](uint64_t row) {
      std::vector<float> padded(groups * kGroup);
      std::ranges::copy(w.subspan(row * columns, columns), padded.begin());
      for (uint64_t g = 0; g < groups; ++g) {
        const uint64_t group = row * groups + g;
        const GroupParameters parameters =
            quantise_group_to_eight_bits(std::span(padded).subspan(g * kGroup).first<kGroup>(),
                                         to.q.subspan(group * kGroup).first<kGroup>());
        to.zeros[group] = parameters.zero;
        to.scales[group] = parameters.scale;
      }
    });
  }

  // Rounds rows as `round` does and stores them; returns their values.
  template <typename Round>
  std::vector<float> round_slab(TensorId id, uint64_t first, std::span<const float> w, const Round& round) {
    const uint64_t columns = tensor_shape(model_, id.role).columns;
    const uint64_t rows = w.size() / columns;
    const uint64_t groups = groups_of(columns);
    std::vector<uint8_t> q(rows * groups * kGroup);
    std::vector<uint8_t> zeros(rows * groups);
    std::vector<uint16_t> scales(rows * groups);
    const QuantisedRows out{q, zeros, scales};
    round(out);
    finished_->layout(file_).put_rows(id.role, first, rows, out, content_);
    std::vector<float> values(w.size());
    for_each_index(threads_, rows, [&](uint64_t row) {
      for (uint64_t c = 0; c < columns; ++c) {
        const uint64_t group = row * groups + c / kGroup;
        values[row * columns + c] =
            static_cast<float>(q[group * kGroup + c % kGroup] - zeros[group]) * fp16_to_float(scales[group]);
      }
    });
    return values;
  }

  // [columns][rows]: the mean of d x^T, d = W (exact - x) and x the rounded model's input.
  std::vector<float> correction_of(std::span<const float> w, uint64_t rows, uint64_t columns,
                                   const Streams& in) const {
    Activations difference(in.exact.size());
    for (size_t i = 0; i < difference.size(); ++i) difference[i] = in.exact[i] - in.rounded[i];
    Activations d(forward_.tokens() * rows);
    forward_.multiply(w, columns, difference, 0, rows, d);
    std::vector<float> correction(columns * rows);
    multiply_add({.rows = columns,
                  .columns = rows,
                  .inner = forward_.tokens(),
                  .factor = recipe_.correction / static_cast<float>(forward_.tokens())},
                 row_major(in.rounded.data(), columns).transposed(), row_major(d.data(), rows),
                 correction.data(), rows, threads_);
    return correction;
  }

  // Norms and biases with the scales that they carry.
  void store_vectors(uint32_t layer) {
    const LayerContent& layout = finished_->layout(file_);
    for (uint32_t i = 0; i < kTensorRoles; ++i) {
      const auto role = static_cast<TensorRole>(i);
      if (!is_vector(role) || !layout.holds(role)) continue;
      std::vector<float> values(tensor_shape(model_, role).columns);
      scaled_.read_rows({role, layer}, 0, 1, values);
      layout.put_vector(role, values, content_);
    }
  }

  Streams norm(const Streams& x, TensorId id) const {
    return {forward_.norm(x.exact, id), forward_.norm(x.rounded, id)};
  }
  void add(const Streams& branch, Streams& x) const {
    forward_.add(branch.exact, x.exact);
    forward_.add(branch.rounded, x.rounded);
  }
  template <typename Work>
  static void each(Streams& streams, const Work& work) {
    work(streams.exact);
    work(streams.rounded);
  }

  const TensorSource& base_;
  const ModelDescription& model_;
  const Recipe recipe_;
  const CalibrationTokens text_;
  AwqSource scaled_;  // the weights that are rounded
  BatchForward forward_;
  const uint32_t threads_;
  std::unique_ptr<FinishedLayers> finished_;
  Progress progress_;
  ProgressCounter counter_;
  uint32_t file_ = 0;             // that content_ is for
  std::vector<uint8_t> content_;  // of the layer that is being quantised
};

}  // namespace

std::unique_ptr<TensorSource> quantise_gptq(const QuantiserInput& input) {
  return Layerwise(
             input,
             {.name = "gptq", .scales = false, .correction = 0, .gptq = {.damping = 0.01f, .sweeps = 0}})
      .run();
}

std::unique_ptr<TensorSource> quantise_best(const QuantiserInput& input) {
  return Layerwise(
             input,
             {.name = "best", .scales = true, .correction = 0.75f, .gptq = {.damping = 0.03f, .sweeps = 1}})
      .run();
}

}  // namespace brim
