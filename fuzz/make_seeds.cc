// Writes small sound inputs for each fuzzing target: fuzz_seeds CORPUS_DIRECTORY.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "board/board.h"
#include "image/card/sd_card.h"
#include "image/pack.h"
#include "model/checkpoint_writers.h"
#include "model/ggml_types.h"
#include "model/synthetic.h"
#include "tokenizer/blob_writer.h"
#include "tokenizer/sources.h"

namespace {

using namespace brim;

std::filesystem::path root;

void write_seed(const std::string& target, const std::string& name, const std::string& content) {
  std::filesystem::create_directories(root / target);
  std::ofstream(root / target / name, std::ios::binary) << content;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Small, because small inputs fuzz fast: `width` needs to be 128 only for groups of 128.
ModelDescription tiny_model(uint32_t width) {
  ModelDescription model;
  model.name = "tiny";
  model.dim = width;
  model.layers = 1;
  model.heads = 2;
  model.kv_heads = 1;
  model.head_size = width / 2;
  model.hidden = width;
  model.vocabulary = 8;
  model.trained_context = 16;
  model.tied_embeddings = true;
  return model;
}

std::string values_of(const TensorSource& source, TensorRole role) {
  const TensorShape shape = tensor_shape(source.description(), role);
  std::vector<float> values(shape.rows * shape.columns);
  source.read_rows({role}, 0, shape.rows, values);
  return test::bytes_of(values);
}

constexpr TensorRole kFileRoles[] = {
    TensorRole::kEmbedding, TensorRole::kAttentionNorm, TensorRole::kQuery,
    TensorRole::kKey,       TensorRole::kValue,         TensorRole::kAttentionOut,
    TensorRole::kFfnNorm,   TensorRole::kGate,          TensorRole::kDown,
    TensorRole::kUp,        TensorRole::kFinalNorm};

void write_llama2c(const TensorSource& source) {
  const ModelDescription& model = source.description();
  std::string bytes;
  for (const uint32_t field : {model.dim, model.hidden, model.layers, model.heads, model.kv_heads,
                               model.vocabulary, model.trained_context}) {
    test::append(bytes, field);
  }
  for (const TensorRole role : kFileRoles) bytes += values_of(source, role);
  bytes += std::string(model.trained_context * model.head_size * sizeof(float), '\0');
  write_seed("llama2c", "tied", bytes);
}

void write_gguf(const TensorSource& source) {
  const ModelDescription& model = source.description();
  static constexpr const char* kNames[] = {
      "token_embd.weight",     "blk.0.attn_norm.weight",   "blk.0.attn_q.weight",   "blk.0.attn_k.weight",
      "blk.0.attn_v.weight",   "blk.0.attn_output.weight", "blk.0.ffn_norm.weight", "blk.0.ffn_gate.weight",
      "blk.0.ffn_down.weight", "blk.0.ffn_up.weight",      "output_norm.weight"};
  // F32, and a block type for the matrices.
  for (const GgmlType type : {GgmlType::kF32, GgmlType::kQ4_0, GgmlType::kQ8_0, GgmlType::kBf16}) {
    test::GgufWriter writer;
    writer.text("general.architecture", "llama");
    writer.text("llama.rope.scaling.type", "yarn");
    writer.number("llama.rope.scaling.factor", 4.0f);
    writer.count("llama.block_count", model.layers);
    writer.count("llama.embedding_length", model.dim);
    writer.count("llama.feed_forward_length", model.hidden);
    writer.count("llama.attention.head_count", model.heads);
    writer.integers("llama.attention.head_count_kv", {1});
    writer.count("llama.context_length", model.trained_context);
    writer.number("llama.attention.layer_norm_rms_epsilon", model.norm_eps);
    writer.text("tokenizer.ggml.model", "llama");
    writer.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a", "b", "c", "d", "ab"});
    writer.numbers("tokenizer.ggml.scores", std::vector<float>(8, 0.0f));
    writer.integers("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 1, 1});
    writer.count("tokenizer.ggml.bos_token_id", 1);
    writer.flag("tokenizer.ggml.add_bos_token", true);
    for (size_t i = 0; i < std::size(kNames); ++i) {
      const TensorShape shape = tensor_shape(model, kFileRoles[i]);
      if (is_vector(kFileRoles[i])) {
        writer.tensor(kNames[i], 0, {shape.columns}, values_of(source, kFileRoles[i]));
        continue;
      }
      const GgmlBlock block = *ggml_block(type);
      writer.tensor(kNames[i], static_cast<uint32_t>(type), {shape.columns, shape.rows},
                    std::string(shape.rows * shape.columns / block.values * block.bytes, '\1'));
    }
    write_seed("gguf", ggml_type_name(type), writer.bytes());
  }
}

// Without the closing brace.
std::string config_of(const ModelDescription& model) {
  return concat(R"({"model_type":"llama","hidden_size":)", model.dim, R"(,"num_hidden_layers":)",
                model.layers, R"(,"num_attention_heads":)", model.heads, R"(,"num_key_value_heads":)",
                model.kv_heads, R"(,"head_dim":)", model.head_size, R"(,"intermediate_size":)", model.hidden,
                R"(,"vocab_size":)", model.vocabulary, R"(,"max_position_embeddings":)",
                model.trained_context, R"(,"rms_norm_eps":1e-5,"tie_word_embeddings":true)");
}

// Extra fields, one variant of config.json each.
constexpr const char* kPlainConfig = "}";
constexpr const char* kAwqConfig =
    R"(,"quantization_config":{"quant_method":"awq","bits":4,"group_size":128,"version":"gemm","zero_point":true}})";
constexpr const char* kGptqConfig =
    R"(,"quantization_config":{"quant_method":"gptq","bits":4,"group_size":64,"desc_act":false,"sym":false}})";
constexpr const char* kLlama3Config =
    R"(,"rope_parameters":{"rope_type":"llama3","rope_theta":5e5,"factor":8.0,"low_freq_factor":1.0,)"
    R"("high_freq_factor":4.0,"original_max_position_embeddings":8}})";
constexpr const char* kYarnConfig =
    R"(,"rope_theta":1e6,"rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":8}})";

enum class Packing : uint8_t { kNone, kAwq, kGptq };

std::string safetensors_of(const ModelDescription& model, Packing packing) {
  static constexpr const char* kModules[] = {"embed_tokens",
                                             "layers.0.input_layernorm",
                                             "layers.0.self_attn.q_proj",
                                             "layers.0.self_attn.k_proj",
                                             "layers.0.self_attn.v_proj",
                                             "layers.0.self_attn.o_proj",
                                             "layers.0.post_attention_layernorm",
                                             "layers.0.mlp.gate_proj",
                                             "layers.0.mlp.down_proj",
                                             "layers.0.mlp.up_proj",
                                             "norm"};
  test::SafetensorsWriter writer;
  for (size_t i = 0; i < std::size(kModules); ++i) {
    const std::string module = concat("model.", kModules[i]);
    const auto [rows, columns] = tensor_shape(model, kFileRoles[i]);
    const uint64_t count = rows * columns;
    if (is_vector(kFileRoles[i])) {
      writer.add(module + ".weight", "BF16", {columns}, std::string(2 * count, '\1'));
    } else if (i == 0 || packing == Packing::kNone) {
      writer.add(module + ".weight", "F16", {rows, columns}, std::string(2 * count, '\1'));
    } else {
      const bool awq = packing == Packing::kAwq;
      const uint64_t groups = columns / (awq ? 128 : 64);
      const std::vector<uint64_t> words =
          awq ? std::vector{columns, rows / 8} : std::vector{columns / 8, rows};
      writer.add(module + ".qweight", "I32", words, std::string(count / 2, '\1'));
      writer.add(module + ".qzeros", "I32", {groups, rows / 8}, std::string(groups * rows / 2, '\1'));
      writer.add(module + ".scales", "F16", {groups, rows}, std::string(2 * groups * rows, '\1'));
    }
  }
  return writer.bytes();
}

void write_hf() {
  const auto add = [](const std::string& name, const char* extra, Packing packing) {
    const ModelDescription model = tiny_model(packing == Packing::kNone ? 8 : 128);
    const std::string config = config_of(model) + extra;
    const std::string tensors = safetensors_of(model, packing);
    std::string both;
    test::append(both, static_cast<uint16_t>(config.size()));
    write_seed("hf_config", name, config);
    write_seed("safetensors", name, tensors);
    write_seed("hf_checkpoint", name, both + config + tensors);
  };
  // Families with experts, by the key that says how many.
  for (const auto& [family, experts] : {std::pair{"mixtral", "num_local_experts"},
                                        {"granitemoe", "num_local_experts"},
                                        {"qwen3_moe", "num_experts"},
                                        {"olmoe", "num_experts"}}) {
    write_seed("hf_config", family,
               concat(R"({"model_type":")", family, R"(","hidden_size":8,"num_attention_heads":2,")", experts,
                      R"(":4,"num_experts_per_tok":2,"intermediate_size":8,"moe_intermediate_size":8,)",
                      R"("norm_topk_prob":true,"embedding_multiplier":2.0,"mlp_only_layers":[]})"));
  }
  add("plain", kPlainConfig, Packing::kNone);
  add("llama3", kLlama3Config, Packing::kNone);
  add("yarn", kYarnConfig, Packing::kNone);
  add("awq", kAwqConfig, Packing::kAwq);
  add("gptq", kGptqConfig, Packing::kGptq);
}

void write_grammars() {
  write_seed("gbnf", "rules",
             "# a list\nroot ::= item (\",\" ws item)* | \nitem ::= [a-z]+ | [^\\x00-\\x1F\"é]{2,4} | \"(\" "
             "root \")\"\nws ::= \" \"?\n");
  write_seed("gbnf", "escapes", R"g(root ::= "\n\"\\\u00e9" [\]\-^] . | ("a"? "b"{,3})+)g");
  write_seed(
      "json_schema", "object",
      R"({"type":"object","properties":{"a":{"type":"integer","minimum":-3,"maximum":120},"b":{"type":["string","null"],"maxLength":4},)"
      R"("c":{"enum":["x",1,null]}},"required":["b"],"additionalProperties":{"type":"number","exclusiveMinimum":0}})");
  write_seed(
      "json_schema", "references",
      R"({"$ref":"#/$defs/n","$defs":{"n":{"properties":{"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]},)"
      R"("l":{"prefixItems":[{"const":1}],"items":{"type":"boolean"},"minItems":1,"maxItems":3}},"required":["next"]}}})");
  write_seed(
      "json_schema", "strings",
      R"({"oneOf":[{"type":"string","pattern":"^(a|[b-d]+)\d{2}$"},{"type":"array","items":{"type":"string","format":"date-time"}}]})");
  write_seed(
      "json_schema", "all",
      R"({"allOf":[{"properties":{"a":{"minimum":2}}},{"properties":{"a":{"maximum":5}},"required":["a"]}]})");
}

