#include "model/gguf_checkpoint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/concat.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "model/gguf_metadata.h"

namespace brim {
namespace {

constexpr const char* kRopeFactors = "rope_freqs.weight";

// Names of the roles, in the order of TensorRole; those of a layer follow "blk.N.".
constexpr std::array<const char*, kTensorRoles> kNames = {
    "token_embd.weight",  "attn_norm.weight", "attn_q.weight",   "attn_k.weight",      "attn_v.weight",
    "attn_q.bias",        "attn_k.bias",      "attn_v.bias",     "attn_q_norm.weight", "attn_k_norm.weight",
    "attn_output.weight", "ffn_norm.weight",  "ffn_gate.weight", "ffn_up.weight",      "ffn_down.weight",
    "output_norm.weight", "output.weight"};

std::string name_of(TensorId id) {
  const std::string name = kNames[static_cast<size_t>(id.role)];
  return is_per_layer(id.role) ? concat("blk.", id.layer, ".", name) : name;
}

RopeScaling rope_scaling(const GgufMetadata& metadata, const std::string& arch, uint32_t context) {
  const std::string prefix = arch + ".rope.scaling.";
  const std::string type = metadata.text(prefix + "type").value_or("none");
  RopeScaling scaling;
  if (type == "none") {
    // Files from before rope.scaling.* have a bare linear factor.
    const double linear = metadata.number(arch + ".rope.scale_linear").value_or(1.0);
    if (linear == 1.0) return {};
    return {.kind = RopeScaling::Kind::kLinear, .factor = linear};
  }
  scaling.factor = metadata.number(prefix + "factor").value_or(1.0);
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
  } else if (type == "yarn") {
    scaling.kind = RopeScaling::Kind::kYarn;
    scaling.original_context = metadata.number(prefix + "original_context_length").value_or(context);
    scaling.beta_fast = metadata.number(prefix + "yarn_beta_fast").value_or(32.0);
    scaling.beta_slow = metadata.number(prefix + "yarn_beta_slow").value_or(1.0);
    // In GGUF this factor comes on top of the usual one.
    if (const auto extra = metadata.number(prefix + "attn_factor"); extra && scaling.factor > 1.0) {
      scaling.attention_factor = *extra * (0.1 * std::log(scaling.factor) + 1.0);
    }
  } else {
    metadata.refuse("RoPE scaling '" + type + "' is not supported; linear and yarn are");
  }
  return scaling;
}

// GGUF holds llama3 scaling as a tensor of divisors of the frequencies. All published models with it have
// low and high frequency factors 1 and 4 and 8192 original positions; that these give the tensor's values
// is checked.
RopeScaling llama3_scaling(const ModelDescription& model, const GgufTensor& tensor,
                           const std::string& where) {
  if (tensor.type != GgmlType::kF32 || tensor.sizes != std::vector<uint64_t>{model.head_size / 2}) {
    throw Error(where + " must be F32 with a value for each pair of a head");
  }
  std::vector<float> divisors(model.head_size / 2);
  dequantise(tensor.type, tensor.data, divisors);

  ModelDescription plain = model;
  plain.rope_scaling = {};
  ModelDescription scaled = model;
  scaled.rope_scaling = {.kind = RopeScaling::Kind::kLlama3,
                         .factor = *std::max_element(divisors.begin(), divisors.end()),
                         .low_freq_factor = 1.0,
                         .high_freq_factor = 4.0,
                         .original_context = 8192.0};
  const RopeFrequencies before = rope_frequencies(plain);
  const RopeFrequencies after = rope_frequencies(scaled);
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double expected = before.radians_per_position[i] / after.radians_per_position[i];
    if (!(std::abs(divisors[i] - expected) <= 1e-3 * expected)) {
      throw Error(where + " is not the RoPE scaling of Llama 3.1 to 3.3; others are not supported");
    }
  }
  return scaled.rope_scaling;
}

class GgufCheckpoint final : public TensorSource {
 public:
  explicit GgufCheckpoint(const std::string& path)
      : file_(path),
        gguf_(parse_gguf(file_.bytes(), path)),
        model_(describe_gguf(gguf_, path)),
        tokenizer_(gguf_tokenizer(gguf_, path)) {
    if (tokenizer_ && tokenizer_->tokens.size() != model_.vocabulary) {
      throw Error(concat(path, ": ", tokenizer_->tokens.size(), " tokens, but ", model_.vocabulary,
                         " rows in the embedding"));
    }
    if (model_.name.empty()) model_.name = std::filesystem::path(path).stem().string();
    std::set<std::string_view> unclaimed;
    for (const auto& [name, tensor] : gguf_.tensors) unclaimed.insert(name);
    unclaimed.erase(kRopeFactors);
    entries_.resize(uint64_t{model_.layers} * kTensorRoles);
    for (uint32_t layer = 0; layer < model_.layers; ++layer) {
      for (uint32_t role = 0; role < kTensorRoles; ++role) {
        const TensorId id{static_cast<TensorRole>(role), layer};
        if (!has_tensor(model_, id) || (id.role == TensorRole::kLmHead && model_.tied_embeddings)) continue;
        entries_[index(id)] = resolve(id);
        unclaimed.erase(name_of(id));
      }
    }
    if (!unclaimed.empty()) {
      throw Error(concat(path, ": tensor '", *unclaimed.begin(),
                         "' has no place in the model that the metadata describe; it is not supported"));
    }
  }

