#include "model/description.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/concat.h"
#include "base/error.h"

namespace brim {
namespace {

constexpr uint64_t kMaxSize = (1u << 24) - 1;
constexpr uint64_t kMaxWidth = 65536;
constexpr uint64_t kMaxLayers = 1024;
constexpr uint64_t kMaxHeadSize = 256;
constexpr uint64_t kMaxExperts = 256;
constexpr uint64_t kMaxExpertsPerToken = 16;
constexpr uint32_t kContextUnit = 64;  // contexts are multiples of it

[[noreturn]] void refuse(const ModelDescription& model, const std::string& what) {
  throw Error("model " + (model.name.empty() ? "(unnamed)" : model.name) + ": " + what);
}

void require_size(const ModelDescription& model, const char* field, uint64_t value, uint64_t limit) {
  if (value == 0 || value > limit) {
    refuse(model, std::string(field) + " is " + std::to_string(value) + ", which must be 1 to " +
                      std::to_string(limit));
  }
}

void require_positive(const ModelDescription& model, const char* field, double value) {
  if (!(value > 0.0) || !std::isfinite(value)) {
    refuse(model, concat(field, " is ", value, ", which must be positive"));
  }
}

void validate_scaling(const ModelDescription& model) {
  using Kind = RopeScaling::Kind;
  const RopeScaling& scaling = model.rope_scaling;
  if (scaling.kind == Kind::kNone) return;
  require_positive(model, "RoPE scaling factor", scaling.factor);
  if (scaling.kind == Kind::kLinear) return;
  require_positive(model, "RoPE scaling's original context", scaling.original_context);
  if (scaling.kind == Kind::kLlama3) {
    require_positive(model, "RoPE scaling low_freq_factor", scaling.low_freq_factor);
    require_positive(model, "RoPE scaling high_freq_factor", scaling.high_freq_factor);
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      refuse(model, "RoPE scaling high_freq_factor must be above low_freq_factor");
    }
    return;
  }
  if (scaling.kind == Kind::kLongRope) {
    for (const auto* factors : {&scaling.short_factors, &scaling.long_factors}) {
      if (factors->size() != model.head_size / 2) {
        refuse(model, concat("RoPE scaling has ", factors->size(), " factors, but a head of ",
                             model.head_size, " has ", model.head_size / 2, " pairs"));
      }
      for (const float factor : *factors) require_positive(model, "a RoPE scaling factor of a pair", factor);
    }
    if (scaling.original_context <= 1.0) refuse(model, "RoPE scaling's original context must be above 1");
  } else {
    require_positive(model, "RoPE scaling beta_fast", scaling.beta_fast);
    require_positive(model, "RoPE scaling beta_slow", scaling.beta_slow);
    if (scaling.beta_fast <= scaling.beta_slow) {
      refuse(model, concat("RoPE scaling beta_fast (", scaling.beta_fast, ") must be above beta_slow (",
                           scaling.beta_slow, ")"));
    }
  }
  if (scaling.attention_factor != 0.0) {
    require_positive(model, "RoPE scaling attention_factor", scaling.attention_factor);
  }
}

// Llama 3.1: long wavelengths are stretched by the factor, short ones are left, between them a blend.
void scale_llama3(const RopeScaling& scaling, std::vector<double>& frequencies) {
  for (double& frequency : frequencies) {
    const double turns = scaling.original_context * frequency / (2.0 * std::numbers::pi);
    const double keep = std::clamp(
        (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor), 0.0, 1.0);
    frequency *= keep + (1.0 - keep) / scaling.factor;
  }
}

// YaRN (Peng et al. 2023), as in Hugging Face: like llama3, with a ramp over the pair's index.
void scale_yarn(const ModelDescription& model, std::vector<double>& frequencies) {
  const RopeScaling& scaling = model.rope_scaling;
  const double size = model.head_size;
  // The (fractional) pair that turns `turns` times within the original context.
  const auto pair_turning = [&](double turns) {
    return size * std::log(scaling.original_context / (turns * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(model.rope_theta));
  };
  const double low = std::max(std::floor(pair_turning(scaling.beta_fast)), 0.0);
  double high = std::min(std::ceil(pair_turning(scaling.beta_slow)), size - 1.0);
  if (high == low) high += 0.001;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double stretch = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= 1.0 - stretch + stretch / scaling.factor;
  }
}

}  // namespace

