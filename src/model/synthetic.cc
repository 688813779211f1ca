#include "model/synthetic.h"

#include <array>
#include <cmath>

#include "base/error.h"
#include "model/family.h"
#include "numerics/split_mix.h"

namespace brim {
namespace {

struct PublishedShape {
  std::string_view name;
  uint32_t dim, layers, heads, kv_heads, head_size, hidden, vocabulary, context;
  float norm_eps;
  double rope_theta;
  bool tied, qkv_bias, qk_norm, llama32_scaling;
  uint32_t experts = 0, experts_per_token = 0, expert_hidden = 0;
  bool softmax_chosen = false, norm_all_heads = false;
  bool norms_behind = false;     // attention and FFN, and none before
  uint32_t unrotated_every = 0;  // n: every n-th layer has no RoPE
  uint32_t full_every = 0;       // n: every n-th layer sees all positions, the others the last `window`
  uint32_t window = 0;
  double local_rope_theta = 0.0;
  bool gelu = false, norms_both = false;
  double linear_factor = 1.0;  // of RoPE in the layers without a window
};

const RopeScaling kLlama32Scaling = {.kind = RopeScaling::Kind::kLlama3,
                                     .factor = 32.0,
                                     .low_freq_factor = 1.0,
                                     .high_freq_factor = 4.0,
                                     .original_context = 8192.0};

// Source: config.json of meta-llama/Llama-2-7b-hf, JackFram/llama-68m (which others let draft),
// TinyLlama/TinyLlama-1.1B-Chat-v1.0, meta-llama/Meta-Llama-3-8B, meta-llama/Llama-3.2-1B and -3B,
// Qwen/Qwen2.5-0.5B, Qwen/Qwen3-0.6B, -1.7B and -4B, HuggingFaceTB/SmolLM2-135M, -360M and -1.7B,
// microsoft/Phi-3.5-mini-instruct (whose longrope factors are left out: they change no size),
// HuggingFaceTB/SmolLM3-3B, allenai/OLMo-2-0425-1B, allenai/OLMo-2-1124-7B, allenai/Olmo-3-7B-Instruct
// (likewise without YaRN), google/gemma-2b, google/gemma-3-270m, -1b-it and -4b-it (its text part),
// allenai/OLMoE-1B-7B-0924, Qwen/Qwen3-30B-A3B, mistralai/Mixtral-8x7B-v0.1.
constexpr std::array kPublished = {
    // clang-format off
    // dim, layers, heads, kv_heads, head_size, hidden, vocabulary, context, eps, theta, tied, bias, qk_norm, llama3.2, experts, of a token, their hidden, softmax over the chosen, norms over all heads, behind, without RoPE, full, window, its layers' theta, GELU, norms before and behind, linear factor
    PublishedShape{"llama2-7b", 4096, 32, 32, 32, 128, 11008, 32000, 4096, 1e-5f, 1e4, false, false, false, false},
    PublishedShape{"llama-68m", 768, 2, 12, 12, 64, 3072, 32000, 2048, 1e-6f, 1e4, false, false, false, false},
    PublishedShape{"tinyllama-1.1b", 2048, 22, 32, 4, 64, 5632, 32000, 2048, 1e-5f, 1e4, false, false, false, false},
    PublishedShape{"llama3-8b", 4096, 32, 32, 8, 128, 14336, 128256, 8192, 1e-5f, 5e5, false, false, false, false},
    PublishedShape{"llama3.2-1b", 2048, 16, 32, 8, 64, 8192, 128256, 131072, 1e-5f, 5e5, true, false, false, true},
    PublishedShape{"llama3.2-3b", 3072, 28, 24, 8, 128, 8192, 128256, 131072, 1e-5f, 5e5, true, false, false, true},
    PublishedShape{"qwen2.5-0.5b", 896, 24, 14, 2, 64, 4864, 151936, 32768, 1e-6f, 1e6, true, true, false, false},
    PublishedShape{"qwen3-0.6b", 1024, 28, 16, 8, 128, 3072, 151936, 40960, 1e-6f, 1e6, true, false, true, false},
    PublishedShape{"qwen3-1.7b", 2048, 28, 16, 8, 128, 6144, 151936, 40960, 1e-6f, 1e6, true, false, true, false},
    PublishedShape{"qwen3-4b", 2560, 36, 32, 8, 128, 9728, 151936, 40960, 1e-6f, 1e6, true, false, true, false},
    PublishedShape{"smollm2-135m", 576, 30, 9, 3, 64, 1536, 49152, 8192, 1e-5f, 1e5, true, false, false, false},
    PublishedShape{"smollm2-360m", 960, 32, 15, 5, 64, 2560, 49152, 8192, 1e-5f, 1e5, true, false, false, false},
    PublishedShape{"smollm2-1.7b", 2048, 24, 32, 32, 64, 8192, 49152, 8192, 1e-5f, 1.3e5, true, false, false, false},
    PublishedShape{"smollm3-3b", 2048, 36, 16, 4, 128, 11008, 128256, 65536, 1e-6f, 5e6, true, false, false, false, 0, 0, 0, false, false, false, 4},
    PublishedShape{"olmo2-1b", 2048, 16, 16, 16, 128, 8192, 100352, 4096, 1e-6f, 5e5, false, false, true, false, 0, 0, 0, false, true, true},
    PublishedShape{"olmo2-7b", 4096, 32, 32, 32, 128, 11008, 100352, 4096, 1e-6f, 5e5, false, false, true, false, 0, 0, 0, false, true, true},
    PublishedShape{"olmo3-7b", 4096, 32, 32, 32, 128, 11008, 100278, 65536, 1e-6f, 5e5, false, false, true, false, 0, 0, 0, false, true, true, 0, 4, 4096, 5e5},
    PublishedShape{"gemma-2b", 2048, 18, 8, 1, 256, 16384, 256000, 8192, 1e-6f, 1e4, true, false, false, false, 0, 0, 0, false, false, false, 0, 0, 0, 0.0, true},
    PublishedShape{"gemma3-270m", 640, 18, 4, 1, 256, 2048, 262144, 32768, 1e-6f, 1e6, true, false, true, false, 0, 0, 0, false, false, false, 0, 6, 512, 1e4, true, true},
    PublishedShape{"gemma3-1b", 1152, 26, 4, 1, 256, 6912, 262144, 32768, 1e-6f, 1e6, true, false, true, false, 0, 0, 0, false, false, false, 0, 6, 512, 1e4, true, true},
    PublishedShape{"gemma3-4b", 2560, 34, 8, 4, 256, 10240, 262208, 131072, 1e-6f, 1e6, true, false, true, false, 0, 0, 0, false, false, false, 0, 6, 1024, 1e4, true, true, 8.0},
    PublishedShape{"phi3.5-mini", 3072, 32, 32, 32, 96, 8192, 32064, 131072, 1e-5f, 1e4, false, false, false, false},
    PublishedShape{"olmoe-1b-7b", 2048, 16, 16, 16, 128, 0, 50304, 4096, 1e-5f, 1e4, false, false, true, false, 64, 8, 1024, false, true},
    PublishedShape{"qwen3-30b-a3b", 2048, 48, 32, 4, 128, 0, 151936, 40960, 1e-6f, 1e6, false, false, true, false, 128, 8, 768, true, false},
    PublishedShape{"mixtral-8x7b", 4096, 32, 32, 8, 128, 0, 32000, 32768, 1e-5f, 1e6, false, false, false, false, 8, 2, 14336, true, false},
    // clang-format on
};

constexpr auto kNames = [] {
  std::array<std::string_view, kPublished.size()> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kPublished[i].name;
  return names;
}();

// The sum of four uniform bytes has mean 510 and variance 4 * (256^2 - 1) / 12 = 21845.
constexpr int32_t kByteSumMean = 510;
constexpr float kByteSumSigma = 147.80054f;

// out[i] = mean + unit * (sum of four bytes - 510): two values from each 64-bit word. Element i depends
// on (key, i) only.
void fill(uint64_t key, float mean, float unit, std::span<float> out) {
  // Two sums, in the bits from 0 and from 32 on.
  const auto sums = [key](size_t pair) {
    constexpr uint64_t kEvenBytes = 0x00FF00FF00FF00FF;
    const uint64_t word = split_mix(key + pair * kSplitMixStep);
    const uint64_t of_two = (word & kEvenBytes) + ((word >> 8) & kEvenBytes);
    return of_two + (of_two >> 16);
  };
  const auto value = [=](uint64_t sum) {
    return mean + unit * static_cast<float>(static_cast<int32_t>(sum & 0xFFFF) - kByteSumMean);
  };
  const size_t pairs = out.size() / 2;
  for (size_t i = 0; i < pairs; ++i) {
    const uint64_t two_sums = sums(i);
    out[2 * i] = value(two_sums);
    out[2 * i + 1] = value(two_sums >> 32);
  }
  if (out.size() % 2 != 0) out.back() = value(sums(pairs));
}

class Synthetic final : public TensorSource {
 public:
  Synthetic(const ModelDescription& model, uint64_t seed) : model_(model), seed_(seed) { validate(model_); }

