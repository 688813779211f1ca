#include "model/hf_checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "base/concat.h"
#include "model/checkpoint_test_util.h"
#include "model/fp32_forward.h"
#include "model/synthetic.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "tests/support/model_shape.h"

namespace brim {
namespace {

using nlohmann::json;
using test::TemporaryFolder;
using test::tensor_of;
using enum TensorRole;

ModelDescription small_model() {
  ModelDescription model = test::model_shape("small", 24, {2, 1, 8}, 32, 40, 64);
  model.rope_pairing = RopePairing::kHalfSplit;
  return model;
}

json config_of(const ModelDescription& model, const std::string& family) {
  return {{"model_type", family},
          {"hidden_size", model.dim},
          {"num_hidden_layers", model.layers},
          {"num_attention_heads", model.heads},
          {"num_key_value_heads", model.kv_heads},
          {"head_dim", model.head_size},
          {"intermediate_size", model.hidden},
          {"vocab_size", model.vocabulary},
          {"max_position_embeddings", model.trained_context},
          {"rms_norm_eps", 1e-5},
          {"tie_word_embeddings", model.tied_embeddings}};
}

// Spelled out once more, so that a slip in the reader's table shows.
std::string hf_name(TensorId id) {
  static const std::map<TensorRole, std::string> kNames = {{kEmbedding, "model.embed_tokens.weight"},
                                                           {kFinalNorm, "model.norm.weight"},
                                                           {kLmHead, "lm_head.weight"},
                                                           {kAttentionNorm, "input_layernorm.weight"},
                                                           {kFfnNorm, "post_attention_layernorm.weight"},
                                                           {kQuery, "self_attn.q_proj.weight"},
                                                           {kKey, "self_attn.k_proj.weight"},
                                                           {kValue, "self_attn.v_proj.weight"},
                                                           {kQueryBias, "self_attn.q_proj.bias"},
                                                           {kKeyBias, "self_attn.k_proj.bias"},
                                                           {kValueBias, "self_attn.v_proj.bias"},
                                                           {kQueryNorm, "self_attn.q_norm.weight"},
                                                           {kKeyNorm, "self_attn.k_norm.weight"},
                                                           {kAttentionOut, "self_attn.o_proj.weight"},
                                                           {kGate, "mlp.gate_proj.weight"},
                                                           {kUp, "mlp.up_proj.weight"},
                                                           {kDown, "mlp.down_proj.weight"}};
  const std::string layer = is_per_layer(id.role) ? concat("model.layers.", id.layer, ".") : "";
  return layer + kNames.at(id.role);
}

std::vector<uint64_t> hf_shape(const ModelDescription& model, TensorId id) {
  const TensorShape shape = tensor_shape(model, id.role);
  return is_vector(id.role) ? std::vector{shape.columns} : std::vector{shape.rows, shape.columns};
}

std::vector<uint16_t> to_16_bit(const std::vector<float>& values, const std::string& type) {
  std::vector<uint16_t> bits;
  bits.reserve(values.size());
  for (const float value : values) {
    bits.push_back(type == "F16" ? float_to_fp16(value) : static_cast<uint16_t>(float_bits(value) >> 16));
  }
  return bits;
}

void add_tensor(test::SafetensorsWriter& writer, const TensorSource& source, TensorId id,
                const std::string& type, const std::string& name) {
  const std::vector<float> values = tensor_of(source, id);
  writer.add(name, type, hf_shape(source.description(), id),
             type == "F32" ? test::bytes_of(values) : test::bytes_of(to_16_bit(values, type)));
}

// Writes the model's config and all its tensors but those that `skip` names.
void write_checkpoint(const TemporaryFolder& folder, const TensorSource& source, const std::string& family,
                      const std::string& type, const std::string& skip = "") {
  folder.write("config.json", config_of(source.description(), family).dump());
  test::SafetensorsWriter writer;
  for (const TensorId id : test::tensors_of(source.description())) {
    if (id.role == kLmHead && source.description().tied_embeddings) continue;
    if (hf_name(id) != skip) add_tensor(writer, source, id, type, hf_name(id));
  }
  folder.write("model.safetensors", writer.bytes());
}

void expect_equal_tensors(const TensorSource& actual, const TensorSource& expected, float tolerance) {
  for (const TensorId id : test::tensors_of(expected.description())) {
    const std::vector<float> a = tensor_of(actual, id);
    const std::vector<float> e = tensor_of(expected, id);
    ASSERT_EQ(a.size(), e.size());
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], e[i], tolerance * std::abs(e[i])) << tensor_name(id);
  }
}

TEST(HfCheckpoint, LogitsOfTheTinyLlamaAreTheOnesOfTransformers) {
  const std::string folder = std::string(BRIM_SHARED_DATA) + "/hf-tiny-llama";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const json golden = json::parse(test::read_file(folder + "/golden.json"));
  const auto source = open_model(folder);
  EXPECT_EQ(source->description().name, "hf-tiny-llama");
  size_t compared = 0;
  for (const json& test_case : golden["cases"]) {
    const auto logits = test_case["logits"].get<std::vector<float>>();
    size_t i = 0;
    for (const json& sequence : test_case["input_ids"]) {
      Fp32Forward forward(*source);
      for (const json& id : sequence) {
        for (const float logit : forward.step(id.get<uint32_t>())) {
          ASSERT_LT(i, logits.size());
          EXPECT_NEAR(logit, logits[i++], 1e-4f);
        }
      }
    }
    EXPECT_EQ(i, logits.size());
    compared += i;
  }
  EXPECT_GT(compared, 0u);
}