void validate(const ModelDescription& model) {
  require_size(model, "dim", model.dim, kMaxWidth);
  require_size(model, "layers", model.layers, kMaxLayers);
  require_size(model, "heads", model.heads, kMaxSize);
  require_size(model, "kv_heads", model.kv_heads, kMaxSize);
  require_size(model, "head_size", model.head_size, kMaxHeadSize);
  if (model.experts == 0 || model.hidden != 0) require_size(model, "hidden", model.hidden, kMaxWidth);
  if (model.experts != 0) {
    require_size(model, "experts", model.experts, kMaxExperts);
    require_size(model, "experts_per_token", model.experts_per_token,
                 std::min<uint64_t>(model.experts, kMaxExpertsPerToken));
    require_size(model, "expert_hidden", model.expert_hidden, kMaxWidth - 1);
    if (model.hidden != 0 && model.hidden < model.expert_hidden) {
      refuse(model, concat("the shared expert is narrower (", model.hidden, ") than the others (",
                           model.expert_hidden, "), which is not supported"));
    }
  }
  require_size(model, "vocabulary", model.vocabulary, kMaxSize);
  if (model.trained_context != 0) require_size(model, "trained_context", model.trained_context, kMaxSize);
  if (model.head_size % 2 != 0) {
    refuse(model, "head_size is " + std::to_string(model.head_size) + ", which must be even");
  }
  if (model.heads % model.kv_heads != 0) {
    refuse(model, "kv_heads (" + std::to_string(model.kv_heads) + ") must divide heads (" +
                      std::to_string(model.heads) + ")");
  }
  require_size(model, "heads * head_size", model.query_width(), kMaxWidth);
  if (model.norm_all_heads && model.heads != model.kv_heads) {
    refuse(model, concat("norms over all heads of q and k, of which there are ", model.heads, " and ",
                         model.kv_heads, ": they must be as many"));
  }
  if (model.experts != 0 && (model.post_norm || !model.pre_norm)) {
    refuse(model, "norms behind attention and FFN in a mixture of experts are not supported");
  }
  if (!model.pre_norm && !model.post_norm) refuse(model, "there are norms neither before nor behind the FFN");
  require_positive(model, "norm_eps", model.norm_eps);
  if (model.norm_eps >= 1.0f)
    refuse(model, concat("norm_eps is ", model.norm_eps, ", which must be below 1"));
  require_positive(model, "rope_theta", model.rope_theta);
  if (model.rope_theta <= 1.0) refuse(model, "rope_theta must be above 1");
  validate_scaling(model);
  if (model.local_rope_theta != 0.0) {
    require_positive(model, "rope_theta of the layers with a window", model.local_rope_theta);
    if (model.local_rope_theta <= 1.0)
      refuse(model, "rope_theta of the layers with a window must be above 1");
  }
  if (!model.windowed.empty() && model.windowed.size() != model.layers) {
    refuse(model, concat("which layers have the attention window is said of ", model.windowed.size(),
                         " layers, and there are ", model.layers));
  }
  if (!model.unrotated.empty() && model.unrotated.size() != model.layers) {
    refuse(model, concat("which layers have RoPE is said of ", model.unrotated.size(),
                         " layers, and there are ", model.layers));
  }
}

uint32_t usual_context(const ModelDescription& model) {
  double usual = model.trained_context;
  const auto limit = [&](double positions) { usual = usual == 0 ? positions : std::min(usual, positions); };
  if (model.rope_scaling.kind == RopeScaling::Kind::kLongRope) limit(model.rope_scaling.original_context);
  const uint32_t window = model.attention_window / kContextUnit * kContextUnit;
  if (window > 0) limit(window);
  return static_cast<uint32_t>(usual);
}