  const ModelDescription& description() const override { return model_; }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    check_read(model_, id, first_row, rows, out.size());
    if (rows == 0) return;
    const GgufTensor& tensor = entry_of(id);
    const GgmlBlock block = *ggml_block(tensor.type);
    const uint64_t row_bytes = out.size() / rows / block.values * block.bytes;
    dequantise(tensor.type, tensor.data.subspan(first_row * row_bytes, rows * row_bytes), out);
    file_.note_read(rows * row_bytes);
    check_finite(out, id, file_.path());
  }

  std::vector<std::string> notes() const override {
    std::set<std::string> quantised;
    for (uint32_t layer = 0; layer < model_.layers; ++layer) {
      for (uint32_t role = 0; role < kTensorRoles; ++role) {
        const TensorId id{static_cast<TensorRole>(role), layer};
        if (!has_tensor(model_, id)) continue;
        const GgmlType type = entry_of(id).type;
        if (ggml_block(type)->values > 1) quantised.insert(ggml_type_name(type));
      }
    }
    std::vector<std::string> notes;
    if (!quantised.empty()) {
      std::string types;
      for (const std::string& type : quantised) types += (types.empty() ? "" : ", ") + type;
      notes.push_back(
          concat("weights are ", types, ": they are dequantised, and quantised again when packing"));
    }
    if (model_.attention_window != 0) {
      notes.push_back(concat("tokens attend to the last ", model_.attention_window,
                             " positions only, which is not supported: longer contexts are refused"));
    }
    return notes;
  }

  std::optional<TokenizerArrays> embedded_tokenizer() const override { return tokenizer_; }

 private:
  static uint64_t index(TensorId id) {
    return uint64_t{id.layer} * kTensorRoles + static_cast<uint64_t>(id.role);
  }

  const GgufTensor& entry_of(TensorId id) const {
    if (id.role == TensorRole::kLmHead && model_.tied_embeddings) id.role = TensorRole::kEmbedding;
    return *entries_[index(id)];
  }

  const GgufTensor* resolve(TensorId id) const {
    const std::string name = name_of(id);
    const std::string where = concat(file_.path(), ": tensor '", name, "'");
    const auto found = gguf_.tensors.find(name);
    if (found == gguf_.tensors.end()) throw Error(where + " is missing");
    const GgufTensor& tensor = found->second;
    const TensorShape shape = tensor_shape(model_, id.role);
    const std::vector<uint64_t> expected =
        is_vector(id.role) ? std::vector{shape.columns} : std::vector{shape.columns, shape.rows};
    if (tensor.sizes != expected) throw Error(where + " has another shape than the metadata imply");
    if (!is_readable(tensor.type)) {
      throw Error(concat(where, " is ", ggml_type_name(tensor.type),
                         ", which is not read; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and "
                         "Q6_K are"));
    }
    return &tensor;
  }

  MappedFile file_;
  Gguf gguf_;
  ModelDescription model_;
  std::optional<TokenizerArrays> tokenizer_;
  std::vector<const GgufTensor*> entries_;  // [layer][role], into gguf_
};

}  // namespace