TEST(HfCheckpoint, Bf16WeightsOfAForeignWriterAreRead) {
  const std::string file = std::string(BRIM_SHARED_DATA) + "/gguf-tiny/llama_test_weights_bf16.safetensors";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is absent";
  const TemporaryFolder folder;
  ModelDescription model = small_model();
  model.dim = 8;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_size = 2;
  model.hidden = 10;
  model.vocabulary = 6;
  folder.write("config.json", config_of(model, "llama").dump());
  std::filesystem::copy(file, folder.path() + "/model.safetensors");
  const auto source = open_hf_checkpoint(folder.path());
  for (const TensorId id : test::tensors_of(model)) {
    const std::vector<float> values = tensor_of(*source, id);
    EXPECT_TRUE(std::any_of(values.begin(), values.end(), [](float v) {
      return v != 0.0f && std::abs(v) < 10;
    })) << tensor_name(id);
  }
}

TEST(HfCheckpoint, EveryFloatTypeReadsBack) {
  const auto source = make_synthetic(small_model(), 1);
  for (const auto& [type, tolerance] :
       {std::pair{"F32", 0.0f}, std::pair{"F16", 0x1p-9f}, std::pair{"BF16", 0x1p-7f}}) {
    const TemporaryFolder folder;
    write_checkpoint(folder, *source, "llama", type);
    expect_equal_tensors(*open_hf_checkpoint(folder.path()), *source, tolerance);
  }
}

TEST(HfCheckpoint, BiasesHeadNormsAndTiedEmbeddingsReadBack) {
  ModelDescription qwen2 = small_model();
  qwen2.qkv_bias = true;
  ModelDescription qwen3 = small_model();
  qwen3.qk_norm = true;
  qwen3.tied_embeddings = true;
  for (const auto& [model, family] : {std::pair{qwen2, "qwen2"}, std::pair{qwen3, "qwen3"}}) {
    const TemporaryFolder folder;
    const auto source = make_synthetic(model, 1);
    write_checkpoint(folder, *source, family, "F32");
    expect_equal_tensors(*open_hf_checkpoint(folder.path()), *source, 0.0f);
  }
}

// As transformers computes it: sqrt(32) = 5.65685... is 5.65625 in BF16.
TEST(HfCheckpoint, TheFactorOfAScaledEmbeddingIsRoundedToItsFormat) {
  ModelDescription model = small_model();
  model.dim = 32;
  model.gelu = true;
  const auto source = make_synthetic(model, 1);
  for (const auto& [type, factor] : {std::pair{"F32", std::sqrt(32.0f)}, {"BF16", 5.65625f}}) {
    const TemporaryFolder folder;
    json config = config_of(model, "gemma");
    config["tie_word_embeddings"] = false;
    config["hidden_act"] = "gelu_pytorch_tanh";
    test::SafetensorsWriter writer;
    for (const TensorId id : test::tensors_of(model)) add_tensor(writer, *source, id, type, hf_name(id));
    folder.write("config.json", config.dump());
    folder.write("model.safetensors", writer.bytes());
    const auto read = open_model(folder.path());
    const std::vector<float> stored = tensor_of(*source, {kEmbedding});
    const std::vector<float> values = tensor_of(*read, {kEmbedding});
    for (size_t i = 0; i < values.size(); ++i) {
      const float value = std::string_view(type) == "F32"
                              ? stored[i]
                              : float_from_bits(static_cast<uint32_t>(to_16_bit({stored[i]}, type)[0]) << 16);
      ASSERT_EQ(values[i], value * factor) << type << ' ' << i;
    }
  }
}

TEST(HfCheckpoint, ShardsAreReadTogether) {
  const TemporaryFolder folder;
  const auto source = make_synthetic(small_model(), 1);
  folder.write("config.json", config_of(source->description(), "llama").dump());
  std::array<test::SafetensorsWriter, 2> shards;
  json map;
  for (const TensorId id : test::tensors_of(source->description())) {
    const size_t shard = id.layer % 2;
    add_tensor(shards[shard], *source, id, "F32", hf_name(id));
    map[hf_name(id)] = concat("part-", shard, ".safetensors");
  }
  folder.write("model.safetensors.index.json", json{{"weight_map", map}}.dump());
  folder.write("part-0.safetensors", shards[0].bytes());
  EXPECT_REFUSED(
      open_hf_checkpoint(folder.path()),
      "part-1.safetensors is missing: model.safetensors.index.json says that 9 of the model's tensors");
  folder.write("part-1.safetensors", shards[1].bytes());
  expect_equal_tensors(*open_hf_checkpoint(folder.path()), *source, 0.0f);

  add_tensor(shards[1], *source, {kFinalNorm}, "F32", hf_name({kFinalNorm}));
  folder.write("part-1.safetensors", shards[1].bytes());
  EXPECT_REFUSED(open_hf_checkpoint(folder.path()), "tensor 'model.norm.weight' stands in");
  for (const char* outside : {"../part-0.safetensors", "..", ""}) {
    folder.write("model.safetensors.index.json", json{{"weight_map", {{"w", outside}}}}.dump());
    EXPECT_REFUSED(open_hf_checkpoint(folder.path()), "is no file name");
  }
  folder.write("model.safetensors.index.json", "{}");
  EXPECT_REFUSED(open_hf_checkpoint(folder.path()), "has no weight_map");
}

