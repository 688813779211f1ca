#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "model/gguf_checkpoint.h"
#include "model/hf_checkpoint.h"
#include "model/hub.h"
#include "model/llama2c.h"
#include "model/synthetic.h"
#include "model/tensor_source.h"

namespace brim {
namespace {

constexpr std::string_view kSyntheticPrefix = "synthetic:";
constexpr const char* kSupportedForms =
    "; MODEL is a Hugging Face directory, a .gguf file, a llama2.c .bin file, hub:ORG/NAME or synthetic:NAME";

std::string first_bytes(const std::string& path, size_t count) {
  std::string bytes(count, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

}  // namespace

std::unique_ptr<TensorSource> open_model(const std::string& name) {
  const std::string model = local_path(name);
  if (model.starts_with(kSyntheticPrefix)) return open_synthetic(model.substr(kSyntheticPrefix.size()));
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(model, ignored);
  if (!std::filesystem::exists(status)) {
    throw Error("there is no model at '" + model + "'" + kSupportedForms);
  }
  if (std::filesystem::is_directory(status)) return open_hf_checkpoint(model);
  if (!std::filesystem::is_regular_file(status)) {
    throw Error("'" + model + "' is no regular file" + kSupportedForms);
  }
  const std::string magic = first_bytes(model, 4);
  if (magic.starts_with("PK\x03\x04") || magic.starts_with("\x80\x02")) {
    throw Error("'" + model + "' is a PyTorch pickle, which is not read: convert it to safetensors" +
                kSupportedForms);
  }
  if (magic == "GGUF" || model.ends_with(".gguf")) return open_gguf_checkpoint(model);
  if (model.ends_with(".safetensors")) {
    throw Error("'" + model +
                "' is a part of a Hugging Face model: give the directory that it is in, with its " +
                "config.json");
  }
  if (model.ends_with(".bin")) return open_llama2c(model);
  throw Error("'" + model + "' is of no supported format" + kSupportedForms);
}

}  // namespace brim
