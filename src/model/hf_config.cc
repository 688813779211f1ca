#include "model/hf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"

namespace brim {
namespace {

using nlohmann::json;

// One JSON object with typed access; messages name the file and the path of the field.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(&object), where_(std::move(where)) {}

  [[noreturn]] void refuse(const std::string& what) const { throw Error(where_ + what); }

  // Absent and null mean the same, as in Hugging Face.
  bool has(const char* key) const { return find(key) != nullptr; }

  std::optional<uint32_t> count(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_unsigned() || value->get<uint64_t>() > std::numeric_limits<uint32_t>::max()) {
      refuse(concat(key, " must be an unsigned 32-bit integer"));
    }
    return value->get<uint32_t>();
  }

  uint32_t required_count(const char* key) const {
    const std::optional<uint32_t> value = count(key);
    if (!value) refuse(concat(key, " is missing"));
    return *value;
  }

  std::optional<double> number(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) refuse(concat(key, " must be a number"));
    return value->get<double>();
  }

  double required_number(const char* key) const {
    const std::optional<double> value = number(key);
    if (!value) refuse(concat(key, " is missing"));
    return *value;
  }

  bool flag(const char* key, bool otherwise) const {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) refuse(concat(key, " must be true or false"));
    return value->get<bool>();
  }

  std::optional<std::string> text(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) refuse(concat(key, " must be a string"));
    return value->get<std::string>();
  }

  // The object under `key`; refused if it is something else.
  std::optional<Fields> object(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_object()) refuse(concat(key, " must be an object"));
    return Fields(*value, where_ + key + ": ");
  }

 private:
  const json* find(const char* key) const {
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }

  const json* object_;
  std::string where_;
};

enum class Family : uint8_t { kLlama, kMistral, kQwen2, kQwen3 };

Family family_of(const Fields& config) {
  const std::optional<std::string> type = config.text("model_type");
  if (!type) config.refuse("model_type is missing");
  if (*type == "llama") return Family::kLlama;
  if (*type == "mistral") return Family::kMistral;
  if (*type == "qwen2") return Family::kQwen2;
  if (*type == "qwen3") return Family::kQwen3;
  config.refuse("model_type '" + *type + "' is not supported; llama, mistral, qwen2 and qwen3 are");
}

// What the family's reference implementation can do and Brim cannot.
void refuse_unsupported(const Fields& config) {
  for (const char* experts : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    if (config.count(experts).value_or(0) > 0) {
      config.refuse(concat(experts, ": mixtures of experts are not supported"));
    }
  }
  const std::string activation = config.text("hidden_act").value_or("silu");
  if (activation != "silu" && activation != "swish") {
    config.refuse("hidden_act '" + activation + "' is not supported; only silu is");
  }
  if (config.flag("attention_bias", false)) {
    config.refuse("attention_bias: a bias on o_proj is not supported");
  }
  if (config.flag("mlp_bias", false)) config.refuse("mlp_bias: biases in the FFN are not supported");
  if (config.number("partial_rotary_factor").value_or(1.0) != 1.0) {
    config.refuse("partial_rotary_factor: rotating a part of each head is not supported");
  }
  if (config.flag("rope_interleaved", false)) {
    config.refuse("rope_interleaved: RoPE of adjacent pairs is not supported in Hugging Face models");
  }
  const uint32_t slices = config.count("pretraining_tp").value_or(1);
  if (slices > 1) {
    config.refuse(
        concat("pretraining_tp ", slices,
               ": sums in slices are not supported; set it to 1 for the same result up to rounding"));
  }
}

// Positions a token attends to, 0 for all.
uint32_t attention_window(const Fields& config, Family family) {
  const bool sliding =
      family == Family::kMistral || (family != Family::kLlama && config.flag("use_sliding_window", false));
  if (!sliding) return 0;
  const std::optional<uint32_t> window = config.count("sliding_window");
  if (!window) return 0;
  if (*window == 0) config.refuse("sliding_window must not be 0");
  return *window >= config.count("max_position_embeddings").value_or(0) ? 0 : *window;
}