TEST(HfCheckpoint, NamesMayLackTheModelPrefix) {
  const TemporaryFolder folder;
  const auto source = make_synthetic(small_model(), 1);
  folder.write("config.json", config_of(source->description(), "llama").dump());
  test::SafetensorsWriter writer;
  for (const TensorId id : test::tensors_of(source->description())) {
    const std::string name = hf_name(id);
    add_tensor(writer, *source, id, "F32", name.starts_with("model.") ? name.substr(6) : name);
  }
  folder.write("weights.safetensors", writer.bytes());
  expect_equal_tensors(*open_hf_checkpoint(folder.path()), *source, 0.0f);
}

TEST(HfCheckpoint, DirectoriesThatAreNoModelAreRefused) {
  const TemporaryFolder folder;
  EXPECT_REFUSED(open_model(folder.path()), "holds no config.json");
  folder.write("config.json", config_of(small_model(), "llama").dump());
  EXPECT_REFUSED(open_model(folder.path()), "holds no .safetensors file");
  folder.write("a.safetensors", "");
  EXPECT_REFUSED(open_model(folder.path()), "a.safetensors: too short");
  folder.write("b.safetensors", "");
  EXPECT_REFUSED(open_model(folder.path()), "more than one .safetensors file");
  const TemporaryFolder part;
  part.write("config.json", config_of(small_model(), "llama").dump());
  part.write("model-00001-of-00002.safetensors", "version https://git-lfs.github.com/spec/v1");
  EXPECT_REFUSED(open_model(part.path()), "model-00001-of-00002.safetensors is only a part of the model");
  part.write("model.safetensors", "version https://git-lfs.github.com/spec/v1");
  EXPECT_REFUSED(open_model(part.path()), "model.safetensors: is a Git LFS pointer");
  EXPECT_REFUSED(open_model(folder.path() + "/a.safetensors"), "give the directory");
}

TEST(HfCheckpoint, MissingMisshapenAndUnknownTensorsAreNamed) {
  const auto source = make_synthetic(small_model(), 1);
  {
    const TemporaryFolder folder;
    write_checkpoint(folder, *source, "llama", "F32", "model.layers.1.mlp.up_proj.weight");
    EXPECT_REFUSED(open_hf_checkpoint(folder.path()),
                   "tensor 'model.layers.1.mlp.up_proj.weight' is missing");
    write_checkpoint(folder, *source, "llama", "F32", "lm_head.weight");
    EXPECT_REFUSED(open_hf_checkpoint(folder.path()), "tensor 'lm_head.weight' is missing");
  }
  const auto refusal_of = [&](TensorId replaced, const std::string& type, const std::vector<uint64_t>& shape,
                              const std::string& data) {
    const TemporaryFolder folder;
    folder.write("config.json", config_of(source->description(), "llama").dump());
    test::SafetensorsWriter writer;
    for (const TensorId id : test::tensors_of(source->description())) {
      if (!(id == replaced)) add_tensor(writer, *source, id, "F32", hf_name(id));
    }
    writer.add(hf_name(replaced), type, shape, data);
    folder.write("model.safetensors", writer.bytes());
    return test::error_of([&] { open_hf_checkpoint(folder.path()); });
  };
  const TensorId norm{kFfnNorm, 1};
  const std::string shape = refusal_of(norm, "F32", {1, 24}, std::string(96, 'x'));
  EXPECT_NE(shape.find("'model.layers.1.post_attention_layernorm.weight' has shape [1, 24]"),
            std::string::npos);
  EXPECT_NE(shape.find("implies [24]"), std::string::npos) << shape;
  EXPECT_NE(refusal_of(norm, "F64", {24}, std::string(192, 'x'))
                .find("is F64; F32, F16, BF16 and F8_E4M3 are read"),
            std::string::npos);

  const TemporaryFolder folder;
  write_checkpoint(folder, *source, "llama", "F32");
  ModelDescription deeper = small_model();
  deeper.layers = 3;
  write_checkpoint(folder, *make_synthetic(deeper, 1), "llama", "F32");
  folder.write("config.json", config_of(small_model(), "llama").dump());
  EXPECT_REFUSED(open_hf_checkpoint(folder.path()),
                 "tensor 'model.layers.2.input_layernorm.weight' has no place");
}