  const ModelDescription& description() const override { return model_; }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    check_read(model_, id, first_row, rows, out.size());
    if (id.role == TensorRole::kLmHead && model_.tied_embeddings) id.role = TensorRole::kEmbedding;
    const uint64_t columns = tensor_shape(model_, id.role).columns;
    const uint64_t tensor = split_mix(
        seed_ ^ split_mix((static_cast<uint64_t>(id.role) << 32) | (uint64_t{id.expert} << 16) | id.layer));
    float mean = 0.0f;
    float sigma = 0.0f;
    switch (row_of(id.role).kind) {
      case TensorKind::kNorm:
        mean = 1.0f;
        sigma = 0.05f;
        break;
      case TensorKind::kBias:
        sigma = 0.1f;
        break;
      case TensorKind::kMatrix:
        sigma = 1.0f / std::sqrt(static_cast<float>(columns));
    }
    for (uint64_t row = 0; row < rows; ++row) {
      fill(split_mix(tensor + (first_row + row) * kSplitMixStep), mean, sigma / kByteSumSigma,
           out.subspan(row * columns, columns));
    }
  }

 private:
  ModelDescription model_;
  uint64_t seed_;
};

}  // namespace

std::span<const std::string_view> synthetic_names() { return kNames; }

std::unique_ptr<TensorSource> open_synthetic(const std::string& name) {
  for (const PublishedShape& shape : kPublished) {
    if (shape.name != name) continue;
    ModelDescription model;
    model.name = name;
    model.dim = shape.dim;
    model.layers = shape.layers;
    model.heads = shape.heads;
    model.kv_heads = shape.kv_heads;
    model.head_size = shape.head_size;
    model.hidden = shape.hidden;
    model.vocabulary = shape.vocabulary;
    model.trained_context = shape.context;
    model.norm_eps = shape.norm_eps;
    model.rope_theta = shape.rope_theta;
    model.rope_pairing = RopePairing::kHalfSplit;
    if (shape.llama32_scaling) model.rope_scaling = kLlama32Scaling;
    model.tied_embeddings = shape.tied;
    model.qkv_bias = shape.qkv_bias;
    model.qk_norm = shape.qk_norm;
    model.norm_all_heads = shape.norm_all_heads;
    model.pre_norm = !shape.norms_behind;
    model.post_norm = shape.norms_behind || shape.norms_both;
    model.gelu = shape.gelu;
    if (shape.linear_factor != 1.0)
      model.rope_scaling = {.kind = RopeScaling::Kind::kLinear, .factor = shape.linear_factor};
    model.unrotated = unrotated_layers(shape.layers, shape.unrotated_every);
    model.windowed = windowed_layers(shape.layers, shape.full_every);
    model.attention_window = shape.window;
    model.local_rope_theta = shape.local_rope_theta;
    model.experts = shape.experts;
    model.experts_per_token = shape.experts_per_token;
    model.expert_hidden = shape.expert_hidden;
    model.softmax_chosen = shape.softmax_chosen;
    return make_synthetic(model, kSyntheticSeed);
  }
  std::string known;
  for (const std::string_view each : kNames) known += (known.empty() ? "" : ", ") + std::string(each);
  throw Error("there is no synthetic model '" + name + "'; known are " + known);
}

std::unique_ptr<TensorSource> make_synthetic(const ModelDescription& model, uint64_t seed) {
  return std::make_unique<Synthetic>(model, seed);
}

}  // namespace brim