// Factor on cos and sin. DeepSeek's mscale pair comes from the same formula (Peng et al. 2023, 3.4).
double yarn_attention_factor(const Fields& scaling, double factor) {
  if (const auto given = scaling.number("attention_factor")) return *given;
  const double mscale = scaling.number("mscale").value_or(0.0);
  const double mscale_all = scaling.number("mscale_all_dim").value_or(0.0);
  if (mscale == 0.0 || mscale_all == 0.0 || factor <= 1.0) return 0.0;
  const double log_factor = 0.1 * std::log(factor);
  return (mscale * log_factor + 1.0) / (mscale_all * log_factor + 1.0);
}

RopeScaling rope_scaling(const Fields& scaling, double max_positions) {
  // "type" until transformers 4.42, "rope_type" since.
  std::optional<std::string> type = scaling.text("rope_type");
  if (!type) type = scaling.text("type");
  if (!type || *type == "default") return {};
  RopeScaling result;
  const double original = scaling.number("original_max_position_embeddings").value_or(max_positions);
  if (*type == "linear") {
    result.kind = RopeScaling::Kind::kLinear;
    result.factor = scaling.required_number("factor");
  } else if (*type == "llama3") {
    result.kind = RopeScaling::Kind::kLlama3;
    result.factor = scaling.required_number("factor");
    result.low_freq_factor = scaling.required_number("low_freq_factor");
    result.high_freq_factor = scaling.required_number("high_freq_factor");
    result.original_context = scaling.required_number("original_max_position_embeddings");
  } else if (*type == "yarn") {
    if (!scaling.flag("truncate", true)) scaling.refuse("truncate: false is not supported");
    result.kind = RopeScaling::Kind::kYarn;
    result.original_context = original;
    result.factor = scaling.number("factor").value_or(max_positions / original);
    result.beta_fast = scaling.number("beta_fast").value_or(32.0);
    result.beta_slow = scaling.number("beta_slow").value_or(1.0);
    result.attention_factor = yarn_attention_factor(scaling, result.factor);
  } else {
    scaling.refuse("RoPE scaling '" + *type + "' is not supported; linear, llama3 and yarn are");
  }
  return result;
}

// RoPE stands in `rope_parameters` since transformers 5, before in `rope_theta` and `rope_scaling`.
void read_rope(const Fields& config, ModelDescription& model) {
  constexpr double kDefaultTheta = 10000.0;
  model.rope_theta = config.number("rope_theta").value_or(kDefaultTheta);
  std::optional<Fields> parameters = config.object("rope_parameters");
  if (!parameters) parameters = config.object("rope_scaling");
  if (!parameters) return;
  if (parameters->has("full_attention") || parameters->has("sliding_attention")) {
    parameters->refuse("RoPE parameters that differ between layers are not supported");
  }
  if (parameters->number("partial_rotary_factor").value_or(1.0) != 1.0) {
    parameters->refuse("partial_rotary_factor: rotating a part of each head is not supported");
  }
  model.rope_theta = parameters->number("rope_theta").value_or(model.rope_theta);
  model.rope_scaling = rope_scaling(*parameters, model.trained_context);
}

// The value of the first of `keys` that is there: AutoAWQ has renamed its fields.
std::optional<uint32_t> first_count(const Fields& fields, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const auto value = fields.count(key)) return value;
  }
  return std::nullopt;
}