TEST(HfCheckpoint, TensorsWithoutEffectAreLeftAside) {
  const TemporaryFolder folder;
  ModelDescription model = small_model();
  model.tied_embeddings = true;
  const auto source = make_synthetic(model, 1);
  folder.write("config.json", config_of(model, "llama").dump());
  const auto write = [&](const std::string& bias) {
    test::SafetensorsWriter writer;
    for (const TensorId id : test::tensors_of(model)) add_tensor(writer, *source, id, "F32", hf_name(id));
    writer.add("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {4}, std::string(16, 'x'));
    writer.add("model.layers.0.mlp.down_proj.bias", "F16", {24}, bias);
    folder.write("model.safetensors", writer.bytes());
  };
  write(std::string(48, '\0'));
  expect_equal_tensors(*open_hf_checkpoint(folder.path()), *source, 0.0f);
  write(std::string(48, '\1'));
  EXPECT_REFUSED(open_hf_checkpoint(folder.path()),
                 "tensor 'model.layers.0.mlp.down_proj.bias' has no place");
}

TEST(HfCheckpoint, AHeadThatDiffersFromTheEmbeddingIsUsedThoughTheConfigTiesThem) {
  ModelDescription tied = small_model();
  tied.tied_embeddings = true;
  const auto source = make_synthetic(small_model(), 1);
  const auto write = [&](const TemporaryFolder& folder, TensorId head) {
    folder.write("config.json", config_of(tied, "llama").dump());
    test::SafetensorsWriter writer;
    for (const TensorId id : test::tensors_of(small_model())) {
      add_tensor(writer, *source, id.role == kLmHead ? head : id, "F32", hf_name(id));
    }
    folder.write("model.safetensors", writer.bytes());
  };
  const TemporaryFolder differs;
  write(differs, {kLmHead});
  const auto kept = open_hf_checkpoint(differs.path());
  EXPECT_EQ(tensor_of(*kept, {kLmHead}), tensor_of(*source, {kLmHead}));
  EXPECT_FALSE(kept->description().tied_embeddings);
  ASSERT_EQ(kept->notes().size(), 1u);
  EXPECT_NE(kept->notes()[0].find("lm_head.weight differs from the embedding"), std::string::npos);

  const TemporaryFolder same;
  write(same, {kEmbedding});
  const auto shared = open_hf_checkpoint(same.path());
  EXPECT_EQ(tensor_of(*shared, {kLmHead}), tensor_of(*source, {kEmbedding}));
  EXPECT_TRUE(shared->description().tied_embeddings);
  EXPECT_TRUE(shared->notes().empty());
}

TEST(HfCheckpoint, DefaultsThatDoNotFitTheTensorsAreNamed) {
  const auto source = make_synthetic(small_model(), 1);
  const TemporaryFolder folder;
  write_checkpoint(folder, *source, "llama", "F32");
  json config = config_of(small_model(), "llama");
  config.erase("vocab_size");
  folder.write("config.json", config.dump());
  EXPECT_REFUSED(open_hf_checkpoint(folder.path()),
                 "implies [32000, 24] (with defaults for vocab_size, which it does not give)");
  config["vocab_size"] = 40;
  config.erase("max_position_embeddings");
  folder.write("config.json", config.dump());
  ASSERT_EQ(open_hf_checkpoint(folder.path())->notes().size(), 1u);
  EXPECT_EQ(open_hf_checkpoint(folder.path())->notes()[0],
            "config.json does not give max_position_embeddings: taken as LlamaConfig has it");
}

TEST(HfCheckpoint, ATensorThatIsNotFiniteIsNamedWhenRead) {
  const TemporaryFolder folder;
  const auto source = make_synthetic(small_model(), 1);
  write_checkpoint(folder, *source, "llama", "F32");
  std::string bytes = test::read_file(folder.path() + "/model.safetensors");
  const std::vector<float> row = tensor_of(*source, {kGate, 1});
  const size_t at = bytes.find(test::bytes_of(row));
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at + 40, 4, "\xFF\xFF\xFF\xFF");
  folder.write("model.safetensors", bytes);
  const auto damaged = open_hf_checkpoint(folder.path());
  EXPECT_REFUSED(tensor_of(*damaged, {kGate, 1}),
                 "model.safetensors: layer 1 w_gate holds infinities or NaNs");
}

TEST(HfCheckpoint, EveryCutOfTheWeightsIsRefused) {
  const TemporaryFolder folder;
  write_checkpoint(folder, *make_synthetic(small_model(), 1), "llama", "F16");
  const std::string whole = test::read_file(folder.path() + "/model.safetensors");
  for (size_t size = 0; size < whole.size(); size += 97) {
    folder.write("model.safetensors", whole.substr(0, size));
    EXPECT_THROW(open_hf_checkpoint(folder.path()), Error) << size;
  }
}

// A matrix as a quantiser has it before any packing.
struct Quantised {
  uint64_t rows, columns, group;
  std::vector<uint8_t> q;        // [rows][columns]
  std::vector<uint8_t> zeros;    // [rows][columns / group]
  std::vector<uint16_t> scales;  // [rows][columns / group]
  uint64_t groups() const { return columns / group; }
};

Quantised random_matrix(TensorShape shape, uint64_t group, uint32_t seed, bool symmetric) {
  std::mt19937 random(seed);
  Quantised matrix{shape.rows, shape.columns, group, {}, {}, {}};
  for (uint64_t i = 0; i < shape.rows * shape.columns; ++i) matrix.q.push_back(random() % 16);
  for (uint64_t i = 0; i < shape.rows * matrix.groups(); ++i) {
    matrix.zeros.push_back(symmetric ? 8 : random() % 16);
    matrix.scales.push_back(float_to_fp16(0.001f + static_cast<float>(random() % 1000) * 1e-5f));
  }
  return matrix;
}

// int32 words [lines][count / 8] of count nibbles each; nibble n of a word is element order[n] of its eight.
template <typename Value>
std::string pack_words(uint64_t lines, uint64_t count, const std::array<int, 8>& order, Value value) {
  std::string words;
  for (uint64_t line = 0; line < lines; ++line) {
    for (uint64_t word = 0; word < count / 8; ++word) {
      uint32_t bits = 0;
      for (int n = 0; n < 8; ++n)
        bits |= static_cast<uint32_t>(value(line, 8 * word + order[n]) & 15) << (4 * n);
      test::append(words, bits);
    }
  }
  return words;
}

