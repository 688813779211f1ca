#include "model/gguf_checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/checkpoint_test_util.h"
#include "model/fp32_forward.h"
#include "model/synthetic.h"
#include "numerics/fp16.h"
#include "tests/support/model_shape.h"

namespace brim {
namespace {

using test::GgufWriter;
using test::TemporaryFolder;
using test::tensor_of;
using enum TensorRole;

ModelDescription small_model() { return test::model_shape("small", 64, {2, 1, 32}, 96, 40, 64); }

// Spelled out once more, so that a slip in the reader's table shows.
std::string gguf_name(TensorId id) {
  static const std::map<TensorRole, std::string> kNames = {
      {kEmbedding, "token_embd.weight"}, {kFinalNorm, "output_norm.weight"},
      {kLmHead, "output.weight"},        {kAttentionNorm, "attn_norm.weight"},
      {kFfnNorm, "ffn_norm.weight"},     {kQuery, "attn_q.weight"},
      {kKey, "attn_k.weight"},           {kValue, "attn_v.weight"},
      {kQueryBias, "attn_q.bias"},       {kKeyBias, "attn_k.bias"},
      {kValueBias, "attn_v.bias"},       {kQueryNorm, "attn_q_norm.weight"},
      {kKeyNorm, "attn_k_norm.weight"},  {kAttentionOut, "attn_output.weight"},
      {kGate, "ffn_gate.weight"},        {kUp, "ffn_up.weight"},
      {kDown, "ffn_down.weight"}};
  return (is_per_layer(id.role) ? concat("blk.", id.layer, ".") : "") + kNames.at(id.role);
}

void add_metadata(GgufWriter& writer, const ModelDescription& model, const std::string& arch) {
  writer.text("general.architecture", arch);
  writer.text("general.name", model.name);
  writer.count(arch + ".block_count", model.layers);
  writer.count(arch + ".embedding_length", model.dim);
  writer.count(arch + ".feed_forward_length", model.hidden);
  writer.count(arch + ".attention.head_count", model.heads);
  writer.count(arch + ".attention.head_count_kv", model.kv_heads);
  writer.count(arch + ".attention.key_length", model.head_size);
  writer.count(arch + ".context_length", model.trained_context);
  writer.number(arch + ".attention.layer_norm_rms_epsilon", model.norm_eps);
  writer.number(arch + ".rope.freq_base", static_cast<float>(model.rope_theta));
}

// Q8_0 as its definition has it: d = max / 127.
std::string to_q8_0(const std::vector<float>& values) {
  std::string bytes;
  for (size_t start = 0; start < values.size(); start += 32) {
    float max = 0.0f;
    for (size_t i = 0; i < 32; ++i) max = std::max(max, std::abs(values[start + i]));
    const uint16_t d = float_to_fp16(max / 127.0f);
    test::append(bytes, d);
    for (size_t i = 0; i < 32; ++i) {
      const float q = std::round(values[start + i] / fp16_to_float(d));
      test::append(bytes, static_cast<int8_t>(std::clamp(q, -127.0f, 127.0f)));
    }
  }
  return bytes;
}

void add_tensors(GgufWriter& writer, const TensorSource& source, bool quantise) {
  const ModelDescription& model = source.description();
  for (const TensorId id : test::tensors_of(model)) {
    if (id.role == kLmHead && model.tied_embeddings) continue;
    const TensorShape shape = tensor_shape(model, id.role);
    const std::vector<float> values = tensor_of(source, id);
    if (is_vector(id.role)) {
      writer.tensor(gguf_name(id), 0, {shape.columns}, test::bytes_of(values));
    } else {
      writer.tensor(gguf_name(id), quantise ? 8 : 0, {shape.columns, shape.rows},
                    quantise ? to_q8_0(values) : test::bytes_of(values));
    }
  }
}

std::unique_ptr<TensorSource> open_written(const TemporaryFolder& folder, const GgufWriter& writer) {
  return open_model(folder.write("model.gguf", writer.bytes()));
}

TEST(GgufCheckpoint, TheForeignTinyModelLoadsWithItsTokenizer) {
  const std::string path = std::string(BRIM_SHARED_DATA) + "/gguf-tiny/tiny_gguf_model.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const auto source = open_model(path);
  const ModelDescription& model = source->description();
  EXPECT_EQ(model.name, "tiny_gguf_model");
  EXPECT_EQ(model.dim, 8u);
  EXPECT_EQ(model.layers, 1u);
  EXPECT_EQ(model.heads, 4u);
  EXPECT_EQ(model.kv_heads, 2u);
  EXPECT_EQ(model.hidden, 10u);
  EXPECT_EQ(model.vocabulary, 7u);
  EXPECT_FALSE(model.tied_embeddings);
  EXPECT_EQ(model.rope_pairing, RopePairing::kAdjacent);
  EXPECT_NEAR(tensor_of(*source, {kEmbedding})[0], 0.43f, 1e-6f);  // the first number of the data
  const auto tokenizer = source->embedded_tokenizer();
  ASSERT_TRUE(tokenizer.has_value());
  EXPECT_EQ(tokenizer->model, "llama");
  EXPECT_EQ(tokenizer->tokens,
            (std::vector<std::string>{"<unk>", "<s>", "</s>", "h", "i", "\xE2\x96\x81", "<0x41>"}));
  EXPECT_EQ(tokenizer->types, (std::vector<int32_t>{2, 3, 3, 1, 1, 1, 1}));
  EXPECT_EQ(tokenizer->bos, 1u);
  EXPECT_EQ(tokenizer->eos, 2u);
  Fp32Forward forward(*source);
  for (const float logit : forward.step(1)) EXPECT_TRUE(std::isfinite(logit));
}

TEST(GgufCheckpoint, EveryFamilyReadsBack) {
  ModelDescription qwen2 = small_model();
  qwen2.qkv_bias = true;
  ModelDescription qwen3 = small_model();
  qwen3.qk_norm = true;
  qwen3.tied_embeddings = true;
  for (const auto& [model, arch] :
       {std::pair{small_model(), "llama"}, std::pair{qwen2, "qwen2"}, std::pair{qwen3, "qwen3"}}) {
    const TemporaryFolder folder;
    const auto expected = make_synthetic(model, 1);
    GgufWriter writer;
    add_metadata(writer, model, arch);
    add_tensors(writer, *expected, false);
    const auto source = open_written(folder, writer);
    const ModelDescription& read = source->description();
    EXPECT_EQ(read.rope_pairing,
              arch == std::string("llama") ? RopePairing::kAdjacent : RopePairing::kHalfSplit);
    EXPECT_EQ(read.qkv_bias, model.qkv_bias);
    EXPECT_EQ(read.qk_norm, model.qk_norm);
    EXPECT_EQ(read.tied_embeddings, model.tied_embeddings);
    EXPECT_TRUE(source->notes().empty());
    EXPECT_FALSE(source->embedded_tokenizer().has_value());
    for (const TensorId id : test::tensors_of(model))
      EXPECT_EQ(tensor_of(*source, id), tensor_of(*expected, id));
  }
}

TEST(GgufCheckpoint, QuantisedMatricesAreDequantisedRowByRowAndSaidSo) {
  const TemporaryFolder folder;
  const auto expected = make_synthetic(small_model(), 1);
  GgufWriter writer;
  add_metadata(writer, small_model(), "llama");
  add_tensors(writer, *expected, true);
  const auto source = open_written(folder, writer);
  const std::vector<float> exact = tensor_of(*expected, {kDown, 1});
  std::vector<float> row(96);
  source->read_rows({kDown, 1}, 17, 1, row);
  for (size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(row[i], exact[17 * 96 + i], 0.002f);
  ASSERT_EQ(source->notes().size(), 1u);
  EXPECT_EQ(source->notes()[0], "weights are Q8_0: they are dequantised, and quantised again when packing");
}

TEST(GgufCheckpoint, RopeScalingIsReadFromMetadata) {
  const auto scaling = [](const std::function<void(GgufWriter&)>& add) {
    const TemporaryFolder folder;
    GgufWriter writer;
    add_metadata(writer, small_model(), "llama");
    add(writer);
    add_tensors(writer, *make_synthetic(small_model(), 1), false);
    return open_written(folder, writer)->description().rope_scaling;
  };
  EXPECT_EQ(scaling([](auto& w) { w.text("llama.rope.scaling.type", "none"); }).kind,
            RopeScaling::Kind::kNone);
  EXPECT_EQ(scaling([](auto& w) { w.number("llama.rope.scale_linear", 2.0f); }).factor, 2.0);
  const RopeScaling yarn = scaling([](auto& w) {
    w.text("llama.rope.scaling.type", "yarn");
    w.number("llama.rope.scaling.factor", 4.0f);
    w.count("llama.rope.scaling.original_context_length", 16);
  });
  EXPECT_EQ(yarn.kind, RopeScaling::Kind::kYarn);
  EXPECT_EQ(yarn.factor, 4.0);
  EXPECT_EQ(yarn.original_context, 16.0);
  EXPECT_REFUSED(scaling([](auto& w) { w.text("llama.rope.scaling.type", "longrope"); }),
                 "tensor 'rope_factors_short.weight' is missing");
  EXPECT_REFUSED(scaling([](auto& w) { w.text("llama.rope.scaling.type", "magic"); }),
                 "RoPE scaling 'magic'");
  // Without a type the factor is linear, as in llama.cpp.
  const RopeScaling untyped = scaling([](auto& w) { w.number("llama.rope.scaling.factor", 2.0f); });
  EXPECT_EQ(untyped.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(untyped.factor, 2.0);
}

TEST(GgufCheckpoint, Llama3ScalingIsRecognisedInTheTensorOfDivisors) {
  ModelDescription model = small_model();
  model.rope_theta = 500000.0;
  ModelDescription scaled = model;
  scaled.rope_scaling = {.kind = RopeScaling::Kind::kLlama3,
                         .factor = 8.0,
                         .low_freq_factor = 1.0,
                         .high_freq_factor = 4.0,
                         .original_context = 8192.0};
  std::vector<float> divisors;
  for (size_t i = 0; i < 16; ++i) {
    divisors.push_back(static_cast<float>(rope_frequencies(model).radians_per_position[i] /
                                          rope_frequencies(scaled).radians_per_position[i]));
  }
  ASSERT_EQ(divisors.front(), 1.0f);
  ASSERT_EQ(divisors.back(), 8.0f);
  const auto open = [&] {
    const TemporaryFolder folder;
    GgufWriter writer;
    add_metadata(writer, model, "llama");
    writer.tensor("rope_freqs.weight", 0, {16}, test::bytes_of(divisors));
    add_tensors(writer, *make_synthetic(model, 1), false);
    return open_written(folder, writer);
  };
  const RopeScaling read = open()->description().rope_scaling;
  EXPECT_EQ(read.kind, RopeScaling::Kind::kLlama3);
  EXPECT_EQ(read.factor, 8.0);
  EXPECT_EQ(read.original_context, 8192.0);
  divisors[3] = 1.5f;
  EXPECT_REFUSED(open(), "is not the RoPE scaling of Llama 3.1");
}

TEST(GgufCheckpoint, UnsupportedModelsAreRefusedByName) {
  const auto open = [](const std::string& arch, const std::function<void(GgufWriter&)>& add) {
    const TemporaryFolder folder;
    GgufWriter writer;
    add_metadata(writer, small_model(), arch);
    add(writer);
    add_tensors(writer, *make_synthetic(small_model(), 1), false);
    open_written(folder, writer);
  };
  const auto nothing = [](GgufWriter&) {};
  EXPECT_NO_THROW(open("llama", nothing));
  EXPECT_REFUSED(open("gemma2", nothing), "model.gguf: architecture 'gemma2' needs soft-capped scores");
  EXPECT_REFUSED(open("llama", [](auto& w) { w.count("llama.expert_count", 8); }), "expert_used_count");
  EXPECT_REFUSED(open("deepseek2", nothing), "'deepseek2' needs a choice of experts by groups");
  EXPECT_REFUSED(open("llama", [](auto& w) { w.count("llama.rope.dimension_count", 16); }),
                 "rope.dimension_count");
  EXPECT_REFUSED(open("llama", [](auto& w) { w.count("llama.attention.value_length", 16); }),
                 "different sizes");
  EXPECT_REFUSED(
      open("llama", [](auto& w) { w.tensor("blk.0.attn_output.bias", 0, {64}, std::string(256, 'x')); }),
      "tensor 'blk.0.attn_output.bias' has no place");
  EXPECT_REFUSED(open("llama",
                      [](auto& w) {
                        w.texts("tokenizer.ggml.tokens", {"a", "b"});
                      }),
                 "2 tokens, but 40 rows");
}

TEST(GgufCheckpoint, MissingMisshapenAndUnreadableTensorsAreNamed) {
  const auto source = make_synthetic(small_model(), 1);
  const auto open_with = [&](uint32_t type, const std::vector<uint64_t>& sizes, size_t bytes) {
    const TemporaryFolder folder;
    GgufWriter writer;
    add_metadata(writer, small_model(), "llama");
    for (const TensorId id : test::tensors_of(small_model())) {
      const TensorShape shape = tensor_shape(small_model(), id.role);
      if (id == TensorId{kUp, 1}) {
        if (!sizes.empty()) writer.tensor(gguf_name(id), type, sizes, std::string(bytes, '\0'));
        continue;
      }
      writer.tensor(gguf_name(id), 0,
                    is_vector(id.role) ? std::vector{shape.columns} : std::vector{shape.columns, shape.rows},
                    test::bytes_of(tensor_of(*source, id)));
    }
    open_written(folder, writer);
  };
  EXPECT_NO_THROW(open_with(0, {64, 96}, 64 * 96 * 4));
  EXPECT_REFUSED(open_with(0, {}, 0), "tensor 'blk.1.ffn_up.weight' is missing");
  EXPECT_REFUSED(open_with(0, {96, 64}, 64 * 96 * 4), "'blk.1.ffn_up.weight' has another shape");
  EXPECT_REFUSED(open_with(20, {64, 96}, 64 * 96 / 32 * 18),
                 "'blk.1.ffn_up.weight' is IQ4_NL, which is not read");
  EXPECT_REFUSED(open_with(99, {64, 96}, 0), "'blk.1.ffn_up.weight' is type 99, which is not read");
}

TEST(GgufCheckpoint, PartsOfASplitModelAreReadTogether) {
  const auto source = make_synthetic(small_model(), 1);
  std::array<GgufWriter, 2> writers;
  add_metadata(writers[0], small_model(), "llama");
  for (uint32_t part = 0; part < 2; ++part) {
    writers[part].count("split.no", part);
    writers[part].count("split.count", 2);
    writers[part].count("split.tensors.count", static_cast<uint32_t>(test::tensors_of(small_model()).size()));
  }
  for (const TensorId id : test::tensors_of(small_model())) {
    const TensorShape shape = tensor_shape(small_model(), id.role);
    writers[id.layer % 2].tensor(
        gguf_name(id), 0,
        is_vector(id.role) ? std::vector{shape.columns} : std::vector{shape.columns, shape.rows},
        test::bytes_of(tensor_of(*source, id)));
  }
  const TemporaryFolder folder;
  const std::string first = folder.write("model-00001-of-00002.gguf", writers[0].bytes());
  EXPECT_REFUSED(open_model(first), "model-00002-of-00002.gguf: is missing, part 2 of 2");
  const std::string second = folder.write("model-00002-of-00002.gguf", writers[1].bytes());
  const auto read = open_model(first);
  for (const TensorId id : test::tensors_of(small_model()))
    EXPECT_EQ(tensor_of(*read, id), tensor_of(*source, id));
  EXPECT_REFUSED(open_model(second), "is part 2 of 2: give the first part, ");
  EXPECT_REFUSED(open_model(folder.write("renamed.gguf", writers[0].bytes())),
                 "which are found by their names");
  writers[1].tensor("blk.0.attn_norm.weight", 0, {64}, std::string(256, '\0'));
  folder.write("model-00002-of-00002.gguf", writers[1].bytes());
  EXPECT_REFUSED(open_model(first), "its parts hold");
}

TEST(GgufCheckpoint, ZerosAndPointersAreNamedForWhatTheyAre) {
  const TemporaryFolder folder;
  EXPECT_REFUSED(
      open_model(folder.write("model.gguf", "version https://git-lfs.github.com/spec/v1\noid sha256:0")),
      "is a Git LFS pointer");
  GgufWriter writer;
  ModelDescription model = small_model();
  model.heads = 0;
  add_metadata(writer, model, "llama");
  add_tensors(writer, *make_synthetic(small_model(), 1), false);
  EXPECT_REFUSED(open_written(folder, writer), "'llama.attention.head_count' is 0");
}

TEST(GgufTokenizer, ArraysThatDoNotFitTogetherAreRefused) {
  const auto read = [](const std::function<void(GgufWriter&)>& add) {
    GgufWriter writer;
    writer.texts("tokenizer.ggml.tokens", {"a", "b"});
    add(writer);
    const std::string bytes = writer.bytes();
    return gguf_tokenizer(parse_gguf(test::as_bytes(bytes), "file"), "file");
  };
  const auto whole = read([](auto& w) {
    w.text("tokenizer.ggml.model", "gpt2");
    w.text("tokenizer.ggml.pre", "qwen2");
    w.numbers("tokenizer.ggml.scores", {0.0f, -1.0f});
    w.texts("tokenizer.ggml.merges", {"a b"});
    w.flag("tokenizer.ggml.add_bos_token", false);
    w.text("tokenizer.chat_template", "{{ x }}");
  });
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->pre, "qwen2");
  EXPECT_EQ(whole->scores, (std::vector<float>{0.0f, -1.0f}));
  EXPECT_EQ(whole->merges, (std::vector<std::string>{"a b"}));
  EXPECT_EQ(whole->add_bos, false);
  EXPECT_EQ(whole->chat_templates,
            (std::vector<std::pair<std::string, std::string>>{{"default", "{{ x }}"}}));
  EXPECT_REFUSED(read([](auto& w) { w.numbers("tokenizer.ggml.scores", {0.0f}); }), "not of one length");
  EXPECT_REFUSED(read([](auto& w) { w.count("tokenizer.ggml.bos_token_id", 2); }),
                 "special token 2 does not exist");
}

}  // namespace
}  // namespace brim
