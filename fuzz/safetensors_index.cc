// model.safetensors.index.json of a checkpoint in two shards, whose other files are sound.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "model/checkpoint_writers.h"
#include "model/hf_checkpoint.h"
#include "read_all.h"

namespace {

using namespace brim;

// In memory, for the life of the process.
class Directory {
 public:
  Directory() : path_("/dev/shm/brim-fuzz-index-" + std::to_string(getpid())) {
    std::filesystem::create_directories(path_);
    write("config.json",
          R"({"model_type":"llama","hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,)"
          R"("num_key_value_heads":1,"head_dim":4,"intermediate_size":8,"vocab_size":8,)"
          R"("max_position_embeddings":16,"rms_norm_eps":1e-5,"tie_word_embeddings":true})");
    const auto shard = [&](const char* name, bool vectors) {
      test::SafetensorsWriter writer;
      const auto add = [&](const char* tensor, std::vector<uint64_t> shape) {
        if ((shape.size() == 1) != vectors) return;
        const uint64_t values = shape[0] * (shape.size() == 1 ? 1 : shape[1]);
        writer.add(concat("model.", tensor, ".weight"), "BF16", shape, std::string(2 * values, '\1'));
      };
      add("embed_tokens", {8, 8});
      add("norm", {8});
      add("layers.0.input_layernorm", {8});
      add("layers.0.post_attention_layernorm", {8});
      add("layers.0.self_attn.q_proj", {8, 8});
      add("layers.0.self_attn.k_proj", {4, 8});
      add("layers.0.self_attn.v_proj", {4, 8});
      add("layers.0.self_attn.o_proj", {8, 8});
      add("layers.0.mlp.gate_proj", {8, 8});
      add("layers.0.mlp.up_proj", {8, 8});
      add("layers.0.mlp.down_proj", {8, 8});
      write(name, writer.bytes());
    };
    shard("a.safetensors", true);
    shard("b.safetensors", false);
  }
  ~Directory() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  void write(const char* name, const std::string& content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }

 private:
  std::string path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Directory directory;
  directory.write("model.safetensors.index.json", {reinterpret_cast<const char*>(data), size});
  try {
    fuzz::read_all(*open_hf_checkpoint(directory.path()));
  } catch (const Error&) {
  }
  return 0;
}