constexpr std::array<int, 8> kAwqOrder = {0, 2, 4, 6, 1, 3, 5, 7};
constexpr std::array<int, 8> kPlainOrder = {0, 1, 2, 3, 4, 5, 6, 7};

std::string pack_scales(const Quantised& m) {
  std::string scales;
  for (uint64_t g = 0; g < m.groups(); ++g) {
    for (uint64_t r = 0; r < m.rows; ++r) test::append(scales, m.scales[r * m.groups() + g]);
  }
  return scales;
}

void add_awq(test::SafetensorsWriter& writer, const std::string& module, const Quantised& m) {
  writer.add(module + ".qweight", "I32", {m.columns, m.rows / 8},
             pack_words(m.columns, m.rows, kAwqOrder,
                        [&](uint64_t i, uint64_t r) { return m.q[r * m.columns + i]; }));
  writer.add(module + ".qzeros", "I32", {m.groups(), m.rows / 8},
             pack_words(m.groups(), m.rows, kAwqOrder,
                        [&](uint64_t g, uint64_t r) { return m.zeros[r * m.groups() + g]; }));
  writer.add(module + ".scales", "F16", {m.groups(), m.rows}, pack_scales(m));
}

// `stored_minus`: 1 for the format "gptq", 0 for "gptq_v2".
void add_gptq(test::SafetensorsWriter& writer, const std::string& module, const Quantised& m,
              int stored_minus, std::vector<int32_t> group_index = {}) {
  // Words run along the inputs, one for each output: transposed to [columns / 8][rows].
  std::string words;
  for (uint64_t word = 0; word < m.columns / 8; ++word) {
    for (uint64_t r = 0; r < m.rows; ++r) {
      uint32_t bits = 0;
      for (uint64_t n = 0; n < 8; ++n) bits |= uint32_t{m.q[r * m.columns + 8 * word + n]} << (4 * n);
      test::append(words, bits);
    }
  }
  const bool ascending = group_index.empty();
  for (uint64_t i = 0; ascending && i < m.columns; ++i) {
    group_index.push_back(static_cast<int32_t>(i / m.group));
  }
  writer.add(module + ".qweight", "I32", {m.columns / 8, m.rows}, words);
  writer.add(module + ".qzeros", "I32", {m.groups(), m.rows / 8},
             pack_words(m.groups(), m.rows, kPlainOrder,
                        [&](uint64_t g, uint64_t r) { return m.zeros[r * m.groups() + g] - stored_minus; }));
  writer.add(module + ".scales", "F16", {m.groups(), m.rows}, pack_scales(m));
  writer.add(module + ".g_idx", "I32", {m.columns}, test::bytes_of(group_index));
}

ModelDescription quantisable_model() {
  ModelDescription model = small_model();
  model.dim = 256;
  model.layers = 1;
  model.head_size = 64;
  model.hidden = 384;
  return model;
}

bool is_packed(TensorId id) { return !is_vector(id.role) && id.role != kEmbedding && id.role != kLmHead; }

using AddMatrix = std::function<void(test::SafetensorsWriter&, const std::string&, const Quantised&)>;

// Writes quantisable_model() with random matrices, which it returns. A group of 0 is the whole row.
std::map<std::string, Quantised> write_quantised(const TemporaryFolder& folder, const json& quantisation,
                                                 uint64_t group, bool symmetric, const AddMatrix& add) {
  const auto source = make_synthetic(quantisable_model(), 1);
  json config = config_of(source->description(), "llama");
  config["quantization_config"] = quantisation;
  folder.write("config.json", config.dump());
  test::SafetensorsWriter writer;
  std::map<std::string, Quantised> matrices;
  for (const TensorId id : test::tensors_of(source->description())) {
    const std::string name = hf_name(id);
    if (!is_packed(id)) {
      add_tensor(writer, *source, id, "F16", name);
      continue;
    }
    const std::string module = name.substr(0, name.rfind('.'));
    const TensorShape shape = tensor_shape(source->description(), id.role);
    const Quantised matrix =
        random_matrix(shape, group ? group : shape.columns, static_cast<uint32_t>(id.role), symmetric);
    add(writer, module, matrix);
    matrices.emplace(name, matrix);
  }
  folder.write("model.safetensors", writer.bytes());
  return matrices;
}

// Reads every packed matrix in pieces and compares; group 128 must come over without loss.
void expect_matrices(const TensorSource& source, const std::map<std::string, Quantised>& matrices) {
  size_t compared = 0;
  for (const TensorId id : test::tensors_of(source.description())) {
    if (!is_packed(id)) {
      EXPECT_FALSE(source.is_quantised(id));
      continue;
    }
    const Quantised& m = matrices.at(hf_name(id));
    EXPECT_EQ(source.is_quantised(id), m.group % kGroup == 0);
    const uint64_t groups = m.columns / kGroup;
    for (uint64_t first = 0; first < m.rows; first += 13) {
      const uint64_t rows = std::min<uint64_t>(13, m.rows - first);
      std::vector<float> values(rows * m.columns);
      source.read_rows(id, first, rows, values);
      for (uint64_t i = 0; i < values.size(); ++i) {
        const uint64_t at = first * m.columns + i;
        const float scale = fp16_to_float(m.scales[at / m.group]);
        ASSERT_EQ(values[i], static_cast<float>(m.q[at] - m.zeros[at / m.group]) * scale) << tensor_name(id);
      }
      if (m.group % kGroup != 0) continue;
      std::vector<uint8_t> q(rows * m.columns), zeros(rows * groups);
      std::vector<uint16_t> scales(rows * groups);
      source.read_quantised_rows(id, first, rows, {q, zeros, scales});
      ASSERT_TRUE(std::equal(q.begin(), q.end(), m.q.begin() + static_cast<ptrdiff_t>(first * m.columns)));
      for (uint64_t g = 0; g < groups * rows; ++g) {
        const uint64_t from = (first * m.columns + g * kGroup) / m.group;
        ASSERT_EQ(zeros[g], m.zeros[from]);
        ASSERT_EQ(scales[g], m.scales[from]);
      }
    }
    ++compared;
  }
  EXPECT_EQ(compared, matrices.size());
}

