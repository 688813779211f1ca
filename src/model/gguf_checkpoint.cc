#include "model/gguf_checkpoint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <regex>
#include <set>

#include "base/concat.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "model/gguf_metadata.h"
#include "tokenizer/printable.h"

namespace brim {
namespace {

constexpr const char* kRopeDivisors = "rope_freqs.weight";

constexpr const char* kShortFactors = "rope_factors_short.weight";
constexpr const char* kLongFactors = "rope_factors_long.weight";

// Scaling that stands in the metadata. An absent type means linear, whose factor is 1 where absent.
RopeScaling rope_scaling(const GgufMetadata& metadata, const std::string& arch, uint32_t context) {
  const std::string prefix = arch + ".rope.scaling.";
  const std::string type = metadata.text(prefix + "type").value_or("linear");
  RopeScaling scaling;
  if (type == "none" || type == "longrope") return {};  // of longrope the tensors of factors tell
  std::optional<double> factor = metadata.number(prefix + "factor");
  if (!factor) factor = metadata.number(arch + ".rope.scale_linear");  // its name until 2023
  scaling.factor = factor.value_or(1.0);
  if (scaling.factor == 0.0) scaling.factor = 1.0;  // as in llama.cpp
  if (type == "linear") {
    if (scaling.factor == 1.0) return {};
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
    metadata.refuse("RoPE scaling '" + type + "' is not supported; linear, yarn and longrope are");
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

// The divisors of one of Phi-3's tensors of factors.
std::vector<float> factors_of(const Gguf& gguf, const char* name, const std::string& origin) {
  const auto found = gguf.tensors.find(name);
  const std::string where = concat(origin, ": tensor '", name, "'");
  if (found == gguf.tensors.end()) throw Error(where + " is missing");
  const GgufTensor& tensor = found->second;
  if (tensor.type != GgmlType::kF32 || tensor.sizes.size() != 1)
    throw Error(where + " must be a vector of F32");
  std::vector<float> factors(tensor.sizes[0]);
  dequantise(tensor.type, tensor.data, factors);
  return factors;
}

// Phi-3's scaling: two tensors of divisors, and the factor on cos and sin in the metadata.
RopeScaling longrope(const Gguf& gguf, const GgufMetadata& metadata, const std::string& arch,
                     uint32_t context, const std::string& origin) {
  const std::string prefix = arch + ".rope.scaling.";
  RopeScaling scaling{.kind = RopeScaling::Kind::kLongRope};
  scaling.short_factors = factors_of(gguf, kShortFactors, origin);
  scaling.long_factors = factors_of(gguf, kLongFactors, origin);
  scaling.original_context = metadata.number(prefix + "original_context_length").value_or(context);
  scaling.attention_factor = metadata.number(prefix + "attn_factor").value_or(1.0);
  return scaling;
}

// A file of the model and what stands in it.
struct GgufPart {
  explicit GgufPart(const std::string& path) : file(path), gguf(parse_gguf(file.bytes(), path)) {}

  MappedFile file;
  Gguf gguf;
};

// "x-00002-of-00005.gguf" in its pieces; a count of 1 for any other name.
struct SplitName {
  explicit SplitName(const std::string& path) : whole(path) {
    static const std::regex kPattern(R"((.*)-(\d{5})-of-(\d{5})\.gguf)");
    std::smatch match;
    if (!std::regex_match(path, match, kPattern)) return;
    stem = match[1];
    number = static_cast<uint32_t>(std::stoul(match[2]));
    count = static_cast<uint32_t>(std::stoul(match[3]));
  }

  std::string part(uint32_t n) const {
    if (stem.empty()) return whole;
    const auto digits = [](uint32_t value) {
      const std::string text = std::to_string(value);
      return std::string(5 - std::min<size_t>(5, text.size()), '0') + text;
    };
    return concat(stem, "-", digits(n), "-of-", digits(count), ".gguf");
  }

  std::string whole, stem;
  uint32_t number = 1, count = 1;
};

// All files of a model: one, or those that its first one counts.
std::vector<std::unique_ptr<GgufPart>> open_parts(const std::string& path) {
  std::vector<std::unique_ptr<GgufPart>> parts;
  parts.push_back(std::make_unique<GgufPart>(path));
  const GgufMetadata metadata(parts[0]->gguf, path);
  const uint32_t count = metadata.count("split.count").value_or(1);
  if (count <= 1) return parts;
  const SplitName name(path);
  if (const uint32_t number = metadata.count("split.no").value_or(0); number != 0) {
    throw Error(concat(path, ": is part ", number + 1, " of ", count, ": give the first part",
                       name.stem.empty() ? "" : ", " + name.part(1)));
  }
  if (name.stem.empty() || name.count != count) {
    throw Error(concat(path, ": is the first of ", count, " parts, which are found by their names: ",
                       "call them NAME-00001-of-0000N.gguf as llama-gguf-split does"));
  }
  uint64_t tensors = parts[0]->gguf.tensors.size();
  for (uint32_t n = 2; n <= count; ++n) {
    const std::string part = name.part(n);
    if (!std::filesystem::exists(part)) throw Error(concat(part, ": is missing, part ", n, " of ", count));
    parts.push_back(std::make_unique<GgufPart>(part));
    tensors += parts.back()->gguf.tensors.size();
  }
  const uint32_t expected = metadata.count("split.tensors.count").value_or(static_cast<uint32_t>(tensors));
  if (tensors != expected) {
    throw Error(concat(path, ": its parts hold ", tensors, " tensors together, not the ", expected,
                       " that it counts: they are not of one model"));
  }
  return parts;
}

class GgufCheckpoint final : public TensorSource {
 public:
  explicit GgufCheckpoint(const std::string& path)
      : parts_(open_parts(path)),
        gguf_(merged(parts_)),
        described_(describe_gguf(gguf_, path)),
        tokenizer_(gguf_tokenizer(gguf_, path)) {
    ModelDescription& model = described_.model;
    if (tokenizer_ && tokenizer_->tokens.size() != model.vocabulary) {
      throw Error(concat(path, ": ", tokenizer_->tokens.size(), " tokens, but ", model.vocabulary,
                         " rows in the embedding"));
    }
    if (model.name.empty()) model.name = printable(std::filesystem::path(path).stem().string());
    std::set<std::string_view> unclaimed;
    for (const auto& [name, tensor] : gguf_.tensors) unclaimed.insert(name);
    unclaimed.erase(kRopeDivisors);
    if (model.rope_scaling.kind == RopeScaling::Kind::kLongRope) {
      unclaimed.erase(kShortFactors);
      unclaimed.erase(kLongFactors);
    }
    entries_.resize(index_.size());
    for_each_tensor(model, [&](TensorId id) {
      const TensorSlot slot = gguf_slot(*described_.family, model, id, described_.tied);
      entries_[index(id)] = resolve(id, slot);
      unclaimed.erase(slot.tensor);
    });
    if (!unclaimed.empty()) {
      throw Error(concat(path, ": tensor '", *unclaimed.begin(),
                         "' has no place in the model that the metadata describe; it is not supported"));
    }
  }

  const ModelDescription& description() const override { return described_.model; }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    check_read(described_.model, id, first_row, rows, out.size());
    if (rows == 0) return;
    const Entry& entry = entries_[index(id)];
    const GgmlBlock block = *ggml_block(entry.tensor->type);
    const uint64_t row_bytes = out.size() / rows / block.values * block.bytes;
    dequantise(entry.tensor->type,
               entry.tensor->data.subspan((entry.first_row + first_row) * row_bytes, rows * row_bytes), out);
    entry.file->note_read(rows * row_bytes);
    apply(entry.fold, out);
    check_finite(out, id, entry.file->path());
  }

  std::vector<std::string> notes() const override {
    std::set<std::string> quantised;
    for (const Entry& entry : entries_) {
      if (entry.tensor == nullptr || ggml_block(entry.tensor->type)->values == 1) continue;
      quantised.insert(ggml_type_name(entry.tensor->type));
    }
    std::vector<std::string> notes;
    if (!quantised.empty()) {
      std::string types;
      for (const std::string& type : quantised) types += (types.empty() ? "" : ", ") + type;
      notes.push_back(
          concat("weights are ", types, ": they are dequantised, and quantised again when packing"));
    }
    return notes;
  }

  std::optional<TokenizerArrays> embedded_tokenizer() const override { return tokenizer_; }

 private:
  // Where a tensor of the model comes from.
  struct Entry {
    const GgufTensor* tensor = nullptr;  // into gguf_; it may hold other tensors of the model too
    const MappedFile* file = nullptr;
    uint64_t first_row = 0;
    Fold fold;
  };

  // The first part's metadata, and the tensors of all.
  static Gguf merged(const std::vector<std::unique_ptr<GgufPart>>& parts) {
    Gguf all = parts[0]->gguf;
    for (size_t i = 1; i < parts.size(); ++i) {
      for (const auto& [name, tensor] : parts[i]->gguf.tensors) {
        if (all.tensors.emplace(name, tensor).second) continue;
        throw Error(concat(parts[i]->file.path(), ": tensor '", name, "' stands in another part too"));
      }
    }
    return all;
  }

  uint64_t index(TensorId id) const { return index_.of(id); }

  const MappedFile& file_of(const std::string& tensor) const {
    for (const auto& part : parts_) {
      if (part->gguf.tensors.contains(tensor)) return part->file;
    }
    return parts_[0]->file;
  }

  Entry resolve(TensorId id, const TensorSlot& slot) const {
    const MappedFile& file = file_of(slot.tensor);
    const std::string where = concat(file.path(), ": tensor '", slot.tensor, "'");
    const auto found = gguf_.tensors.find(slot.tensor);
    if (found == gguf_.tensors.end()) throw Error(where + " is missing");
    const GgufTensor& tensor = found->second;
    const uint64_t columns = tensor_shape(description(), id.role).columns;
    const std::vector<uint64_t> expected =
        is_vector(id.role)  ? std::vector{columns}
        : slot.experts != 0 ? std::vector{columns, slot.tensor_rows / slot.experts, slot.experts}
                            : std::vector{columns, slot.tensor_rows};
    if (tensor.sizes != expected) throw Error(where + " has another shape than the metadata imply");
    if (!is_readable(tensor.type)) {
      throw Error(concat(where, " is ", ggml_type_name(tensor.type),
                         ", which is not read; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and "
                         "Q6_K are"));
    }
    return {&tensor, &file, slot.first_row, fold_of(described_.model, described_.multipliers, id.role)};
  }

  std::vector<std::unique_ptr<GgufPart>> parts_;
  Gguf gguf_;
  GgufDescription described_;
  std::optional<TokenizerArrays> tokenizer_;
  TensorIndex index_{described_.model};
  std::vector<Entry> entries_;  // by index_
};

// A count that must be there and not 0.
uint32_t size(const GgufMetadata& metadata, const std::string& key) {
  const uint32_t value = metadata.required_count(key);
  if (value == 0) metadata.refuse("metadata '" + key + "' is 0");
  return value;
}

// Phi-3's files of before August 2024 have no sliding_window; llama.cpp knows theirs by the shape.
uint32_t default_window(const Family& family, const ModelDescription& model) {
  constexpr uint32_t kPhi3Window = 2047;
  const bool mini_or_medium = model.layers == 32 || model.layers == 40;
  return family.name == "phi3" && mini_or_medium && model.trained_context == 4096 ? kPhi3Window : 0;
}

// Constants that activations are multiplied with; an absent or zero key means none.
Multipliers multipliers(const GgufMetadata& metadata, const Family& family, const std::string& arch) {
  if (family.scaled_embedding) {
    // The converter has added 1 to the weights of norms.
    const double dim = metadata.required_count(arch + ".embedding_length");
    const uint32_t heads = metadata.required_count(arch + ".attention.head_count");
    const bool wide = metadata.count(arch + ".block_count") == family.gguf_wide_layers;
    return {.embedding = std::sqrt(dim),
            .attention = wide && heads != 0 ? 1.0 / std::sqrt(dim / heads) : 0.0};
  }
  if (!family.multipliers) return {};
  const auto key = [&](const char* name) { return concat(arch, ".", name); };
  const auto factor = [&](const char* name, double none) {
    const double value = metadata.number(key(name)).value_or(0.0);
    if (value < 0.0)
      metadata.refuse(concat("metadata '", key(name), "' is ", value, ", which must be positive"));
    return value == 0.0 ? none : value;
  };
  if (!metadata.has(key("logit_scale"))) metadata.refuse("metadata '" + key("logit_scale") + "' is missing");
  return {.embedding = factor("embedding_scale", 1.0),
          .attention = factor("attention.scale", 0.0),
          .residual = factor("residual_scale", 1.0),
          .logits = 1.0 / factor("logit_scale", 1.0)};
}

}  // namespace

GgufDescription describe_gguf(const Gguf& gguf, const std::string& origin) {
  const GgufMetadata metadata(gguf, origin);
  const std::string arch = metadata.text("general.architecture").value_or("");
  const auto key = [&](const char* name) { return arch + "." + name; };
  const uint32_t experts = metadata.count(key("expert_count")).value_or(0);
  const uint32_t shared = metadata.count(key("expert_shared_feed_forward_length")).value_or(0);
  const std::optional<uint32_t> sliding_window = metadata.count(key("attention.sliding_window"));
  const Family* family = family_of_gguf(arch, experts > 0, shared > 0, sliding_window.value_or(0) > 0);
  if (family == nullptr) {
    metadata.refuse("architecture " + refusal_of(arch, known_architectures()));
  }
  if ((experts > 0) != (family->experts.count != nullptr)) {
    metadata.refuse(concat("expert_count is ", experts, ", which is not supported in a ", family->name));
  }
  if (metadata.count(key("expert_group_count")).value_or(1) > 1) {
    metadata.refuse("expert_group_count: a choice of experts by groups is not supported");
  }
  if (shared > 0 && family->experts.shared == nullptr) {
    metadata.refuse("expert_shared_feed_forward_length: a shared expert is not supported in this family");
  }
  const auto embedding = gguf.tensors.find("token_embd.weight");
  if (embedding == gguf.tensors.end() || embedding->second.sizes.size() != 2) {
    metadata.refuse("tensor 'token_embd.weight' is missing or no matrix");
  }
  const uint64_t vocabulary = embedding->second.sizes[1];
  if (vocabulary > 0xFFFFFFFF) metadata.refuse("tensor 'token_embd.weight' has an impossible shape");

  GgufDescription result{
      .family = family, .model = {}, .multipliers = multipliers(metadata, *family, arch), .tied = false};
  ModelDescription& model = result.model;
  model.name = printable(metadata.text("general.name").value_or(""));
  model.vocabulary = static_cast<uint32_t>(vocabulary);
  model.dim = size(metadata, key("embedding_length"));
  model.layers = size(metadata, key("block_count"));
  if (experts == 0) {
    model.hidden = size(metadata, key("feed_forward_length"));
  } else {
    model.experts = experts;
    model.experts_per_token = size(metadata, key("expert_used_count"));
    model.expert_hidden = metadata.has(key("expert_feed_forward_length"))
                              ? size(metadata, key("expert_feed_forward_length"))
                              : size(metadata, key("feed_forward_length"));
    model.hidden = shared;
    model.softmax_chosen = family->experts.gguf_chosen;
  }
  model.heads = size(metadata, key("attention.head_count"));
  model.kv_heads = metadata.count(key("attention.head_count_kv")).value_or(model.heads);
  model.trained_context = size(metadata, key("context_length"));
  if (const auto head_size = metadata.count(key("attention.key_length"))) {
    model.head_size = *head_size;
  } else if (model.dim % model.heads == 0) {
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
  if (family->multipliers && !metadata.flag(key("rope.scaling.finetuned")).value_or(true)) {
    metadata.refuse("rope.scaling.finetuned is false: a model without RoPE is not supported");
  }
  const auto eps = metadata.number(key("attention.layer_norm_rms_epsilon"));
  if (!eps) metadata.refuse("metadata '" + key("attention.layer_norm_rms_epsilon") + "' is missing");
  model.norm_eps = static_cast<float>(*eps);
  model.rope_theta = metadata.number(key("rope.freq_base")).value_or(10000.0);
  model.rope_scaling = rope_scaling(metadata, arch, model.trained_context);
  if (metadata.text(key("rope.scaling.type")) == "longrope" || gguf.tensors.contains(kShortFactors) ||
      gguf.tensors.contains(kLongFactors)) {
    if (model.rope_scaling.kind != RopeScaling::Kind::kNone) {
      metadata.refuse(
          "rope_factors_long and rope_factors_short beside another RoPE scaling are not supported");
    }
    model.rope_scaling = longrope(gguf, metadata, arch, model.trained_context, origin);
  }
  model.rope_pairing = family->gguf_pairing;
  result.tied = !gguf.tensors.contains("output.weight");
  model.tied_embeddings = result.tied && fold_of(model, result.multipliers, TensorRole::kEmbedding) ==
                                             fold_of(model, result.multipliers, TensorRole::kLmHead);
  model.qkv_bias = gguf.tensors.contains("blk.0.attn_q.bias");
  model.qk_norm = family->qk_norm;
  model.norm_all_heads = family->norm_all_heads;
  model.pre_norm = family->pre_norm;
  model.post_norm = family->post_norm;
  model.gelu = family->gelu;
  model.unrotated = unrotated_layers(model.layers, family->unrotated_every);
  const uint32_t window = sliding_window.value_or(default_window(*family, model));
  if (window != 0 && family->full_every != 0) {
    model.windowed = windowed_layers(
        model.layers, metadata.count(key("attention.sliding_window_pattern")).value_or(family->full_every));
    model.local_rope_theta = local_rope_theta(*family, model, metadata.number(key("rope.freq_base_swa")));
  }
  model.attention_window = window;
  try {
    validate(model);
    if (const auto factors = gguf.tensors.find(kRopeDivisors); factors != gguf.tensors.end()) {
      const std::string where = concat(origin, ": tensor '", kRopeDivisors, "'");
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
  return result;
}

std::unique_ptr<TensorSource> open_gguf_checkpoint(const std::string& path) {
  return std::make_unique<GgufCheckpoint>(path);
}

}  // namespace brim
