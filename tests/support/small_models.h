// Small models that together take every branch of packing and decoding, and images of them. For tests.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "board/board.h"
#include "image/mapped_image.h"
#include "image/pack.h"
#include "model/checkpoint_test_util.h"
#include "model/synthetic.h"

namespace brim::test {

// Grouped and ungrouped heads, head sizes 8 to 128, pages of 4, 2 and 1 columns, padded groups and rows,
// biases, head norms, tied embeddings, both RoPE pairings, RoPE scaling.
inline std::vector<ModelDescription> small_models() {
  const ModelDescription base{.name = "plain",
                              .dim = 64,
                              .layers = 2,
                              .heads = 8,
                              .kv_heads = 4,
                              .head_size = 8,
                              .hidden = 172,
                              .vocabulary = 96,
                              .trained_context = 128,
                              .norm_eps = 1e-5f,
                              .rope_theta = 10000.0,
                              .rope_pairing = RopePairing::kAdjacent,
                              .rope_scaling = {},
                              .tied_embeddings = false,
                              .qkv_bias = false,
                              .qk_norm = false,
                              .eight_bit = {}};
  std::vector<ModelDescription> models = {base};

  ModelDescription bias = base;  // one and two columns per page; half-split pairs
  bias.name = "bias";
  bias.dim = 384;
  bias.heads = 4;
  bias.kv_heads = 2;
  bias.head_size = 32;
  bias.hidden = 256;
  bias.vocabulary = 130;
  bias.rope_pairing = RopePairing::kHalfSplit;
  bias.qkv_bias = true;
  models.push_back(bias);

  ModelDescription norm = base;  // all query heads share one KV head
  norm.name = "norm";
  norm.dim = 200;
  norm.heads = 3;
  norm.kv_heads = 1;
  norm.head_size = 128;
  norm.hidden = 320;
  norm.vocabulary = 67;
  norm.rope_pairing = RopePairing::kHalfSplit;
  norm.rope_scaling = {.kind = RopeScaling::Kind::kLlama3, .factor = 8.0, .original_context = 32.0};
  norm.tied_embeddings = true;
  norm.qk_norm = true;
  models.push_back(norm);

  ModelDescription wide = base;  // four columns per page; no grouping; head size between the record sizes
  wide.name = "wide";
  wide.dim = 512;
  wide.layers = 1;
  wide.heads = 3;
  wide.kv_heads = 3;
  wide.head_size = 80;
  wide.hidden = 510;
  wide.vocabulary = 200;
  wide.rope_scaling = {.kind = RopeScaling::Kind::kYarn, .factor = 4.0, .original_context = 32.0};
  wide.qkv_bias = true;
  wide.qk_norm = true;
  wide.tied_embeddings = true;
  models.push_back(wide);
  return models;
}

// All that K and V may be kept in but for the usual eight bits.
inline std::vector<KvCache> small_caches() {
  return {{.key_bits = 4, .value_bits = 4, .rotated = true},
          {.key_bits = 4, .value_bits = 4, .rotated = false},
          {.key_bits = 8, .value_bits = 4, .rotated = false}};
}

inline ModelDescription small_model(const std::string& name) {
  for (const ModelDescription& model : small_models()) {
    if (model.name == name) return model;
  }
  throw Error("no small model is called " + name);
}

// The board of an image of this model: with heads larger than its accelerator takes, for this machine alone.
inline Board board_of(const TensorSource& source) {
  Board board = load_board("kv260");
  uint32_t& most = board.accelerator.largest_model.head_size;
  most = std::max(most, source.description().head_size);
  return board;
}

// An image in a folder of its own.
class PackedModel {
 public:
  PackedModel(const TensorSource& source, const PackOptions& options)
      : path_(folder_.path() + "/image.brim"),
        plan_(pack_image(source, {}, options, path_)),
        image_(std::make_unique<MappedImage>(path_)) {}

  explicit PackedModel(const TensorSource& source, EmbeddingFormat embedding = EmbeddingFormat::kQ8,
                       uint32_t context = 128, const std::optional<Board>& board = {},
                       std::span<const uint8_t> tokenizer = {}, const KvCache& kv = {})
      : path_(folder_.path() + "/image.brim"),
        plan_(pack_image(source, tokenizer,
                         options(board ? *board : board_of(source), embedding, context, kv), path_)),
        image_(std::make_unique<MappedImage>(path_)) {}

  const std::string& path() const { return path_; }
  const std::string folder() const { return folder_.path(); }
  const Plan& plan() const { return plan_; }
  const MappedImage& image() const { return *image_; }

 private:
  static PackOptions options(const Board& board, EmbeddingFormat embedding, uint32_t context,
                             const KvCache& kv) {
    PackOptions options;
    options.kv_cache = kv;
    options.board = board;
    options.embedding = embedding;
    options.context = context;
    options.threads = 2;
    return options;
  }

  TemporaryFolder folder_;
  std::string path_;
  Plan plan_;
  std::unique_ptr<MappedImage> image_;
};

// An image of `model` whose draft model is `draft`.
inline PackedModel packed_with_draft(const TensorSource& model, const TensorSource& draft, uint32_t context) {
  PackOptions options;
  options.board = load_board("kv260");
  options.context = context;
  options.draft = DraftModel{.source = &draft};
  options.threads = 2;
  return PackedModel(model, options);
}

inline std::string stories260k_folder() { return std::string(BRIM_SHARED_DATA) + "/stories260K/"; }

}  // namespace brim::test

// Skips the test where the trained model of the shared data is absent.
#define BRIM_NEED_STORIES260K()                                                         \
  if (!std::filesystem::exists(::brim::test::stories260k_folder() + "stories260K.bin")) \
  GTEST_SKIP() << ::brim::test::stories260k_folder() << " is absent"