json awq_config(uint32_t group) {
  return {
      {"quant_method", "awq"}, {"bits", 4}, {"group_size", group}, {"version", "gemm"}, {"zero_point", true}};
}

json gptq_config(const std::string& format, bool symmetric) {
  return {{"quant_method", "gptq"}, {"bits", 4},        {"group_size", 128},
          {"desc_act", false},      {"sym", symmetric}, {"checkpoint_format", format}};
}

void add_awq_gemv(test::SafetensorsWriter& writer, const std::string& module, const Quantised& m) {
  const uint64_t width = (m.groups() + 7) / 8;  // of groups of 128
  writer.add(module + ".qweight", "I32", {m.rows, m.columns / 8},
             pack_words(m.rows, m.columns, kPlainOrder,
                        [&](uint64_t r, uint64_t i) { return m.q[r * m.columns + i]; }));
  writer.add(module + ".qzeros", "I32", {m.rows, width},
             pack_words(m.rows, width * 8, kPlainOrder, [&](uint64_t r, uint64_t g) {
               return g < m.groups() ? m.zeros[r * m.groups() + g] : 0;
             }));
  std::vector<uint16_t> scales(m.rows * width * 8);
  for (uint64_t i = 0; i < m.scales.size(); ++i)
    scales[i / m.groups() * width * 8 + i % m.groups()] = m.scales[i];
  writer.add(module + ".scales", "F16", {m.rows, width * 8}, test::bytes_of(scales));
}

// compressed-tensors: signed values and zero-points, stored plus 8; words of zero-points run along the rows.
void add_compressed(test::SafetensorsWriter& writer, const std::string& module, const Quantised& m,
                    bool symmetric, const std::string& scale_type) {
  writer.add(module + ".weight_packed", "I32", {m.rows, m.columns / 8},
             pack_words(m.rows, m.columns, kPlainOrder,
                        [&](uint64_t r, uint64_t i) { return m.q[r * m.columns + i]; }));
  writer.add(module + ".weight_shape", "I64", {2}, std::string(16, '\0'));
  std::vector<float> scales;
  for (const uint16_t scale : m.scales) scales.push_back(fp16_to_float(scale));
  writer.add(module + ".weight_scale", scale_type, {m.rows, m.groups()},
             scale_type == "F32" ? test::bytes_of(scales) : test::bytes_of(to_16_bit(scales, scale_type)));
  if (symmetric) return;
  std::string zeros;
  for (uint64_t word = 0; word < m.rows / 8; ++word) {
    for (uint64_t g = 0; g < m.groups(); ++g) {
      uint32_t bits = 0;
      for (uint64_t n = 0; n < 8; ++n) bits |= uint32_t{m.zeros[(8 * word + n) * m.groups() + g]} << (4 * n);
      test::append(zeros, bits);
    }
  }
  writer.add(module + ".weight_zero_point", "I32", {m.rows / 8, m.groups()}, zeros);
}

json compressed_config(bool symmetric, const json& strategy) {
  json weights = {{"num_bits", 4}, {"type", "int"}, {"symmetric", symmetric}};
  weights.update(strategy);
  return {{"quant_method", "compressed-tensors"},
          {"format", "pack-quantized"},
          {"config_groups", {{"group_0", {{"targets", {"Linear"}}, {"weights", weights}}}}},
          {"ignore", {"lm_head"}}};
}

TEST(HfCheckpoint, AwqGemvComesOverWithoutLoss) {
  const TemporaryFolder folder;
  json quantisation = awq_config(128);
  quantisation["version"] = "GEMV";
  const auto matrices = write_quantised(folder, quantisation, 128, false, add_awq_gemv);
  const auto source = open_hf_checkpoint(folder.path());
  expect_matrices(*source, matrices);
  EXPECT_TRUE(source->notes().empty());
}

TEST(HfCheckpoint, CompressedTensorsComeOverWithoutLoss) {
  const json groups = {{"strategy", "group"}, {"group_size", 128}};
  for (const bool symmetric : {true, false}) {
    for (const std::string type : {"F16", "F32"}) {
      for (const uint64_t group : {128, 0}) {
        const TemporaryFolder folder;
        const auto add = [&](auto& writer, const auto& module, const auto& m) {
          add_compressed(writer, module, m, symmetric, type);
        };
        const auto matrices = write_quantised(
            folder, compressed_config(symmetric, group ? groups : json{{"strategy", "channel"}}), group,
            symmetric, add);
        const auto source = open_hf_checkpoint(folder.path());
        expect_matrices(*source, matrices);
        EXPECT_TRUE(source->notes().empty());
      }
    }
  }
}

