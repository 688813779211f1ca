#include "model/hf_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/concat.h"
#include "base/error.h"
#include "base/json.h"

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

  // Whether the key is there at all, if only with the value null.
  bool mentions(const char* key) const { return object_->contains(key); }

  // A size that must be there, if only by default.
  uint32_t size(const char* key, uint32_t otherwise, std::vector<std::string>& absent) const {
    if (!mentions(key)) {
      absent.emplace_back(key);
      return otherwise;
    }
    const std::optional<uint32_t> value = count(key);
    if (!value || *value == 0) refuse(concat(key, " is ", value ? "0" : "null"));
    return *value;
  }

  double number(const char* key, double otherwise) const {
    if (!mentions(key)) return otherwise;
    return required_number(key);
  }

  std::optional<double> number(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) refuse(concat(key, " must be a number"));
    return value->get<double>();
  }

  double required_number(const char* key) const {
    const std::optional<double> value = number(key);
    if (!value) refuse(concat(key, mentions(key) ? " is null" : " is missing"));
    return *value;
  }

  std::vector<std::string> keys() const {
    std::vector<std::string> names;
    for (const auto& [key, value] : object_->items()) {
      if (value.is_object()) names.push_back(key);
    }
    return names;
  }

  // A list of numbers as FP32, empty if absent.
  std::vector<float> numbers(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_array()) refuse(concat(key, " must be a list of numbers"));
    std::vector<float> list;
    for (const json& each : *value) {
      if (!each.is_number()) refuse(concat(key, " must be a list of numbers"));
      list.push_back(each.get<float>());
    }
    return list;
  }

  std::vector<std::string> texts(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_array()) refuse(concat(key, " must be a list of strings"));
    std::vector<std::string> list;
    for (const json& each : *value) {
      if (!each.is_string()) refuse(concat(key, " must be a list of strings"));
      list.push_back(each.get<std::string>());
    }
    return list;
  }

  bool is_empty_list(const char* key) const {
    const json* value = find(key);
    return value != nullptr && value->is_array() && value->empty();
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

// Gemma 3's models that take images too have their text part's configuration in one of its own.
bool sees_images(const Fields& config) { return config.text("model_type") == "gemma3"; }

const Family& family_of(const Fields& config) {
  const std::optional<std::string> type = config.text("model_type");
  if (!type) config.refuse("model_type is missing");
  if (const Family* family = family_of_config(*type)) return *family;
  config.refuse("model_type " + refusal_of(*type, known_model_types()));
}

constexpr uint32_t kQwenWindowLayers = 28;  // default of max_window_layers in Qwen2Config and Qwen3Config

void refuse_activation(const Fields& config, const Family& family) {
  const bool has_old_key = !family.gelu || (family.name == "gemma" && !config.has("hidden_activation"));
  const char* key = has_old_key ? "hidden_act" : "hidden_activation";
  const char* usual = family.gelu ? "gelu_pytorch_tanh" : "silu";
  const std::string activation = config.text(key).value_or(usual);
  // transformers takes Gemma 1's "gelu", with which it was published, for the form with tanh.
  const char* also = !family.gelu ? "swish" : family.name == "gemma" ? "gelu" : usual;
  if (activation != usual && activation != also)
    config.refuse(concat(key, " '", activation, "' is not supported; only ", usual, " is"));
}

// What the family's reference implementation can do and Brim cannot.
void refuse_unsupported(const Fields& config, const Family& family) {
  for (const char* experts : {"num_local_experts", "num_experts", "n_routed_experts"}) {
    const bool known = family.experts.count != nullptr && std::string_view(family.experts.count) == experts;
    if (!known && config.count(experts).value_or(0) > 0) {
      config.refuse(concat(experts, ": experts are not supported in a ", family.name));
    }
  }
  for (const char* groups : {"n_group", "topk_group"}) {
    if (config.count(groups).value_or(1) > 1) {
      config.refuse(concat(groups, ": a choice of experts by groups is not supported"));
    }
  }
  if (config.has("clip_qkv")) config.refuse("clip_qkv: clipped queries, keys and values are not supported");
  if (config.count("decoder_sparse_step").value_or(1) != 1 ||
      (config.has("mlp_only_layers") && !config.is_empty_list("mlp_only_layers"))) {
    config.refuse(
        "some layers have no experts (decoder_sparse_step, mlp_only_layers), which is not supported");
  }
  refuse_activation(config, family);
  for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    if (config.has(cap)) config.refuse(concat(cap, ": soft-capping is not supported"));
  }
  if (config.flag("use_bidirectional_attention", false)) {
    config.refuse("use_bidirectional_attention: attention to later positions is not supported");
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

// Which layers see a window only; empty: all. It stands in layer_types, else it is those that the family
// says.
std::vector<bool> windowed_layers(const Fields& config, const Family& family, const ModelDescription& model) {
  std::vector<bool> windowed;
  if (const auto types = config.texts("layer_types"); !types.empty()) {
    if (types.size() != model.layers) {
      config.refuse(
          concat("layer_types has ", types.size(), " entries, and there are ", model.layers, " layers"));
    }
    for (const std::string& type : types) {
      if (type != "sliding_attention" && type != "full_attention")
        config.refuse("layer_types: '" + type + "' is not supported");
      windowed.push_back(type == "sliding_attention");
    }
    return windowed;
  }
  switch (family.window) {
    case SlidingWindow::kNever:
    case SlidingWindow::kAlways:
      break;
    case SlidingWindow::kSwitch: {
      const uint32_t first = config.count("max_window_layers").value_or(kQwenWindowLayers);
      for (uint32_t layer = 0; layer < model.layers; ++layer) windowed.push_back(layer >= first);
      break;
    }
    case SlidingWindow::kSwitchUnrotated:
      windowed = model.unrotated;
      break;
    case SlidingWindow::kBetweenFull:
      return brim::windowed_layers(model.layers,
                                   config.count("sliding_window_pattern").value_or(family.full_every));
  }
  return windowed;
}

// Positions that a token attends to, and in which layers.
void read_window(const Fields& config, const Family& family, ModelDescription& model) {
  if (family.window == SlidingWindow::kNever) return;
  const bool has_switch =
      family.window == SlidingWindow::kSwitch || family.window == SlidingWindow::kSwitchUnrotated;
  if (has_switch && !config.flag("use_sliding_window", false)) return;
  const std::vector<bool> windowed = windowed_layers(config, family, model);
  if (std::ranges::find(windowed, false) != windowed.end()) model.windowed = windowed;
  if (!windowed.empty() && std::ranges::find(windowed, true) == windowed.end()) return;
  if (config.mentions("sliding_window") && !config.has("sliding_window")) return;
  const uint32_t window = config.count("sliding_window").value_or(family.hf.sliding_window);
  if (config.has("sliding_window") && window == 0) config.refuse("sliding_window must not be 0");
  model.attention_window = window;
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

// `original`: original_max_position_embeddings of config.json itself, 0 if it has none (Phi-3 has).
RopeScaling longrope(const Fields& scaling, double max_positions, double original) {
  RopeScaling result;
  result.kind = RopeScaling::Kind::kLongRope;
  result.short_factors = scaling.numbers("short_factor");
  result.long_factors = scaling.numbers("long_factor");
  for (const auto& [factors, key] :
       {std::pair{&result.short_factors, "short_factor"}, {&result.long_factors, "long_factor"}}) {
    if (factors->empty()) scaling.refuse(concat(key, " is missing"));
  }
  if (original == 0) {
    original = scaling.number("original_max_position_embeddings").value_or(max_positions);
    result.factor = scaling.number("factor").value_or(max_positions / original);
  } else {
    result.factor = max_positions / original;
  }
  result.original_context = original;
  result.attention_factor = scaling.number("attention_factor").value_or(0.0);
  return result;
}

RopeScaling rope_scaling(const Fields& config, const Fields& scaling, const Family& family,
                         double max_positions) {
  // "type" until transformers 4.42, "rope_type" since.
  std::optional<std::string> type = scaling.text("rope_type");
  if (!type) type = scaling.text("type");
  if (!type || *type == "default") return {};
  RopeScaling result;
  const bool phi = family.name == "phi3";
  if (*type == "longrope" || *type == "su" || (phi && *type == "yarn")) {
    constexpr double kPhiContext = 4096;  // default of Phi3Config
    const double outer = config.number("original_max_position_embeddings").value_or(phi ? kPhiContext : 0.0);
    return longrope(scaling, max_positions, outer);
  }
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
    scaling.refuse("RoPE scaling '" + *type + "' is not supported; linear, llama3, yarn and longrope are");
  }
  return result;
}

// RoPE stands in `rope_parameters` since transformers 5, before in `rope_theta` and `rope_scaling`.
void read_rope(const Fields& config, const Family& family, ModelDescription& model) {
  model.rope_theta = config.number("rope_theta").value_or(family.hf.rope_theta);
  std::optional<double> local = config.number("rope_local_base_freq");
  std::optional<Fields> parameters = config.object("rope_parameters");
  if (!parameters) parameters = config.object("rope_scaling");
  if (parameters && (parameters->has("full_attention") || parameters->has("sliding_attention"))) {
    if (family.local_rope == LocalRope::kNone)
      parameters->refuse("RoPE parameters that differ between layers are not supported");
    if (const auto sliding = parameters->object("sliding_attention")) {
      if (sliding->text("rope_type").value_or("default") != "default")
        sliding->refuse("RoPE scaling in the layers with a window is not supported");
      if (const auto theta = sliding->number("rope_theta")) local = theta;
    }
    parameters = parameters->object("full_attention");
  }
  if (parameters) {
    if (parameters->number("partial_rotary_factor").value_or(1.0) != 1.0) {
      parameters->refuse("partial_rotary_factor: rotating a part of each head is not supported");
    }
    model.rope_theta = parameters->number("rope_theta").value_or(model.rope_theta);
    model.rope_scaling = rope_scaling(config, *parameters, family, model.trained_context);
  }
  model.local_rope_theta = local_rope_theta(family, model, local);
}

// Which layers have no RoPE: no_rope_layers says 0 for them, else it is every no_rope_layer_interval-th.
std::vector<bool> unrotated(const Fields& config, const Family& family, uint32_t layers) {
  if (family.unrotated_every == 0) return {};
  const std::vector<float> rotated = config.numbers("no_rope_layers");
  if (!config.has("no_rope_layers")) {
    const uint32_t every = config.count("no_rope_layer_interval").value_or(family.unrotated_every);
    if (every == 0) config.refuse("no_rope_layer_interval is 0");
    return unrotated_layers(layers, every);
  }
  if (rotated.size() < layers) {
    config.refuse(concat("no_rope_layers names ", rotated.size(), " layers, and there are ", layers));
  }
  std::vector<bool> result;
  for (uint32_t layer = 0; layer < layers; ++layer) result.push_back(rotated[layer] == 0.0f);
  return result;
}

// The value of the first of `keys` that is there: AutoAWQ has renamed its fields.
std::optional<uint32_t> first_count(const Fields& fields, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const auto value = fields.count(key)) return value;
  }
  return std::nullopt;
}

