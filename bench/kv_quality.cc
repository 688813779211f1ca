// What keeping K and V in eight or four bits costs a model, with and without the rotation: perplexity,
// divergence and agreement of its images with the checkpoint in plain FP32, and the error of the worst head's
// attention that comes from the cache alone. Prints a Markdown table. Usage: kv_quality CHECKPOINT TOKENIZER
// TEXT TOKENS [FACTOR...]
//
// With each FACTOR, for a model with outlier channels that is the same but for rounding: of every key head
// one in sixteen channels, at least a RoPE pair of them, is so many times larger, and of its query heads so
// many times smaller. Published models have a few fixed channels of keys some ten times above the others
// (KIVI, arXiv:2402.02750, figure 2; KVQuant, arXiv:2401.18079), at the extreme more than a hundred times
// (Qwen2.5-7B's key biases).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "engine/interpreter.h"
#include "engine/kernels.h"
#include "image/mapped_image.h"
#include "image/pack.h"
#include "model/rotated_values.h"
#include "numerics/fp16.h"
#include "numerics/kv4.h"
#include "numerics/kv8.h"
#include "numerics/rotation.h"
#include "runtime/chat.h"
#include "runtime/perplexity.h"
#include "tests/support/dequantised_source.h"
#include "tests/support/oracle_forward.h"
#include "tests/support/temporary_folder.h"
#include "tokenizer/build.h"

namespace brim {
namespace {

constexpr uint32_t kWindow = 256;

struct Variant {
  const char* name;
  KvCache cache;
  bool rotates_values;
};
constexpr Variant kVariants[] = {
    {"8", {}, false},
    {"k8v4", {.key_bits = 8, .value_bits = 4, .rotated = false}, false},
    {"k8v4, rotated", {.key_bits = 8, .value_bits = 4, .rotated = false}, true},
    {"4", {.key_bits = 4, .value_bits = 4, .rotated = false}, false},
    {"4, rotated", {.key_bits = 4, .value_bits = 4, .rotated = true}, true},
};

// The checkpoint with some channels of its keys `factor` times larger and of its queries as much smaller.
class OutlierKeys final : public TensorSource {
 public:
  OutlierKeys(const TensorSource& source, float factor) : source_(source), factor_(factor) {}

  const ModelDescription& description() const override { return source_.description(); }
  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    source_.read_rows(id, first_row, rows, out);
    const bool key = id.role == TensorRole::kKey || id.role == TensorRole::kKeyBias;
    const bool query = id.role == TensorRole::kQuery || id.role == TensorRole::kQueryBias;
    if (!key && !query) return;
    const bool bias = id.role == TensorRole::kKeyBias || id.role == TensorRole::kQueryBias;
    const uint64_t columns = bias ? 1 : out.size() / rows;
    for (uint64_t i = 0; i < out.size(); ++i) {
      if (is_outlier((first_row + i / columns) % description().head_size)) {
        out[i] = key ? out[i] * factor_ : out[i] / factor_;
      }
    }
  }

 private:
  // Of both elements of a pair, so that RoPE keeps the product.
  bool is_outlier(uint64_t element) const {
    const uint64_t d = description().head_size;
    const uint64_t pair =
        description().rope_pairing == RopePairing::kAdjacent ? element / 2 : element % (d / 2);
    return pair % 16 == 3 % (d / 2);
  }