TEST(HfCheckpoint, ScalesThatFp16DoesNotHoldAreRoundedAndCounted) {
  const TemporaryFolder folder;
  const auto add = [&](auto& writer, const auto& module, auto m) {
    m.scales[0] = float_to_fp16(0.001f);
    add_compressed(writer, module, m, true, "F32");
  };
  write_quantised(folder, compressed_config(true, {{"group_size", 128}}), 128, true, add);
  std::string bytes = test::read_file(folder.path() + "/model.safetensors");
  const float inexact = 0.001f;
  const float exact = fp16_to_float(float_to_fp16(inexact));
  ASSERT_NE(exact, inexact);
  const size_t at = bytes.find(std::string(reinterpret_cast<const char*>(&exact), 4));
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 4, std::string(reinterpret_cast<const char*>(&inexact), 4));
  folder.write("model.safetensors", bytes);
  const auto source = open_hf_checkpoint(folder.path());
  ASSERT_EQ(source->notes().size(), 1u);
  EXPECT_EQ(source->notes()[0], "1 of the weights' scales are between FP16 values: they are rounded");
}

TEST(HfCheckpoint, ActOrderIsDequantisedAndSaidSo) {
  const TemporaryFolder folder;
  json quantisation = gptq_config("gptq", false);
  quantisation["desc_act"] = true;
  // Input i belongs to the group that a shuffle of the columns gives it.
  const auto group_of = [](const Quantised& m, uint64_t column) { return column * 5 % m.columns / m.group; };
  const auto add = [&](auto& writer, const auto& module, const Quantised& m) {
    std::vector<int32_t> order;
    for (uint64_t i = 0; i < m.columns; ++i) order.push_back(static_cast<int32_t>(group_of(m, i)));
    add_gptq(writer, module, m, 1, order);
  };
  const auto matrices = write_quantised(folder, quantisation, 128, false, add);
  const auto source = open_hf_checkpoint(folder.path());
  for (const TensorId id : test::tensors_of(source->description())) {
    if (!is_packed(id)) continue;
    const Quantised& m = matrices.at(hf_name(id));
    EXPECT_EQ(source->is_quantised(id), m.groups() == 1);  // then there is nothing to order
    const std::vector<float> values = tensor_of(*source, id);
    for (uint64_t i = 0; i < values.size(); ++i) {
      const uint64_t group = i / m.columns * m.groups() + group_of(m, i % m.columns);
      ASSERT_EQ(values[i], static_cast<float>(m.q[i] - m.zeros[group]) * fp16_to_float(m.scales[group]));
    }
  }
  ASSERT_EQ(source->notes().size(), 1u);
  EXPECT_NE(source->notes()[0].find("act-order"), std::string::npos);
}

// FP8 with scales of blocks, of rows and of the whole matrix.
TEST(HfCheckpoint, Fp8WeightsAreMultipliedWithTheirScales) {
  const ModelDescription model = quantisable_model();
  const auto plain = make_synthetic(model, 1);
  const auto scale_at = [](uint64_t index) { return 0.5f + 0.25f * static_cast<float>(index % 7); };
  // 0x38 + i: 1, 1.125, ...; 0xB8 + i: the same negated.
  const auto byte_at = [](uint64_t i) { return static_cast<char>((i % 5 == 0 ? 0xB8 : 0x38) + i % 8); };
  const auto value_of = [](uint64_t i) {
    return (i % 5 == 0 ? -1.0f : 1.0f) * (1.0f + static_cast<float>(i % 8) / 8.0f);
  };
  for (const std::string kind : {"blocks", "rows", "matrix"}) {
    const TemporaryFolder folder;
    json config = config_of(model, "llama");
    config["quantization_config"] =
        kind == "blocks"
            ? json{{"quant_method", "fp8"}, {"weight_block_size", {128, 64}}}
            : json{{"quant_method", "compressed-tensors"},
                   {"format", "float-quantized"},
                   {"config_groups", {{"group_0", {{"weights", {{"num_bits", 8}, {"type", "float"}}}}}}}};
    folder.write("config.json", config.dump());
    test::SafetensorsWriter writer;
    const auto scale_index = [&](TensorShape shape, uint64_t i) -> uint64_t {
      const uint64_t row = i / shape.columns, column = i % shape.columns;
      if (kind == "matrix") return 0;
      return kind == "rows" ? row : row / 128 * ((shape.columns + 63) / 64) + column / 64;
    };
    for (const TensorId id : test::tensors_of(model)) {
      const std::string name = hf_name(id);
      if (!is_packed(id)) {
        add_tensor(writer, *plain, id, "F16", name);
        continue;
      }
      const TensorShape shape = tensor_shape(model, id.role);
      std::string bytes;
      for (uint64_t i = 0; i < shape.rows * shape.columns; ++i) bytes += byte_at(i);
      writer.add(name, "F8_E4M3", {shape.rows, shape.columns}, bytes);
      const std::vector<uint64_t> scales =
          kind == "matrix" ? std::vector<uint64_t>{1}
          : kind == "rows" ? std::vector<uint64_t>{shape.rows, 1}
                           : std::vector{(shape.rows + 127) / 128, (shape.columns + 63) / 64};
      std::vector<float> values(scales[0] * (scales.size() > 1 ? scales[1] : 1));
      for (uint64_t i = 0; i < values.size(); ++i) values[i] = scale_at(i);
      const std::string module = name.substr(0, name.rfind('.'));
      writer.add(module + (kind == "blocks" ? ".weight_scale_inv" : ".weight_scale"), "F32", scales,
                 test::bytes_of(values));
      if (kind == "matrix") writer.add(module + ".input_scale", "F32", {1}, std::string(4, '\1'));
    }
    folder.write("model.safetensors", writer.bytes());
    const auto source = open_hf_checkpoint(folder.path());
    for (const TensorId id : test::tensors_of(model)) {
      if (!is_packed(id)) continue;
      const TensorShape shape = tensor_shape(model, id.role);
      std::vector<float> values(5 * shape.columns);
      source->read_rows(id, 3, 5, values);
      for (uint64_t i = 0; i < values.size(); ++i) {
        const uint64_t at = 3 * shape.columns + i;
        ASSERT_EQ(values[i], value_of(at) * scale_at(scale_index(shape, at)))
            << kind << ' ' << tensor_name(id);
      }
    }
    ASSERT_EQ(source->notes().size(), 1u);
    EXPECT_NE(source->notes()[0].find("weights are FP8"), std::string::npos);
  }
}