ModelDescription describe_gguf(const Gguf& gguf, const std::string& origin) {
  const GgufMetadata metadata(gguf, origin);
  const std::string arch = metadata.text("general.architecture").value_or("");
  if (arch != "llama" && arch != "qwen2" && arch != "qwen3") {
    metadata.refuse("architecture '" + arch + "' is not supported; llama, qwen2 and qwen3 are");
  }
  const auto key = [&](const char* name) { return arch + "." + name; };
  if (metadata.count(key("expert_count")).value_or(0) > 0) {
    metadata.refuse("mixtures of experts are not supported");
  }
  const auto embedding = gguf.tensors.find("token_embd.weight");
  if (embedding == gguf.tensors.end() || embedding->second.sizes.size() != 2) {
    metadata.refuse("tensor 'token_embd.weight' is missing or no matrix");
  }
  const uint64_t vocabulary = embedding->second.sizes[1];
  if (vocabulary > 0xFFFFFFFF) metadata.refuse("tensor 'token_embd.weight' has an impossible shape");

  ModelDescription model;
  model.name = metadata.text("general.name").value_or("");
  model.vocabulary = static_cast<uint32_t>(vocabulary);
  model.dim = metadata.required_count(key("embedding_length"));
  model.layers = metadata.required_count(key("block_count"));
  model.hidden = metadata.required_count(key("feed_forward_length"));
  model.heads = metadata.required_count(key("attention.head_count"));
  model.kv_heads = metadata.count(key("attention.head_count_kv")).value_or(model.heads);
  model.trained_context = metadata.required_count(key("context_length"));
  if (const auto head_size = metadata.count(key("attention.key_length"))) {
    model.head_size = *head_size;
  } else if (model.heads != 0 && model.dim % model.heads == 0) {
    model.head_size = model.dim / model.heads;
  } else {
    metadata.refuse("attention.head_count does not divide embedding_length, and there is no key_length");
  }
  if (metadata.count(key("attention.value_length")).value_or(model.head_size) != model.head_size) {
    metadata.refuse("keys and values of different sizes are not supported");
  }
  if (metadata.count(key("rope.dimension_count")).value_or(model.head_size) != model.head_size) {
    metadata.refuse("rope.dimension_count: rotating a part of each head is not supported");
  }
  const auto eps = metadata.number(key("attention.layer_norm_rms_epsilon"));
  if (!eps) metadata.refuse("metadata '" + key("attention.layer_norm_rms_epsilon") + "' is missing");
  model.norm_eps = static_cast<float>(*eps);
  model.rope_theta = metadata.number(key("rope.freq_base")).value_or(10000.0);
  model.rope_scaling = rope_scaling(metadata, arch, model.trained_context);
  // llama.cpp's converter turns LLaMA's Wq and Wk into adjacent pairs, and leaves Qwen's as they are.
  model.rope_pairing = arch == "llama" ? RopePairing::kAdjacent : RopePairing::kHalfSplit;
  model.tied_embeddings = !gguf.tensors.contains("output.weight");
  model.qkv_bias = gguf.tensors.contains("blk.0.attn_q.bias");
  model.qk_norm = arch == "qwen3";
  const uint32_t window = metadata.count(key("attention.sliding_window")).value_or(0);
  if (window != 0 && window < model.trained_context) {
    model.attention_window = window;
    model.trained_context = window;
  }
  try {
    validate(model);
    if (const auto factors = gguf.tensors.find(kRopeFactors); factors != gguf.tensors.end()) {
      const std::string where = concat(origin, ": tensor '", kRopeFactors, "'");
      if (model.rope_scaling.kind != RopeScaling::Kind::kNone) {
        throw Error(where + " beside another RoPE scaling is not supported");
      }
      model.rope_scaling = llama3_scaling(model, factors->second, where);
      validate(model);
    }
  } catch (const Error& error) {
    const std::string text = error.what();
    throw Error(text.starts_with(origin) ? text : concat(origin, ": ", text));
  }
  return model;
}

std::optional<TokenizerArrays> gguf_tokenizer(const Gguf& gguf, const std::string& origin) {
  const GgufMetadata metadata(gguf, origin);
  const auto key = [](const char* name) { return concat("tokenizer.ggml.", name); };
  if (!metadata.has(key("tokens"))) return std::nullopt;
  TokenizerArrays tokenizer;
  tokenizer.name = origin;
  tokenizer.model = metadata.text(key("model")).value_or("");
  tokenizer.pre = metadata.text(key("pre")).value_or("");
  tokenizer.tokens = metadata.strings(key("tokens"));
  tokenizer.scores = metadata.floats(key("scores"));
  tokenizer.types = metadata.integers(key("token_type"));
  tokenizer.merges = metadata.strings(key("merges"));
  tokenizer.bos = metadata.count(key("bos_token_id"));
  tokenizer.unknown = metadata.count(key("unknown_token_id"));
  for (const char* end : {"eos_token_id", "eot_token_id"}) {
    if (const auto id = metadata.count(key(end))) tokenizer.ends.push_back(*id);
  }
  tokenizer.add_bos = metadata.flag(key("add_bos_token"));
  tokenizer.add_space_prefix = metadata.flag(key("add_space_prefix")).value_or(true);
  tokenizer.remove_extra_whitespaces = metadata.flag(key("remove_extra_whitespaces")).value_or(false);
  tokenizer.chat_template = metadata.text("tokenizer.chat_template").value_or("");

  const size_t count = tokenizer.tokens.size();
  if ((!tokenizer.scores.empty() && tokenizer.scores.size() != count) ||
      (!tokenizer.types.empty() && tokenizer.types.size() != count)) {
    metadata.refuse("the tokenizer's tokens, scores and token_type are not of one length");
  }
  std::vector<uint32_t> special = tokenizer.ends;
  for (const auto& id : {tokenizer.bos, tokenizer.unknown}) {
    if (id) special.push_back(*id);
  }
  for (const uint32_t id : special) {
    if (id >= count) metadata.refuse(concat("the tokenizer's special token ", id, " does not exist"));
  }
  return tokenizer;
}

std::unique_ptr<TensorSource> open_gguf_checkpoint(const std::string& path) {
  return std::make_unique<GgufCheckpoint>(path);
}

}  // namespace brim