  const TensorSource& source_;
  const float factor_;
};

// K or V of a head as it comes back from the cache.
std::vector<float> stored(std::vector<float> x, uint32_t bits, bool rotated) {
  const auto n = static_cast<uint32_t>(x.size());
  if (rotated) rotate(x.data(), n);
  if (bits == 8) {
    std::vector<int8_t> k(n);
    const float scale = fp16_to_float(quantise_kv8(x.data(), static_cast<int32_t>(n), k.data()));
    for (uint32_t i = 0; i < n; ++i) x[i] = k[i] * scale;
  } else {
    std::vector<uint8_t> k(n);
    const Kv4Scale written = quantise_kv4(x.data(), static_cast<int32_t>(n), k.data());
    for (uint32_t i = 0; i < n; ++i) x[i] = (k[i] - written.zero) * fp16_to_float(written.scale);
  }
  if (rotated) {
    rotate(x.data(), n);
    for (float& value : x) value /= static_cast<float>(rotation_size(n));
  }
  return x;
}

// The queries, keys and values of a text's positions, by layer.
struct Heads {
  using Vectors = std::vector<std::vector<float>>;
  std::vector<Vectors> queries, keys, values;  // [layer][position * heads + head]
};

// Computed in double from an image's weights.
Heads heads_of(const MappedImage& image, std::span<const uint32_t> ids) {
  const test::DequantisedSource source(image);
  const ModelDescription& model = source.description();
  Heads heads{std::vector<Heads::Vectors>(model.layers), std::vector<Heads::Vectors>(model.layers),
              std::vector<Heads::Vectors>(model.layers)};
  uint64_t keys = 0, values = 0, queries = 0;
  const auto note = [](std::vector<Heads::Vectors>& to, uint64_t& count, uint32_t per_layer,
                       std::span<double> x) {
    to[count++ / per_layer % to.size()].emplace_back(x.begin(), x.end());
  };
  test::OracleRoundings roundings;
  roundings.keys = [&](std::span<double> x) { note(heads.keys, keys, model.kv_heads, x); };
  roundings.values = [&](std::span<double> x) { note(heads.values, values, model.kv_heads, x); };
  roundings.activations = [&](std::span<double> x) {
    if (x.size() == model.head_size) note(heads.queries, queries, model.heads, x);
  };
  test::OracleForward forward(
      source, [&](uint32_t position) { return source.rope_row(position); }, roundings);
  for (const uint32_t id : ids) forward.step(id);
  return heads;
}

// The attention output of a query over positions 0 ... of K and V vectors that stand `stride` apart.
std::vector<double> attend(const std::vector<float>& q, const Heads::Vectors& k, const Heads::Vectors& v,
                           size_t first, size_t stride, size_t positions) {
  std::vector<double> p(positions), out(q.size());
  for (size_t t = 0; t < positions; ++t) {
    for (size_t i = 0; i < q.size(); ++i) p[t] += double{q[i]} * k[first + t * stride][i];
    p[t] /= std::sqrt(static_cast<double>(q.size()));
  }
  const double max = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& value : p) sum += value = std::exp(value - max);
  for (size_t t = 0; t < positions; ++t) {
    for (size_t i = 0; i < q.size(); ++i) out[i] += p[t] / sum * v[first + t * stride][i];
  }
  return out;
}

// The largest relative error (root of the mean square over positions) of a query head's attention output.
double worst_head(const ModelDescription& model, const Heads& heads, const Variant& variant) {
  double worst = 0;
  for (uint32_t layer = 0; layer < model.layers; ++layer) {
    Heads::Vectors k, v;
    for (const auto& x : heads.keys[layer])
      k.push_back(stored(x, variant.cache.key_bits, variant.cache.rotated));
    for (const auto& x : heads.values[layer])
      v.push_back(stored(x, variant.cache.value_bits, variant.rotates_values));
    const size_t positions = k.size() / model.kv_heads;
    for (uint32_t head = 0; head < model.heads; ++head) {
      double error = 0, size = 0;
      for (size_t t = 0; t < positions; ++t) {
        const auto& q = heads.queries[layer][t * model.heads + head];
        const size_t g = head / model.heads_per_kv();
        const auto exact = attend(q, heads.keys[layer], heads.values[layer], g, model.kv_heads, t + 1);
        const auto got = attend(q, k, v, g, model.kv_heads, t + 1);
        for (size_t i = 0; i < exact.size(); ++i) {
          error += (got[i] - exact[i]) * (got[i] - exact[i]);
          size += exact[i] * exact[i];
        }
      }
      worst = std::max(worst, std::sqrt(error / size));
    }
  }
  return worst;
}

struct Measured {
  std::unique_ptr<MappedImage> image;
  std::unique_ptr<Interpreter> executor;
  double nll = 0, kl = 0;
  uint64_t same_top = 0;
};