TEST(HfCheckpoint, AwqComesOverWithoutLoss) {
  const TemporaryFolder folder;
  const auto matrices = write_quantised(folder, awq_config(128), 128, false, add_awq);
  const auto source = open_hf_checkpoint(folder.path());
  expect_matrices(*source, matrices);
  EXPECT_TRUE(source->notes().empty());
}

TEST(HfCheckpoint, AGroupOfTheWholeRowComesOverWithoutLoss) {
  const TemporaryFolder folder;
  json quantisation = awq_config(128);
  quantisation["group_size"] = -1;
  const auto matrices = write_quantised(folder, quantisation, 0, false, add_awq);
  const auto source = open_hf_checkpoint(folder.path());
  expect_matrices(*source, matrices);
  EXPECT_TRUE(source->notes().empty());
}

TEST(HfCheckpoint, AwqOfOtherGroupsIsDequantisedAndSaysSo) {
  const TemporaryFolder folder;
  const auto matrices = write_quantised(folder, awq_config(64), 64, false, add_awq);
  const auto source = open_hf_checkpoint(folder.path());
  expect_matrices(*source, matrices);
  ASSERT_EQ(source->notes().size(), 1u);
  EXPECT_NE(source->notes()[0].find("groups of 64"), std::string::npos);
}

TEST(HfCheckpoint, GptqComesOverWithoutLossInBothZeroConventions) {
  for (const int stored_minus : {0, 1}) {
    const TemporaryFolder folder;
    const auto add = [&](auto& writer, const auto& module, const auto& m) {
      add_gptq(writer, module, m, stored_minus);
    };
    const auto matrices =
        write_quantised(folder, gptq_config(stored_minus == 1 ? "gptq" : "gptq_v2", false), 128, false, add);
    expect_matrices(*open_hf_checkpoint(folder.path()), matrices);
  }
}

TEST(HfCheckpoint, SymmetricGptqHasZeroPoint8WhateverItsFormatClaims) {
  for (const int stored_minus : {0, 1}) {
    const TemporaryFolder folder;
    const auto add = [&](auto& writer, const auto& module, const auto& m) {
      add_gptq(writer, module, m, stored_minus);
    };
    const auto matrices = write_quantised(folder, gptq_config("gptq", true), 128, true, add);
    expect_matrices(*open_hf_checkpoint(folder.path()), matrices);
  }
  const TemporaryFolder folder;
  const auto add = [](auto& writer, const auto& module, const auto& m) { add_gptq(writer, module, m, 1); };
  write_quantised(folder, gptq_config("gptq", true), 128, false, add);
  EXPECT_REFUSED(open_hf_checkpoint(folder.path()), "qzeros' is not symmetric");
}

TEST(HfCheckpoint, MalformedQuantisedMatricesAreNamed) {
  const auto refusal_of = [](const json& quantisation, const AddMatrix& add) {
    const TemporaryFolder folder;
    write_quantised(folder, quantisation, 128, false, add);
    return test::error_of([&] {
      const auto source = open_hf_checkpoint(folder.path());
      tensor_of(*source, {kQuery, 0});
    });
  };
  const auto contains = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  contains(refusal_of(nullptr, add_awq), "is quantised, but config.json has no quantization_config");
  contains(refusal_of(awq_config(64), add_awq), "qzeros' has shape [2, 16], but config.json implies [4, 16]");
  contains(refusal_of(gptq_config("gptq", false), add_awq), "qweight' has shape");
  contains(refusal_of(awq_config(128),
                      [](auto& writer, const auto& module, Quantised m) {
                        m.scales[1] = 0x7C00;
                        add_awq(writer, module, m);
                      }),
           "layer 0 wq holds infinities");
  contains(refusal_of(gptq_config("gptq", false),
                      [](auto& writer, const auto& module, const Quantised& m) {
                        add_gptq(writer, module, m, 1,
                                 std::vector<int32_t>(m.columns, static_cast<int32_t>(m.groups())));
                      }),
           "g_idx' names group 2 of 2");
}

}  // namespace
}  // namespace brim