// A llama2.c tokenizer: the longest token's length, then score, length and text of each. And its blob,
// after a text with its length, and in an image.
void write_tokenizers_and_image(const TensorSource& source) {
  std::string bytes;
  test::append(bytes, int32_t{6});
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) {
    char token[8];
    std::snprintf(token, sizeof token, "<0x%02X>", byte);
    tokens.push_back(token);
  }
  tokens.insert(tokens.end(), {"a", "b", "ab", " ", " ab"});
  for (const std::string& token : tokens) {
    test::append(bytes, 0.0f);
    test::append(bytes, static_cast<int32_t>(token.size()));
    bytes += token;
  }
  write_seed("sentencepiece", "llama2c", bytes);
  std::filesystem::create_directories(root / "huggingface_tokenizer");
  std::filesystem::copy_file(BRIM_SOURCE_DIR "/src/tokenizer/testdata/byte_level.json",
                             root / "huggingface_tokenizer" / "byte_level",
                             std::filesystem::copy_options::overwrite_existing);

  // Each template by itself, and as the last of the files beside a tokenizer.
  for (const auto& entry : std::filesystem::directory_iterator(BRIM_SOURCE_DIR "/src/template/testdata")) {
    if (entry.path().extension() != ".jinja") continue;
    const std::string text = content_of(entry.path());
    const std::string name = entry.path().stem().string();
    write_seed("chat_template", name, text);
    const std::string config =
        R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "add_bos_token": true, "legacy": false,
            "added_tokens_decoder": {"7": {"content": "<s>", "special": true, "rstrip": true}}})";
    const std::string separator(1, '\0');
    write_seed("tokenizer_settings", name,
               concat(config, separator, R"({"pad_token": "<s>"})", separator, R"({"<x>": 8})", separator,
                      R"({"eos_token_id": [5, 6]})", separator, R"({"eos_token_id": 7})", separator, text));
  }

  const std::vector<uint8_t> blob =
      write_blob(read_llama2c({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "seed"));
  write_seed("tokenizer_blob", "llama2c", std::string("\5ab ab") + std::string(blob.begin(), blob.end()));

  std::filesystem::create_directories(root / "image");
  pack_image(source, blob,
             {.board = load_board("kv260"),
              .embedding = EmbeddingFormat::kQ4,
              .context = 64,
              .threads = 1,
              .progress = {}},
             root / "image" / "tiny");
  pack_image(source, blob,
             {.board = load_board("kv260"),
              .embedding = EmbeddingFormat::kQ4,
              .context = 64,
              .draft = DraftModel{.source = &source, .embedding = EmbeddingFormat::kQ4},
              .threads = 1,
              .progress = {}},
             root / "image" / "draft");
}