std::string context_note(const ModelDescription& model, uint64_t tokens) {
  const RopeScaling& scaling = model.rope_scaling;
  if (scaling.kind == RopeScaling::Kind::kLongRope &&
      static_cast<double>(tokens) > scaling.original_context) {
    return concat(
        "a context of ", tokens, " is beyond the ", scaling.original_context,
        " positions of the model's short RoPE factors: the long ones are used for all positions, short "
        "texts included (--context ",
        scaling.original_context, " keeps the short ones)");
  }
  if (model.attention_window == 0) return "";
  if (tokens > model.attention_window) {
    return concat("a context of ", tokens, " is beyond the ", model.attention_window,
                  " positions of the model's attention window: processors keep a ring of the last ones, the "
                  "accelerator in rtl/ refuses the image");
  }
  if (model.trained_context > tokens + kContextUnit) {
    return concat("tokens attend to the last ", model.attention_window,
                  " positions: a context beyond these (up to ", model.trained_context,
                  ", with --context) is for processors alone");
  }
  return "";
}

namespace {

// With so many experts of each layer.
uint64_t weights_with(const ModelDescription& model, uint64_t experts) {
  const uint64_t dim = model.dim;
  const uint64_t attention = dim * (2ull * model.query_width() + 2ull * model.kv_width());
  const uint64_t ffn = 3 * dim * (model.hidden + experts * model.expert_hidden) + dim * model.experts;
  return model.layers * (attention + ffn) + dim * model.vocabulary;
}

}  // namespace

uint64_t streamed_weights(const ModelDescription& model) {
  return weights_with(model, model.experts_per_token);
}

uint64_t matrix_weights(const ModelDescription& model) { return weights_with(model, model.experts); }

std::vector<RopeTable> rope_tables(const ModelDescription& model) {
  std::vector<RopeTable> tables = {RopeTable::kUsual};
  for (const RopeTable table : {RopeTable::kLocal, RopeTable::kNone}) {
    for (uint32_t layer = 0; layer < model.layers; ++layer) {
      if (model.rope_table(layer) != table) continue;
      tables.push_back(table);
      break;
    }
  }
  return tables;
}

RopeFrequencies rope_frequencies(const ModelDescription& model, uint64_t context, RopeTable table) {
  using Kind = RopeScaling::Kind;
  const RopeScaling& scaling = model.rope_scaling;
  RopeFrequencies result;
  result.radians_per_position.resize(model.head_size / 2);
  if (table == RopeTable::kNone) return result;
  const double theta = table == RopeTable::kLocal ? model.local_rope_theta : model.rope_theta;
  for (size_t i = 0; i < result.radians_per_position.size(); ++i) {
    result.radians_per_position[i] =
        std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(model.head_size));
  }
  if (table == RopeTable::kLocal) return result;
  switch (scaling.kind) {
    case Kind::kNone:
      break;
    case Kind::kLinear:
      for (double& frequency : result.radians_per_position) frequency /= scaling.factor;
      break;
    case Kind::kLlama3:
      scale_llama3(scaling, result.radians_per_position);
      break;
    case Kind::kYarn:
      scale_yarn(model, result.radians_per_position);
      if (scaling.attention_factor != 0.0) {
        result.amplitude = scaling.attention_factor;
      } else if (scaling.factor > 1.0) {
        result.amplitude = 0.1 * std::log(scaling.factor) + 1.0;
      }
      break;
    case Kind::kLongRope: {
      const bool beyond = static_cast<double>(context) > scaling.original_context;
      const std::vector<float>& factors = beyond ? scaling.long_factors : scaling.short_factors;
      for (size_t i = 0; i < factors.size(); ++i) {
        result.radians_per_position[i] /= static_cast<double>(factors[i]);
      }
      if (scaling.attention_factor != 0.0) {
        result.amplitude = scaling.attention_factor;
      } else if (scaling.factor > 1.0) {
        result.amplitude = std::sqrt(1.0 + std::log(scaling.factor) / std::log(scaling.original_context));
      }
      break;
    }
  }
  return result;
}

}  // namespace brim