void measure(const TensorSource& checkpoint, const char* outliers, std::span<const uint8_t> tokenizer,
             std::span<const uint32_t> ids, std::optional<uint32_t> bos) {
  const test::TemporaryFolder folder;
  const ModelDescription& model = checkpoint.description();
  std::vector<Measured> measured;
  for (const Variant& variant : kVariants) {
    const auto rotated = variant.rotates_values ? rotate_values(checkpoint) : nullptr;
    PackOptions options;
    options.board = load_board("kv260");
    options.context = kWindow;
    options.threads = 1;
    options.kv_cache = variant.cache;
    const std::string path = folder.path() + "/" + std::to_string(measured.size());
    pack_image(rotated ? *rotated : checkpoint, tokenizer, options, path);
    Measured& next = measured.emplace_back();
    next.image = std::make_unique<MappedImage>(path);
    next.executor =
        std::make_unique<Interpreter>(*next.image, make_kernels(available_kernels().front()),
                                      InterpreterOptions{.max_tokens_per_pass = 64, .threads = 1});
  }

  Fp32Forward reference(checkpoint);
  double reference_nll = 0;
  uint64_t predicted = 0;
  std::vector<uint32_t> first_window;
  for (size_t begin = 0; begin + 1 < ids.size();) {
    std::vector<uint32_t> window;
    if (bos) window.push_back(*bos);
    while (window.size() < kWindow && begin < ids.size()) window.push_back(ids[begin++]);
    if (first_window.empty()) first_window = window;
    std::vector<std::vector<double>> expected;
    reference.reset();
    for (size_t i = 0; i + 1 < window.size(); ++i) {
      expected.push_back(log_softmax(reference.step(window[i])));
      reference_nll -= expected.back()[window[i + 1]];
    }
    predicted += expected.size();
    for (Measured& one : measured) {
      for (size_t at = 0; at < expected.size();) {
        const size_t width = std::min<size_t>(64, expected.size() - at);
        const auto logits = one.executor->run({.tokens = std::span(window).subspan(at, width),
                                               .position = static_cast<uint32_t>(at),
                                               .first_logits = 0});
        for (size_t i = 0; i < width; ++i, ++at) {
          const auto q = log_softmax(logits.subspan(i * model.vocabulary, model.vocabulary));
          const auto& p = expected[at];
          one.nll -= q[window[at + 1]];
          for (size_t j = 0; j < p.size(); ++j) one.kl += std::exp(p[j]) * (p[j] - q[j]);
          one.same_top += std::max_element(p.begin(), p.end()) - p.begin() ==
                          std::max_element(q.begin(), q.end()) - q.begin();
        }
      }
    }
  }

  const Heads heads = heads_of(*measured[0].image, first_window);
  const auto n = static_cast<double>(predicted);
  for (size_t i = 0; i < measured.size(); ++i) {
    const Measured& one = measured[i];
    std::printf("| %s | %s | %s | %.3f | %.3f | %.4f | %+.4f | %.1f%% | %.2f%% |\n", model.name.c_str(),
                outliers, kVariants[i].name, std::exp(reference_nll / n), std::exp(one.nll / n), one.kl / n,
                (one.kl - measured[0].kl) / n, 100 * static_cast<double>(one.same_top) / n,
                100 * worst_head(model, heads, kVariants[i]));
  }
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  const auto checkpoint = open_model(argv[1]);
  const std::vector<uint8_t> blob = build_tokenizer(argv[2]);
  Tokenizer tokenizer;
  if (!tokenizer.attach(blob).empty()) return 1;
  std::ifstream file(argv[3], std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto ids = encode(tokenizer, text, {});
  ids.resize(std::min<size_t>(ids.size(), static_cast<size_t>(std::atoi(argv[4]))));
  const std::optional<uint32_t> bos = tokenizer.adds_bos() ? std::optional(tokenizer.bos()) : std::nullopt;
  std::printf(
      "| model | outlier channels | KV cache | FP32 checkpoint | image | KL, nats | above 8 bits | same "
      "top-1 | worst "
      "head |\n|---|---|---|---|---|---|---|---|---|\n");
  measure(*checkpoint, "none made", blob, ids, bos);
  for (int i = 5; i < argc; ++i) {
    const OutlierKeys outliers(*checkpoint, static_cast<float>(std::atof(argv[i])));
    measure(outliers, (std::string("x ") + argv[i]).c_str(), blob, ids, bos);
  }
  return 0;
}

}  // namespace
}  // namespace brim

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: kv_quality CHECKPOINT TOKENIZER TEXT TOKENS [FACTOR...]\n");
    return 2;
  }
  try {
    return brim::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kv_quality: %s\n", error.what());
    return 1;
  }
}
