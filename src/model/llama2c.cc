#include "model/llama2c.h"

#include <array>
#include <bit>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/mapped_file.h"
#include "tokenizer/printable.h"

namespace brim {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian");

constexpr uint64_t kHeaderBytes = 7 * sizeof(int32_t);
constexpr int32_t kVersionedMagic = 0x616b3432;  // "ak42": versions 1 and 2 of the export script
constexpr float kNormEps = 1e-5f;                // fixed in llama2.c, like the RoPE base
constexpr double kRopeTheta = 10000.0;

// The order of the tensors in the file; those of all layers stand together. Between the final norm and
// the classifier stand RoPE tables, which nobody reads any more.
constexpr std::array kFileOrder = {
    TensorRole::kEmbedding, TensorRole::kAttentionNorm, TensorRole::kQuery,
    TensorRole::kKey,       TensorRole::kValue,         TensorRole::kAttentionOut,
    TensorRole::kFfnNorm,   TensorRole::kGate,          TensorRole::kDown,
    TensorRole::kUp,        TensorRole::kFinalNorm,     TensorRole::kLmHead};

ModelDescription read_header(const MappedFile& file) {
  if (file.size() < kHeaderBytes) throw Error(file.path() + ": too short for a llama2.c checkpoint");
  std::array<int32_t, 7> header;
  std::memcpy(header.data(), file.bytes().data(), kHeaderBytes);
  if (header[0] == kVersionedMagic) {
    throw Error(file.path() + ": llama2.c export of version " + std::to_string(header[1]) +
                ", only version 0 is read: export again with --version 0");
  }
  const auto [dim, hidden, layers, heads, kv_heads, vocabulary, context] = header;
  const bool tied = vocabulary > 0;
  if (dim <= 0 || hidden <= 0 || layers <= 0 || heads <= 0 || kv_heads <= 0 || vocabulary == 0 ||
      vocabulary == INT32_MIN || context <= 0 || dim % heads != 0) {
    throw Error(file.path() + ": not a llama2.c checkpoint: its header holds impossible sizes");
  }
  ModelDescription model;
  model.name = printable(std::filesystem::path(file.path()).stem().string());
  model.dim = static_cast<uint32_t>(dim);
  model.hidden = static_cast<uint32_t>(hidden);
  model.layers = static_cast<uint32_t>(layers);
  model.heads = static_cast<uint32_t>(heads);
  model.kv_heads = static_cast<uint32_t>(kv_heads);
  model.head_size = static_cast<uint32_t>(dim / heads);
  model.vocabulary = static_cast<uint32_t>(tied ? vocabulary : -vocabulary);
  model.trained_context = static_cast<uint32_t>(context);
  model.norm_eps = kNormEps;
  model.rope_theta = kRopeTheta;
  model.rope_pairing = RopePairing::kAdjacent;
  model.tied_embeddings = tied;
  try {
    validate(model);
  } catch (const Error& error) {
    throw Error(file.path() + ": " + error.what());
  }
  return model;
}

class Llama2c final : public TensorSource {
 public:
  explicit Llama2c(const std::string& path) : file_(path), model_(read_header(file_)) {
    uint64_t offset = kHeaderBytes;
    for (const TensorRole role : kFileOrder) {
      if (role == TensorRole::kLmHead) {
        if (model_.tied_embeddings) break;
        offset += rope_table_bytes();
      }
      offsets_[index(role)] = offset;
      const TensorShape shape = tensor_shape(model_, role);
      const uint64_t copies = is_per_layer(role) ? model_.layers : 1;
      offset += copies * shape.rows * shape.columns * sizeof(float);
    }
    if (model_.tied_embeddings) {
      offset += rope_table_bytes();
      offsets_[index(TensorRole::kLmHead)] = offsets_[index(TensorRole::kEmbedding)];
    }
    if (offset != file_.size()) {
      throw Error(path + ": " + std::to_string(file_.size()) +
                  " bytes, but a llama2.c checkpoint with this header has " + std::to_string(offset) +
                  ": the file is cut off or of another format");
    }
  }

  const ModelDescription& description() const override { return model_; }

  void read_rows(TensorId id, uint64_t first_row, uint64_t rows, std::span<float> out) const override {
    check_read(model_, id, first_row, rows, out.size());
    const TensorShape shape = tensor_shape(model_, id.role);
    const uint64_t row = id.layer * shape.rows + first_row;
    const uint64_t offset = offsets_[index(id.role)] + row * shape.columns * sizeof(float);
    std::memcpy(out.data(), file_.bytes().data() + offset, out.size_bytes());
    file_.note_read(out.size_bytes());
    check_finite(out, id, file_.path());
  }

 private:
  static size_t index(TensorRole role) { return static_cast<size_t>(role); }

  // cos and sin, [context][head_size / 2] each.
  uint64_t rope_table_bytes() const {
    return uint64_t{model_.trained_context} * model_.head_size * sizeof(float);
  }

  MappedFile file_;
  ModelDescription model_;
  std::array<uint64_t, kTensorRoles> offsets_{};  // by role, of layer 0
};

}  // namespace

std::unique_ptr<TensorSource> open_llama2c(const std::string& path) {
  return std::make_unique<Llama2c>(path);
}

}  // namespace brim
