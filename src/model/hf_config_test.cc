#include "model/hf_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/checkpoint_test_util.h"

namespace brim {
namespace {

using nlohmann::json;

json llama_config() {
  return json::parse(R"({
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 100,
    "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "hidden_act": "silu"})");
}

json with(const json& changes) {
  json config = llama_config();
  config.update(changes);
  return config;
}

HfConfig parse(const json& config) { return parse_hf_config(config.dump(), "config.json"); }

std::string refusal(const json& changes) {
  return test::error_of([&] { parse(with(changes)); });
}

#define EXPECT_CONFIG_REFUSED(changes, part) \
  EXPECT_NE(refusal(changes).find(part), std::string::npos) << refusal(changes)

TEST(HfConfig, LlamaFieldsArriveInTheDescription) {
  const ModelDescription model = parse(llama_config()).model;
  EXPECT_EQ(model.dim, 64u);
  EXPECT_EQ(model.layers, 2u);
  EXPECT_EQ(model.heads, 4u);
  EXPECT_EQ(model.kv_heads, 2u);
  EXPECT_EQ(model.head_size, 16u);
  EXPECT_EQ(model.hidden, 96u);
  EXPECT_EQ(model.vocabulary, 100u);
  EXPECT_EQ(model.trained_context, 2048u);
  EXPECT_EQ(model.norm_eps, 1e-5f);
  EXPECT_EQ(model.rope_theta, 10000.0);
  EXPECT_EQ(model.rope_pairing, RopePairing::kHalfSplit);
  EXPECT_EQ(model.rope_scaling.kind, RopeScaling::Kind::kNone);
  EXPECT_FALSE(model.tied_embeddings || model.qkv_bias || model.qk_norm);
}

TEST(HfConfig, MissingAndNullFieldsTakeTheirDefaults) {
  const ModelDescription model =
      parse(with({{"num_key_value_heads", nullptr}, {"head_dim", nullptr}, {"rope_scaling", nullptr}})).model;
  EXPECT_EQ(model.kv_heads, 4u);
  EXPECT_EQ(model.head_size, 16u);
}

// What the configuration classes of transformers say; spelled out once more, so that a slip in the table
// shows.
TEST(HfConfig, AbsentKeysHaveTheDefaultsOfTheFamilysConfiguration) {
  const auto only = [](const char* type) { return parse({{"model_type", type}}); };
  const ModelDescription llama = only("llama").model;
  EXPECT_EQ(std::tuple(llama.dim, llama.layers, llama.heads, llama.kv_heads, llama.head_size, llama.hidden,
                       llama.vocabulary, llama.trained_context, llama.norm_eps),
            std::tuple(4096u, 32u, 32u, 32u, 128u, 11008u, 32000u, 2048u, 1e-6f));
  const ModelDescription mistral = only("mistral").model;
  EXPECT_EQ(std::tuple(mistral.kv_heads, mistral.hidden, mistral.attention_window, mistral.trained_context),
            std::tuple(8u, 14336u, 4096u, 131072u));
  const ModelDescription qwen2 = only("qwen2").model;
  EXPECT_EQ(std::tuple(qwen2.kv_heads, qwen2.hidden, qwen2.vocabulary, qwen2.trained_context),
            std::tuple(32u, 22016u, 151936u, 32768u));
  const ModelDescription phi3 = only("phi3").model;
  EXPECT_EQ(
      std::tuple(phi3.dim, phi3.head_size, phi3.hidden, phi3.vocabulary, phi3.trained_context, phi3.norm_eps),
      std::tuple(3072u, 96u, 8192u, 32064u, 4096u, 1e-5f));
  EXPECT_EQ(only("llama").absent.size(), 6u);
  EXPECT_TRUE(parse(llama_config()).absent.empty());
}

// An absent key has the class's default, null is None.
TEST(HfConfig, NullIsNotTheSameAsAbsent) {
  const json few_heads = {{"model_type", "mistral"}, {"num_attention_heads", 16}};
  json absent = with(few_heads);
  absent.erase("num_key_value_heads");
  EXPECT_EQ(parse(absent).model.kv_heads, 8u);
  json null = absent;
  null["num_key_value_heads"] = nullptr;
  EXPECT_EQ(parse(null).model.kv_heads, 16u);
  absent["max_position_embeddings"] = 32768;
  EXPECT_EQ(parse(absent).model.attention_window, 4096u);
  absent["sliding_window"] = nullptr;
  EXPECT_EQ(parse(absent).model.attention_window, 0u);
}

TEST(HfConfig, OnlyLayersThatSlideHaveTheWindow) {
  const auto qwen = [](const json& changes) {
    json config = with({{"model_type", "qwen2"}, {"use_sliding_window", true}, {"sliding_window", 512}});
    config.update(changes);
    const ModelDescription model = parse(config).model;
    return std::pair(model.window(0), model.window(1));
  };
  using Windows = std::pair<uint32_t, uint32_t>;
  EXPECT_EQ(qwen(json::object()), Windows(0, 0));  // of two layers none is from the 28th on
  EXPECT_EQ(qwen({{"max_window_layers", 1}}), Windows(0, 512));
  EXPECT_EQ(qwen({{"max_window_layers", 0}}), Windows(512, 512));
  EXPECT_EQ(qwen({{"layer_types", {"full_attention", "full_attention"}}}), Windows(0, 0));
  EXPECT_EQ(qwen({{"layer_types", {"sliding_attention", "full_attention"}}}), Windows(512, 0));
  EXPECT_REFUSED(qwen({{"layer_types", {"sliding_attention"}}}),
                 "layer_types has 1 entries, and there are 2 layers");
}

TEST(HfConfig, LayersWithoutRopeAreThoseOfTheListElseEveryFourth) {
  const auto smollm = [](const json& changes) {
    json config = with({{"model_type", "smollm3"}, {"num_hidden_layers", 5}});
    config.update(changes);
    return parse(config).model;
  };
  using Layers = std::vector<bool>;
  const Layers fourth = {false, false, false, true, false};
  EXPECT_EQ(smollm(json::object()).unrotated, fourth);
  EXPECT_EQ(smollm({{"no_rope_layers", nullptr}, {"no_rope_layer_interval", nullptr}}).unrotated, fourth);
  EXPECT_EQ(smollm({{"no_rope_layer_interval", 2}}).unrotated, (Layers{false, true, false, true, false}));
  EXPECT_EQ(smollm({{"no_rope_layers", {0, 1, 1, 0, 1, 0}}}).unrotated,
            (Layers{true, false, false, true, false}));
  EXPECT_EQ(smollm(json::object()).rope_theta, 2e6);
  EXPECT_TRUE(smollm(json::object()).tied_embeddings);
  const json sliding = {{"use_sliding_window", true}, {"sliding_window", 512}};
  EXPECT_EQ(smollm(sliding).window(3), 512u);
  EXPECT_EQ(smollm(sliding).window(2), 0u);
  EXPECT_EQ(smollm({{"sliding_window", 512}}).attention_window, 0u);
  EXPECT_REFUSED(smollm({{"no_rope_layers", {1, 0}}}), "no_rope_layers names 2 layers, and there are 5");
  EXPECT_REFUSED(smollm({{"no_rope_layer_interval", 0}}), "no_rope_layer_interval is 0");
}

TEST(HfConfig, GemmaHasGeluAScaledEmbeddingAndNormsOfOnePlusTheirWeights) {
  const HfConfig gemma = parse(json{{"model_type", "gemma"}, {"hidden_act", "gelu"}});
  EXPECT_EQ(std::tuple(gemma.model.dim, gemma.model.head_size, gemma.model.kv_heads, gemma.model.hidden),
            std::tuple(3072u, 256u, 16u, 24576u));
  EXPECT_TRUE(gemma.model.gelu && gemma.tied && !gemma.model.post_norm && !gemma.sees_images);
  EXPECT_FALSE(gemma.model.tied_embeddings);  // the head lacks the factor
  using enum TensorRole;
  const auto fold = [](const HfConfig& config, TensorRole role) {
    return fold_of(config.model, config.multipliers, role);
  };
  EXPECT_EQ(fold(gemma, kEmbedding).multiply, std::sqrt(3072.0f));
  EXPECT_EQ(fold(gemma, kAttentionNorm), (Fold{.add = 1.0f, .multiply = 1.0f}));
  EXPECT_EQ(fold(gemma, kLmHead), Fold{});
  EXPECT_EQ(fold(gemma, kQuery), Fold{});
}

TEST(HfConfig, Gemma3TurnsTheLayersWithAWindowByABaseOfTheirOwn) {
  json text = {{"model_type", "gemma3_text"},
               {"num_hidden_layers", 7},
               {"sliding_window", 512},
               {"query_pre_attn_scalar", 64},
               {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}};
  const auto check = [](const HfConfig& config, bool sees_images) {
    const ModelDescription& model = config.model;
    EXPECT_EQ(config.sees_images, sees_images);
    EXPECT_EQ(model.windowed, (std::vector<bool>{true, true, true, true, true, false, true}));
    EXPECT_EQ(std::tuple(model.attention_window, model.rope_theta, model.local_rope_theta),
              std::tuple(512u, 1e6, 1e4));
    EXPECT_EQ(model.rope_scaling.factor, 8.0);
    EXPECT_TRUE(model.pre_norm && model.post_norm && model.qk_norm);
    // Scores times 1 / sqrt(64), where heads of 256 have 1 / sqrt(256).
    EXPECT_EQ(fold_of(model, config.multipliers, TensorRole::kQueryNorm),
              (Fold{.add = 1.0f, .multiply = 2.0f}));
    EXPECT_EQ(fold_of(model, config.multipliers, TensorRole::kKeyNorm),
              (Fold{.add = 1.0f, .multiply = 1.0f}));
  };
  check(parse(text), false);
  check(parse(json{{"model_type", "gemma3"}, {"text_config", text}}), true);
  text["rope_local_base_freq"] = 2e4;
  text["sliding_window_pattern"] = 2;
  EXPECT_EQ(parse(text).model.local_rope_theta, 2e4);
  EXPECT_EQ(parse(text).model.windowed, (std::vector<bool>{true, false, true, false, true, false, true}));
}

TEST(HfConfig, Olmo3ScalesTheRopeOfEveryFourthLayerAloneWhichSeesAllPositions) {
  const auto olmo = [](const json& changes) {
    json config = with({{"model_type", "olmo3"}, {"num_hidden_layers", 5}, {"sliding_window", 1024}});
    config.erase("num_key_value_heads");
    config.update(changes);
    return parse(config).model;
  };
  using Layers = std::vector<bool>;
  using enum RopeTable;
  const json yarn = {{"rope_type", "yarn"}, {"factor", 8.0}, {"original_max_position_embeddings", 512}};
  const ModelDescription model = olmo({{"rope_scaling", yarn}});
  EXPECT_EQ(model.windowed, (Layers{true, true, true, false, true}));
  EXPECT_EQ(model.attention_window, 1024u);
  EXPECT_EQ(model.local_rope_theta, model.rope_theta);
  EXPECT_EQ(model.rope_table(0), kLocal);
  EXPECT_EQ(model.rope_table(3), kUsual);
  EXPECT_EQ(rope_tables(model), (std::vector{kUsual, kLocal}));
  EXPECT_EQ(rope_tables(olmo(json::object())), std::vector{kUsual});  // nothing to leave out
  const json full =
      json::array({"full_attention", "full_attention", "full_attention", "full_attention", "full_attention"});
  const ModelDescription all_full = olmo({{"layer_types", full}, {"rope_scaling", yarn}});
  EXPECT_EQ(all_full.attention_window, 0u);
  EXPECT_EQ(rope_tables(all_full), std::vector{kUsual});
  const ModelDescription of_kinds =
      olmo({{"rope_parameters", {{"full_attention", yarn}, {"sliding_attention", {{"rope_theta", 5e4}}}}}});
  EXPECT_EQ(of_kinds.rope_scaling.kind, RopeScaling::Kind::kYarn);
  EXPECT_EQ(of_kinds.local_rope_theta, of_kinds.rope_theta);
  EXPECT_REFUSED(olmo({{"layer_types", {"full_attention"}}}), "layer_types has 1 entries, and there are 5");
  EXPECT_REFUSED(olmo({{"layer_types", {"a", "b", "c", "d", "e"}}}), "layer_types: 'a' is not supported");
  EXPECT_REFUSED(olmo({{"rope_parameters", {{"sliding_attention", yarn}}}}),
                 "RoPE scaling in the layers with a window");
}

TEST(HfConfig, Olmo2HasNormsBehindAttentionAndFfnAlone) {
  json config = with({{"model_type", "olmo2"}});
  config.erase("num_key_value_heads");
  const ModelDescription model = parse(config).model;
  EXPECT_TRUE(model.post_norm && model.qk_norm && model.norm_all_heads);
  EXPECT_FALSE(model.pre_norm);
  EXPECT_CONFIG_REFUSED((json{{"model_type", "olmo2"}}), "norms over all heads of q and k");
}

TEST(HfConfig, LongRopeIsReadUnderAllItsNames) {
  const std::vector<float> pairs(8, 1.5f);
  for (const char* name : {"longrope", "su", "yarn"}) {
    json config = with({{"model_type", "phi3"}, {"original_max_position_embeddings", 512}});
    config["rope_scaling"] = {
        {"type", name}, {"short_factor", pairs}, {"long_factor", std::vector<float>(8, 4.0f)}};
    const RopeScaling scaling = parse(config).model.rope_scaling;
    EXPECT_EQ(scaling.kind, RopeScaling::Kind::kLongRope);
    EXPECT_EQ(scaling.factor, 4.0);
    EXPECT_EQ(scaling.original_context, 512.0);
    EXPECT_EQ(scaling.short_factors, pairs);
  }
  json config = with({{"model_type", "phi3"}});
  config["rope_scaling"] = {{"type", "su"}, {"short_factor", pairs}};
  EXPECT_REFUSED(parse(config), "long_factor is missing");
  config["rope_scaling"]["long_factor"] = std::vector<float>(7, 1.0f);
  EXPECT_REFUSED(parse(config), "7 factors, but a head of 16 has 8 pairs");
}

TEST(HfConfig, QwenFamiliesSwitchBiasesAndHeadNorms) {
  const ModelDescription qwen2 = parse(with({{"model_type", "qwen2"}, {"sliding_window", 512}})).model;
  EXPECT_TRUE(qwen2.qkv_bias);
  EXPECT_FALSE(qwen2.qk_norm);
  EXPECT_EQ(qwen2.attention_window, 0u);  // use_sliding_window is off
  const ModelDescription qwen3 = parse(with({{"model_type", "qwen3"}})).model;
  EXPECT_FALSE(qwen3.qkv_bias);
  EXPECT_TRUE(qwen3.qk_norm);
  EXPECT_EQ(qwen3.head_size, 128u);
}

TEST(HfConfig, ASlidingWindowLeavesTheContextAsItIs) {
  const auto mistral = [](json window) {
    return parse(with({{"model_type", "mistral"}, {"sliding_window", window}})).model;
  };
  EXPECT_EQ(mistral(nullptr).attention_window, 0u);
  EXPECT_EQ(mistral(1024).attention_window, 1024u);
  EXPECT_EQ(mistral(1024).window(1), 1024u);
  EXPECT_EQ(mistral(1024).trained_context, 2048u);
}

TEST(HfConfig, RopeIsReadFromOldAndNewKeys) {
  const json llama3 = {{"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 512}};
  json old_type = llama3, old_rope_type = llama3, new_parameters = llama3;
  old_type["type"] = "llama3";
  old_rope_type["rope_type"] = "llama3";
  new_parameters["rope_type"] = "llama3";
  new_parameters["rope_theta"] = 500000.0;
  for (const json& config : {with({{"rope_theta", 500000.0}, {"rope_scaling", old_type}}),
                             with({{"rope_theta", 500000.0}, {"rope_scaling", old_rope_type}}),
                             with({{"rope_parameters", new_parameters}})}) {
    const ModelDescription model = parse(config).model;
    EXPECT_EQ(model.rope_theta, 500000.0);
    EXPECT_EQ(model.rope_scaling.kind, RopeScaling::Kind::kLlama3);
    EXPECT_EQ(model.rope_scaling.factor, 8.0);
    EXPECT_EQ(model.rope_scaling.original_context, 512.0);
  }
}

TEST(HfConfig, LinearAndYarnScalingAreRead) {
  const auto scaling = [](const json& value) {
    return parse(with({{"rope_scaling", value}})).model.rope_scaling;
  };
  EXPECT_EQ(scaling({{"type", "linear"}, {"factor", 2}}).kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(scaling({{"rope_type", "default"}}).kind, RopeScaling::Kind::kNone);
  const RopeScaling yarn =
      scaling({{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 512}});
  EXPECT_EQ(yarn.kind, RopeScaling::Kind::kYarn);
  EXPECT_EQ(yarn.factor, 4.0);
  EXPECT_EQ(yarn.original_context, 512.0);
  EXPECT_EQ(yarn.attention_factor, 0.0);
  const RopeScaling without_factor = scaling({{"type", "yarn"}, {"original_max_position_embeddings", 512}});
  EXPECT_EQ(without_factor.factor, 2048.0 / 512.0);
  const RopeScaling mscale =
      scaling({{"type", "yarn"}, {"factor", 4.0}, {"mscale", 2.0}, {"mscale_all_dim", 0.5}});
  EXPECT_NEAR(mscale.attention_factor, (0.2 * std::log(4.0) + 1.0) / (0.05 * std::log(4.0) + 1.0), 1e-12);
}

TEST(HfConfig, UnsupportedModelsAreRefusedByName) {
  EXPECT_CONFIG_REFUSED((json{{"model_type", "gemma2"}}),
                        "config.json: model_type 'gemma2' needs soft-capped scores and logits");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "gemma"}, {"hidden_act", "relu"}}),
                        "hidden_act 'relu' is not supported; only gelu_pytorch_tanh is");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "gemma3_text"}, {"hidden_activation", "gelu"}}),
                        "hidden_activation 'gelu'");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "gemma3_text"}, {"final_logit_softcapping", 30.0}}),
                        "final_logit_softcapping: soft-capping");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "gemma3_text"}, {"use_bidirectional_attention", true}}),
                        "use_bidirectional_attention");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "gemma3"}}), "text_config is missing");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "mamba"}}),
                        "model_type 'mamba' is not supported; known are llama");
  EXPECT_CONFIG_REFUSED((json{{"num_local_experts", 8}}),
                        "num_local_experts: experts are not supported in a llama");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "deepseek_v3"}}),
                        "'deepseek_v3' needs a choice of experts by groups");
  const auto moe = [](json more) {
    more["model_type"] = "qwen3_moe";
    return more;
  };
  EXPECT_CONFIG_REFUSED(moe({{"n_group", 8}}), "n_group: a choice of experts by groups");
  EXPECT_CONFIG_REFUSED(moe({{"mlp_only_layers", {0}}}), "some layers have no experts");
  EXPECT_CONFIG_REFUSED(moe({{"num_experts_per_tok", 200}}), "experts_per_token is 200");
  EXPECT_CONFIG_REFUSED((json{{"model_type", "olmoe"}, {"clip_qkv", 8.0}}), "clip_qkv");
  EXPECT_CONFIG_REFUSED(
      (json{{"model_type", "olmoe"}, {"num_attention_heads", 16}, {"num_key_value_heads", 8}}),
      "norms over all heads of q and k");
  EXPECT_CONFIG_REFUSED((json{{"hidden_act", "gelu"}}), "hidden_act 'gelu'");
  EXPECT_CONFIG_REFUSED((json{{"mlp_bias", true}}), "mlp_bias");
  EXPECT_CONFIG_REFUSED((json{{"partial_rotary_factor", 0.5}}), "partial_rotary_factor");
  EXPECT_CONFIG_REFUSED((json{{"rope_interleaved", true}}), "rope_interleaved");
  EXPECT_CONFIG_REFUSED((json{{"pretraining_tp", 2}}), "pretraining_tp 2");
  EXPECT_CONFIG_REFUSED((json{{"rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}}}}),
                        "RoPE scaling 'dynamic'");
  EXPECT_CONFIG_REFUSED((json{{"rope_parameters", {{"sliding_attention", json::object()}}}}),
                        "differ between layers");
  EXPECT_CONFIG_REFUSED((json{{"rope_scaling", {{"type", "llama3"}, {"factor", 2.0}}}}),
                        "low_freq_factor is missing");
}

TEST(HfConfig, MalformedFieldsAreNamed) {
  EXPECT_CONFIG_REFUSED((json{{"hidden_size", "64"}}), "config.json: hidden_size must be an unsigned");
  EXPECT_CONFIG_REFUSED((json{{"hidden_size", -64}}), "hidden_size must be an unsigned");
  EXPECT_CONFIG_REFUSED((json{{"hidden_size", 64.5}}), "hidden_size must be an unsigned");
  EXPECT_CONFIG_REFUSED((json{{"hidden_size", 1ull << 40}}), "hidden_size must be an unsigned");
  EXPECT_CONFIG_REFUSED((json{{"hidden_size", nullptr}}), "hidden_size is null");
  EXPECT_CONFIG_REFUSED((json{{"hidden_size", 0}}), "hidden_size is 0");
  EXPECT_CONFIG_REFUSED((json{{"hidden_size", 66}}), "does not divide hidden_size");
  EXPECT_CONFIG_REFUSED((json{{"num_attention_heads", 0}}), "num_attention_heads is 0");
  EXPECT_CONFIG_REFUSED((json{{"max_position_embeddings", 0}}), "max_position_embeddings is 0");
  EXPECT_CONFIG_REFUSED((json{{"rms_norm_eps", 5}}), "norm_eps is 5, which must be below 1");
  EXPECT_CONFIG_REFUSED((json{{"rms_norm_eps", 1e-60}}), "norm_eps is 0, which must be positive");
  EXPECT_CONFIG_REFUSED((json{{"rms_norm_eps", nullptr}}), "rms_norm_eps is null");
  EXPECT_CONFIG_REFUSED((json{{"rope_scaling", {{"type", "yarn"}, {"factor", 2}, {"beta_fast", 1}}}}),
                        "beta_fast (1) must be above beta_slow (1)");
  EXPECT_CONFIG_REFUSED((json{{"num_key_value_heads", 3}}), "kv_heads (3) must divide heads (4)");
  EXPECT_CONFIG_REFUSED((json{{"tie_word_embeddings", 1}}), "tie_word_embeddings must be true or false");
  EXPECT_CONFIG_REFUSED((json{{"rope_scaling", 3}}), "rope_scaling must be an object");
  EXPECT_REFUSED(parse_hf_config("{", "config.json"), "config.json: is not whole JSON");
  EXPECT_REFUSED(parse_hf_config("[]", "config.json"), "config.json: no JSON object");
  EXPECT_REFUSED(parse_hf_config("{}", "config.json"), "model_type is missing");
}

TEST(HfConfig, QuantisationIsReadAndOtherKindsAreRefusedByName) {
  const json awq = {
      {"quant_method", "awq"}, {"bits", 4}, {"group_size", 128}, {"version", "GEMM"}, {"zero_point", true}};
  const auto changed = [](json quantisation, const char* key, const json& value) {
    quantisation[key] = value;
    return json{{"quantization_config", quantisation}};
  };
  const auto read = parse(with({{"quantization_config", awq}})).quantisation;
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->method, QuantisationConfig::Method::kAwq);
  EXPECT_EQ(read->group, 128u);
  EXPECT_CONFIG_REFUSED(changed(awq, "quant_method", "bitsandbytes"), "quant_method 'bitsandbytes'");
  EXPECT_CONFIG_REFUSED(changed(awq, "bits", 8), "8-bit weights");
  EXPECT_EQ(parse(with(changed(awq, "version", "gemv"))).quantisation->method,
            QuantisationConfig::Method::kAwqGemv);
  EXPECT_CONFIG_REFUSED(changed(awq, "version", "gemv_fast"), "AWQ version 'gemv_fast'");
  EXPECT_CONFIG_REFUSED(changed(awq, "zero_point", false), "AWQ without zero_point");
  EXPECT_CONFIG_REFUSED(changed(awq, "group_size", 12), "group_size 12");
  EXPECT_EQ(parse(with(changed(awq, "group_size", -1))).quantisation->group, kWholeRow);
  EXPECT_EQ(parse(with({{"quantization_config", {{"quant_method", "awq"}}}})).quantisation->group, 128u);

  const json gptq = {
      {"quant_method", "gptq"}, {"bits", 4}, {"group_size", 128}, {"desc_act", false}, {"sym", false}};
  EXPECT_EQ(parse(with({{"quantization_config", gptq}})).quantisation->method,
            QuantisationConfig::Method::kGptq);
  EXPECT_EQ(parse(with(changed(gptq, "checkpoint_format", "gptq_v2"))).quantisation->method,
            QuantisationConfig::Method::kGptq2);
  EXPECT_CONFIG_REFUSED(changed(gptq, "is_marlin_format", true), "is_marlin_format");
  EXPECT_NO_THROW(parse(with(changed(gptq, "desc_act", true))));
  EXPECT_CONFIG_REFUSED(changed(gptq, "checkpoint_format", "marlin"), "checkpoint_format 'marlin'");

  const auto compressed = [](const json& weights, const char* format) {
    return json{{"quantization_config",
                 {{"quant_method", "compressed-tensors"},
                  {"format", format},
                  {"config_groups", {{"group_0", {{"weights", weights}}}}}}}};
  };
  EXPECT_CONFIG_REFUSED(compressed({{"num_bits", 8}}, "pack-quantized"),
                        "8-bit int weights are not supported");
  EXPECT_CONFIG_REFUSED(compressed({{"num_bits", 4}}, "marlin-24"), "format 'marlin-24'");
  EXPECT_CONFIG_REFUSED(compressed({{"num_bits", 4}, {"strategy", "tensor"}}, "pack-quantized"),
                        "strategy 'tensor'");
  EXPECT_CONFIG_REFUSED(
      (json{{"quantization_config", {{"quant_method", "compressed-tensors"}, {"format", "pack-quantized"}}}}),
      "config_groups is missing");
  EXPECT_CONFIG_REFUSED((json{{"quantization_config", {{"quant_method", "fp8"}, {"fmt", "e5m2"}}}}),
                        "fmt 'e5m2'");
  EXPECT_CONFIG_REFUSED((json{{"quantization_config", json::object()}}), "quant_method is missing");
}

TEST(HfConfig, TinyLlamaIsRead) {
  const std::string path = std::string(BRIM_SHARED_DATA) + "/tokenizer/tinyllama_config.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const ModelDescription model = parse_hf_config(test::read_file(path), path).model;
  EXPECT_EQ(model.layers, 22u);
  EXPECT_EQ(model.kv_heads, 4u);
  EXPECT_EQ(model.head_size, 64u);
  EXPECT_EQ(model.hidden, 5632u);
}

}  // namespace
}  // namespace brim