// Inputs of a group; -1 means the whole row.
uint32_t group_size(const Fields& fields) {
  constexpr uint32_t kDefault = 128;  // of AwqConfig and GPTQConfig
  for (const char* key : {"group_size", "q_group_size"}) {
    if (fields.number(key) == -1.0) return kWholeRow;
  }
  const uint32_t group = first_count(fields, {"group_size", "q_group_size"}).value_or(kDefault);
  if (group == 0 || group % 8 != 0) {
    fields.refuse(concat("group_size ", group, " is not supported; it must be a multiple of 8"));
  }
  return group;
}

uint32_t block_size(const Fields& fields, float size) {
  if (!(size >= 1.0f && size <= 65536.0f) || size != std::floor(size)) {
    fields.refuse(concat("a block of ", size, " is not supported"));
  }
  return static_cast<uint32_t>(size);
}

QuantisationConfig awq_config(const Fields& fields) {
  std::string version = fields.text("version").value_or("gemm");
  std::transform(version.begin(), version.end(), version.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (version != "gemm" && version != "gemv") {
    fields.refuse("AWQ version '" + version + "' is not supported; gemm and gemv are");
  }
  if (!fields.flag("zero_point", true)) fields.refuse("AWQ without zero_point is not supported");
  return {
      .method = version == "gemm" ? QuantisationConfig::Method::kAwq : QuantisationConfig::Method::kAwqGemv,
      .group = group_size(fields)};
}

QuantisationConfig gptq_config(const Fields& fields) {
  if (fields.flag("is_marlin_format", false))
    fields.refuse("is_marlin_format: Marlin files are not supported");
  const std::string format = fields.text("checkpoint_format").value_or("gptq");
  if (format != "gptq" && format != "gptq_v2") {
    fields.refuse("GPTQ checkpoint_format '" + format + "' is not supported; gptq and gptq_v2 are");
  }
  return {.method = format == "gptq" ? QuantisationConfig::Method::kGptq : QuantisationConfig::Method::kGptq2,
          .group = group_size(fields),
          .symmetric = fields.flag("sym", true)};
}

// compressed-tensors, which llm-compressor writes: the weights of all groups of modules must be alike.
QuantisationConfig compressed_config(const Fields& fields) {
  const std::string format = fields.text("format").value_or("");
  const bool fp8 = format == "float-quantized";
  if (format != "pack-quantized" && !fp8) {
    fields.refuse("compressed-tensors format '" + format +
                  "' is not supported; pack-quantized (W4A16) and float-quantized (FP8) are");
  }
  const auto groups = fields.object("config_groups");
  if (!groups || groups->keys().empty()) fields.refuse("config_groups is missing");
  std::optional<QuantisationConfig> result;
  for (const std::string& key : groups->keys()) {
    const auto weights = groups->object(key.c_str())->object("weights");
    if (!weights) fields.refuse(concat(key, ": weights is missing"));
    const std::string strategy = weights->text("strategy").value_or("group");
    const uint32_t bits = weights->count("num_bits").value_or(8);
    const std::string type = weights->text("type").value_or("int");
    if (bits != (fp8 ? 8u : 4u) || type != (fp8 ? "float" : "int")) {
      weights->refuse(concat(bits, "-bit ", type, " weights are not supported as ", format));
    }
    QuantisationConfig one{
        .method = fp8 ? QuantisationConfig::Method::kFp8 : QuantisationConfig::Method::kCompressed,
        .symmetric = weights->flag("symmetric", true)};
    if (!fp8) {
      if (strategy != "group" && strategy != "channel") {
        weights->refuse("strategy '" + strategy + "' is not supported; group and channel are");
      }
      if (strategy == "group") one.group = group_size(*weights);
    } else if (const auto block = weights->numbers("block_structure"); block.size() == 2) {
      one.block_rows = block_size(*weights, block[0]);
      one.block_columns = block_size(*weights, block[1]);
    }
    if (result && *result != one)
      fields.refuse("config_groups that differ from one another are not supported");
    result = one;
  }
  return *result;
}

// FP8 as DeepSeek's and Qwen's: E4M3 in blocks.
QuantisationConfig fp8_config(const Fields& fields) {
  const std::string format = fields.text("fmt").value_or("e4m3");
  if (format != "e4m3" && format != "float8_e4m3fn")
    fields.refuse("fmt '" + format + "' is not supported; e4m3 is");
  QuantisationConfig result{.method = QuantisationConfig::Method::kFp8};
  if (const auto block = fields.numbers("weight_block_size"); !block.empty()) {
    if (block.size() != 2) fields.refuse("weight_block_size must hold two sizes");
    result.block_rows = block_size(fields, block[0]);
    result.block_columns = block_size(fields, block[1]);
  }
  return result;
}

QuantisationConfig quantisation_config(const Fields& fields) {
  const auto method = fields.text("quant_method");
  if (!method) fields.refuse("quant_method is missing");
  if (*method == "compressed-tensors") return compressed_config(fields);
  if (*method == "fp8") return fp8_config(fields);
  if (*method != "awq" && *method != "gptq") {
    fields.refuse("quant_method '" + *method +
                  "' is not supported; awq, gptq, compressed-tensors and fp8 are");
  }
  const std::optional<uint32_t> bits = first_count(fields, {"bits", "w_bit"});
  if (!bits && *method == "gptq") fields.refuse("bits is missing");
  if (bits.value_or(4) != 4) fields.refuse(concat(*bits, "-bit weights are not supported; bits must be 4"));
  return *method == "awq" ? awq_config(fields) : gptq_config(fields);
}

// What differs from the plain model by constants.
Multipliers multipliers(const Fields& config, const Family& family, const ModelDescription& model) {
  const auto positive = [&](const char* key, double otherwise = 1.0) {
    const double value = config.number(key, otherwise);
    if (!(value > 0.0)) config.refuse(concat(key, " is ", value, ", which must be positive"));
    return value;
  };
  if (!family.multipliers) {
    Multipliers result{.norm_offset = family.hf_norm_offset};
    if (family.scaled_embedding) result.embedding = std::sqrt(static_cast<double>(model.dim));
    if (family.query_pre_attn_scalar != 0)
      result.attention = 1.0 / std::sqrt(positive("query_pre_attn_scalar", family.query_pre_attn_scalar));
    return result;
  }
  return {.embedding = positive("embedding_multiplier"),
          .attention = positive("attention_multiplier"),
          .residual = positive("residual_multiplier"),
          .logits = 1.0 / positive("logits_scaling")};
}

void read_experts(const Fields& config, const ExpertFamily& family, HfConfig& result) {
  ModelDescription& model = result.model;
  model.experts = config.size(family.count, family.experts, result.absent);
  model.experts_per_token = config.size("num_experts_per_tok", family.experts_per_token, result.absent);
  model.expert_hidden = config.size(family.hidden, family.hidden_size, result.absent);
  if (family.shared != nullptr) model.hidden = config.count(family.shared).value_or(0);
  model.softmax_chosen = family.weights == ExpertWeights::kSwitch
                             ? config.flag("norm_topk_prob", false)
                             : family.weights == ExpertWeights::kOfChosen;
}

HfConfig describe(const Fields& config, const Family& family) {
  refuse_unsupported(config, family);

  const HfDefaults& defaults = family.hf;
  HfConfig result{.family = &family,
                  .model = {},
                  .multipliers = {},
                  .sees_images = false,
                  .tied = false,
                  .quantisation = {},
                  .absent = {}};
  ModelDescription& model = result.model;
  const auto size = [&](const char* key, uint32_t otherwise) {
    return config.size(key, otherwise, result.absent);
  };
  model.dim = size("hidden_size", defaults.hidden_size);
  model.layers = size("num_hidden_layers", defaults.num_hidden_layers);
  model.heads = size("num_attention_heads", defaults.num_attention_heads);
  if (family.experts.count == nullptr) model.hidden = size("intermediate_size", defaults.intermediate_size);
  model.vocabulary = size("vocab_size", defaults.vocab_size);
  model.trained_context = size("max_position_embeddings", defaults.max_position_embeddings);
  model.kv_heads = config.mentions("num_key_value_heads") || defaults.num_key_value_heads == 0
                       ? config.count("num_key_value_heads").value_or(model.heads)
                       : size("num_key_value_heads", defaults.num_key_value_heads);
  model.norm_eps = static_cast<float>(config.number("rms_norm_eps", defaults.rms_norm_eps));
  result.tied = config.flag("tie_word_embeddings", defaults.tie_word_embeddings);
  model.qkv_bias = family.qkv_bias || config.flag("attention_bias", false);
  model.qk_norm = family.qk_norm;
  model.norm_all_heads = family.norm_all_heads;
  model.pre_norm = family.pre_norm;
  model.post_norm = family.post_norm;
  model.gelu = family.gelu;
  if (family.experts.count != nullptr) read_experts(config, family.experts, result);
  model.rope_pairing = RopePairing::kHalfSplit;
  if (const auto head_size = config.count("head_dim")) {
    model.head_size = *head_size;
  } else if (defaults.head_dim != 0) {
    model.head_size = defaults.head_dim;  // whatever hidden_size is
  } else if (model.dim % model.heads == 0) {
    model.head_size = model.dim / model.heads;
  } else {
    config.refuse("num_attention_heads does not divide hidden_size, and there is no head_dim");
  }
  read_rope(config, family, model);
  model.unrotated = unrotated(config, family, model.layers);
  read_window(config, family, model);
  result.multipliers = multipliers(config, family, model);
  model.tied_embeddings = result.tied && fold_of(model, result.multipliers, TensorRole::kEmbedding) ==
                                             fold_of(model, result.multipliers, TensorRole::kLmHead);
  return result;
}

}  // namespace

HfConfig parse_hf_config(std::string_view text, const std::string& origin) {
  const json document = parse_json(text, origin);
  if (!document.is_object()) throw Error(origin + ": no JSON object");
  const Fields config(document, origin + ": ");

  const bool images = sees_images(config);
  const std::optional<Fields> part = images ? config.object("text_config") : std::nullopt;
  if (images && !part) config.refuse("text_config is missing");
  HfConfig result =
      describe(images ? *part : config, images ? *family_of_config("gemma3_text") : family_of(config));
  result.sees_images = images;
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