// The sectors of a card that are not empty, each after its number.
void write_card() {
  const std::vector<uint8_t> content(3000, 'x');
  const ImagePart part{"brim.img", content};
  const auto path = root / "card.img";
  write_sd_card({&part, 1}, path);
  std::ifstream card(path, std::ios::binary);
  std::string records;
  std::string sector(512, '\0');
  for (uint32_t number = 0; card.read(sector.data(), static_cast<std::streamsize>(sector.size())); ++number) {
    if (sector.find_first_not_of('\0') == std::string::npos) continue;
    test::append(records, number);
    records += sector;
  }
  card.close();
  std::filesystem::remove(path);
  write_seed("fat32", "card", records);
}

void write_boards() {
  for (const auto& entry : std::filesystem::directory_iterator(BRIM_SOURCE_DIR "/boards"))
    write_seed("board_json", entry.path().stem().string(), content_of(entry.path()));
  write_seed("board_json", "like",
             R"({"name":"mine","description":"x","like":"kv260","set":{"accelerator.clock_mhz":250}})");
  std::string console =
      "DDR          DDR4-2400, 64 bit: 19.20e9 B/s\r\nswitch       399.99 MHz (TOPSW_MAIN_CTRL 0x1000303)\r\n"
      "port HP0     128 bit, 8 reads under way (RDCTRL 0x0)\r\nmemory tester 300000 kHz\r\n";
  for (const char* port : {"HP0", "HP1", "HP3", "HPC1", "HPC0"}) {
    console +=
        concat("memory port ", port, " read 4790 write 4700 mixed 9100 together 3640 MB/s, latency idle ",
               "420 loaded 700 most 1200 ns, errors 0\r\n");
  }
  write_seed("memtest_console", "kv260", console);
}

