// A quantiser's finished layers on disk, those of a tiny model. Key and hashes are put right, as nobody finds
// them by chance; the input is a byte for each file of how much of it there is, and then what they hold.
#include "quantize/finished_layers.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "model/synthetic.h"

namespace {

using namespace brim;

constexpr uint64_t kKey = 1;
constexpr uint64_t kMagic = 0x316C6179'6D697262;
constexpr size_t kActivations = 5;

ModelDescription tiny() {
  ModelDescription model;
  model.name = "tiny";
  model.dim = model.hidden = 16;
  model.layers = 1;
  model.heads = model.kv_heads = 2;
  model.head_size = 8;
  model.vocabulary = 8;
  model.trained_context = 16;
  return model;
}

// In memory, for the life of the process.
struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  const std::filesystem::path path = "/dev/shm/brim-fuzz-layers-" + std::to_string(getpid());
};

void read_all(const FinishedLayers& layers, const ModelDescription& model, uint32_t layer) {
  const auto content = layers.content(layer);
  for (uint32_t i = 0; i < kTensorRoles; ++i) {
    const auto role = static_cast<TensorRole>(i);
    if (!layers.layout(layer).holds(role)) continue;
    const TensorShape shape = tensor_shape(model, role);
    if (is_vector(role)) {
      std::vector<float> values(shape.columns);
      layers.layout(layer).get_vector(role, content, values);
      continue;
    }
    const uint64_t groups = shape.rows * groups_of(shape.columns);
    std::vector<uint8_t> q(groups * kGroup), zeros(groups);
    std::vector<uint16_t> scales(groups);
    layers.layout(layer).get_rows(role, 0, shape.rows, content, {q, zeros, scales});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Folder folder;
  static const std::unique_ptr<TensorSource> source = make_synthetic(tiny(), 1);
  const ModelDescription& model = source->description();
  const FinishedLayers layers(folder.path, kKey, *source);
  const uint32_t files = model.layers + 1;
  if (size < files) return 0;
  const uint8_t* rest = data + files;
  size_t left = size - files;
  for (uint32_t layer = 0; layer < files; ++layer) {
    // 255: whole and followed by activations; 254: without them; else a part of what is left.
    const size_t whole = layers.layout(layer).bytes();
    const size_t wanted = data[layer] == 255   ? whole + kActivations * sizeof(float)
                          : data[layer] == 254 ? whole
                                               : left * data[layer] / 253;
    std::vector<uint8_t> bytes(wanted);
    const size_t given = std::min(left, bytes.size());
    std::copy_n(rest, given, bytes.begin());
    rest += given;
    left -= given;
    const std::span<const uint8_t> all(bytes);
    const auto content = all.first(std::min(whole, all.size()));
    const uint64_t header[] = {kMagic, kKey, hash_bytes(content, layer),
                               hash_bytes(all.subspan(content.size()), layer)};
    std::ofstream out(folder.path / ("layer-" + std::to_string(layer)), std::ios::binary);
    out.write(reinterpret_cast<const char*>(header), sizeof header);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  std::vector<float> activations(kActivations);
  const uint32_t found = layers.find(activations);
  if (found > files) std::abort();
  for (uint32_t layer = 0; layer < found; ++layer) read_all(layers, model, layer);
  return 0;
}