QuantisationConfig awq_config(const Fields& fields) {
  std::string version = fields.text("version").value_or("gemm");
  std::transform(version.begin(), version.end(), version.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (version != "gemm") fields.refuse("AWQ version '" + version + "' is not supported; only gemm is");
  if (!fields.flag("zero_point", true)) fields.refuse("AWQ without zero_point is not supported");
  const std::optional<uint32_t> group = first_count(fields, {"group_size", "q_group_size"});
  return {.method = QuantisationConfig::Method::kAwq, .group = group.value_or(128), .symmetric = false};
}

QuantisationConfig gptq_config(const Fields& fields) {
  if (fields.flag("desc_act", false)) {
    fields.refuse("desc_act: GPTQ with act-order is not supported; quantise with desc_act false");
  }
  if (fields.flag("is_marlin_format", false))
    fields.refuse("is_marlin_format: Marlin files are not supported");
  const std::string format = fields.text("checkpoint_format").value_or("gptq");
  if (format != "gptq" && format != "gptq_v2") {
    fields.refuse("GPTQ checkpoint_format '" + format + "' is not supported; gptq and gptq_v2 are");
  }
  return {.method = format == "gptq" ? QuantisationConfig::Method::kGptq : QuantisationConfig::Method::kGptq2,
          .group = fields.required_count("group_size"),
          .symmetric = fields.flag("sym", true)};
}

QuantisationConfig quantisation_config(const Fields& fields) {
  const std::string method = fields.text("quant_method").value_or("");
  if (method != "awq" && method != "gptq") {
    fields.refuse("quant_method '" + method + "' is not supported; awq and gptq are");
  }
  const std::optional<uint32_t> bits = first_count(fields, {"bits", "w_bit"});
  if (bits != 4u) fields.refuse(concat(bits.value_or(0), "-bit weights are not supported; bits must be 4"));
  const QuantisationConfig result = method == "awq" ? awq_config(fields) : gptq_config(fields);
  if (result.group == 0 || result.group % 8 != 0) {
    fields.refuse(concat("group_size ", result.group, " is not supported; it must be a multiple of 8"));
  }
  return result;
}

ModelDescription model_description(const Fields& config) {
  const Family family = family_of(config);
  refuse_unsupported(config);

  ModelDescription model;
  model.dim = config.required_count("hidden_size");
  model.layers = config.required_count("num_hidden_layers");
  model.heads = config.required_count("num_attention_heads");
  model.kv_heads = config.count("num_key_value_heads").value_or(model.heads);
  model.hidden = config.required_count("intermediate_size");
  model.vocabulary = config.required_count("vocab_size");
  model.trained_context = config.required_count("max_position_embeddings");
  model.norm_eps = static_cast<float>(config.number("rms_norm_eps").value_or(1e-6));
  model.tied_embeddings = config.flag("tie_word_embeddings", false);
  model.qkv_bias = family == Family::kQwen2;
  model.qk_norm = family == Family::kQwen3;
  model.rope_pairing = RopePairing::kHalfSplit;
  if (const auto head_size = config.count("head_dim")) {
    model.head_size = *head_size;
  } else if (family == Family::kQwen3) {
    model.head_size = 128;  // the default of Qwen3Config, whatever hidden_size is
  } else if (model.heads != 0 && model.dim % model.heads == 0) {
    model.head_size = model.dim / model.heads;
  } else {
    config.refuse("num_attention_heads does not divide hidden_size, and there is no head_dim");
  }
  read_rope(config, model);
  model.attention_window = attention_window(config, family);
  if (model.attention_window != 0) {
    model.trained_context = std::min(model.trained_context, model.attention_window);
  }
  return model;
}

}  // namespace

HfConfig parse_hf_config(std::string_view text, const std::string& origin) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::exception& error) {
    throw Error(concat(origin, ": no valid JSON: ", error.what()));
  }
  if (!document.is_object()) throw Error(origin + ": no JSON object");
  const Fields config(document, origin + ": ");

  HfConfig result{.model = model_description(config), .quantisation = std::nullopt};
  try {
    validate(result.model);
  } catch (const Error& error) {
    throw Error(concat(origin, ": ", error.what()));
  }
  if (const auto quantisation = config.object("quantization_config")) {
    result.quantisation = quantisation_config(*quantisation);
  }
  return result;
}

}  // namespace brim