// Lines that programs and people write.
void write_lines() {
  write_seed("pass_log", "plain", "position tokens logits model experts\n0 5 1 0\n5 1 1 0\n6 4 4 1\n");
  write_seed("pass_log", "experts", "position tokens logits model experts\n0 2 1 0 3,17/0,4\n");
  write_seed(
      "console_line", "commands",
      "Hi\x7F\x1B[Ai\r\n/temp 0.5\n/logit-bias 5-inf\n/stop \\n\n/samplers top_k;temperature\n/spec draft\n"
      "/tokens 7\n/ignore-eos on\n/shift off\n//x\n/nothing\n\xC3\xA9\n\x04");
  const std::string whole(2, '\xFF');
  write_seed("finished_layers", "whole", whole + std::string(8000, '\1'));
  write_seed("finished_layers", "later", "\xFE\xFF" + std::string(8000, '\2'));
  write_seed("safetensors_index", "two",
             R"({"metadata":{"total_size":1},"weight_map":{"model.norm.weight":"a.safetensors",)"
             R"("model.embed_tokens.weight":"b.safetensors"}})");
}

// The first byte is the endpoint's or the format's number, as in http_body.cc.
void write_http_bodies() {
  write_seed("http_body", "chat",
             std::string(1, '\0') +
                 R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]},
      {"role": "assistant", "tool_calls": [{"id": "c", "type": "function",
        "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}],
      "temperature": 0.5, "top_k": 3, "seed": 1, "n": 2, "stop": ["a"], "logprobs": true, "top_logprobs": 2,
      "stream": true, "stream_options": {"include_usage": true}, "response_format": {"type": "text"},
      "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": "auto"})");
  write_seed("http_body", "completions",
             "\1"
             R"({"prompt": [1, 2], "max_tokens": 5, "logprobs": 1})");
  write_seed("http_body", "responses",
             "\2"
             R"({"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
      {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
      {"type": "function_call_output", "call_id": "c", "output": "2"}], "text": {"format": {"type": "text"}},
      "tools": [{"type": "function", "name": "f"}], "include": ["message.output_text.logprobs"]})");
  const std::string call = R"({"name": "f", "arguments": {"a": 1}})";
  write_seed("http_body", "thinking", "\3<think>\na\n</think>\n\nb");
  write_seed("http_body", "tags", "\4<tool_call>" + call + "</tool_call>");
  write_seed("http_body", "mistral", "\5[TOOL_CALLS][" + call + "]");
  write_seed("http_body", "list", "\6<|tool_call|>[" + call + "]");
  write_seed("http_body", "llama", "\7" + call);
  write_seed("http_body", "deepseek",
             "\10<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{}\n```"
             "<｜tool▁call▁end｜><｜tool▁calls▁end｜>");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds CORPUS_DIRECTORY\n");
    return 2;
  }
  root = argv[1];
  write_http_bodies();
  write_boards();
  write_lines();
  write_llama2c(*make_synthetic(tiny_model(8), kSyntheticSeed));
  write_gguf(*make_synthetic(tiny_model(32), kSyntheticSeed));
  write_hf();
  write_card();
  write_grammars();
  write_tokenizers_and_image(*make_synthetic(tiny_model(8), kSyntheticSeed));
  return 0;
}
